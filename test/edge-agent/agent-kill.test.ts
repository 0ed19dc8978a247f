import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import { gatewayOptions, heartRate, issueCode, makeFolder, NOON } from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';

const CHILD = fileURLToPath(new URL('./hear-until-killed.ts', import.meta.url));

/** Starts the hearing process, kills it after so many readings became durable, and returns these. */
async function hearAndKill(args: readonly string[], after: number): Promise<number[]> {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > after) child.kill('SIGKILL');
  });
  await once(child, 'close');
  // The last line may be cut; what it reported need not be counted.
  const whole = output.slice(0, output.lastIndexOf('\n') + 1);
  return whole.split('\n').flatMap((line) => (line === '' ? [] : [Number(line)]));
}

it('loses nothing that was durable and doubles nothing through kill -9', async () => {
  const service = await new TestService().start();
  const folder = makeFolder();
  const durable: number[] = [];
  durable.push(...(await hearAndKill([folder, service.url, issueCode(service), '0'], 90)));
  await service.stopBroker(); // the second time nothing can be handed over
  durable.push(...(await hearAndKill([folder, service.url, '', '1000000'], 150)));
  await service.startBroker();

  const gateway = await openAgentGateway(gatewayOptions(folder, service.url));
  // The devices did not hear that these were durable, and send them again.
  for (const at of durable.slice(-50)) await gateway.hear(heartRate(60 + (at % 100), NOON + at, 2));
  await gateway.settled();

  const heard = service.readings.map(({ heardAt }) => heardAt - NOON);
  expect(durable.length).toBeGreaterThanOrEqual(240);
  expect(durable.filter((at) => !heard.includes(at))).toEqual([]);
  expect(new Set(heard).size).toBe(heard.length);
  expect(gateway.status().doubles).toBe(50);
  expect(service.batches.map(({ header }) => header.sequence)).toEqual(service.batches.map((_, i) => i + 1));
  await gateway.stop();
  await service.stop();
  rmSync(folder, { recursive: true });
});
