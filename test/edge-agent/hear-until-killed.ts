/** Run as a process by agent-kill.test.ts: hears for ever, and reports what became durable, until it is killed. */
import { writeSync } from 'node:fs';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import { gatewayOptions, heartRate, NOON } from '../support/test-gateway.ts';

const [folder = '', serviceUrl = '', code = '', start = '0'] = process.argv.slice(2);
const gateway = await openAgentGateway({
  ...gatewayOptions(folder, serviceUrl, code || undefined),
  batch: { maxLeaves: 20, maxAgeMs: 10 },
});
let next = Number(start);

async function hearForEver(): Promise<never> {
  while (true) {
    const at = next++;
    await gateway.hear(heartRate(60 + (at % 100), NOON + at));
    writeSync(1, `${at}\n`);
  }
}

await Promise.all(Array.from({ length: 5 }, hearForEver));
