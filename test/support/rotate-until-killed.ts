/**
 * Run as a process by agent-rotation-kill.test.ts: hears a heart rate now and then, says what became durable, and kills itself
 * after a step toward a new signing key.
 */
import { writeSync } from 'node:fs';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import { gatewayOptions, heartRate, NOON } from './test-gateway.ts';

const [folder = '', serviceUrl = '', code = '', start = '0', killAt = ''] = process.argv.slice(2);
const gateway = await openAgentGateway({
  ...gatewayOptions(folder, serviceUrl, code || undefined),
  batch: { maxLeaves: 5, maxAgeMs: 30 },
  onRotationStep(step) {
    writeSync(1, `step ${step}\n`);
    if (step === killAt) process.kill(process.pid, 'SIGKILL');
  },
});
for (let at = Number(start); ; at++) {
  await gateway.hear(heartRate(60 + (at % 100), NOON + at * 1000));
  writeSync(1, `heard ${at}\n`);
  await new Promise((resolve) => setTimeout(resolve, 150));
}
