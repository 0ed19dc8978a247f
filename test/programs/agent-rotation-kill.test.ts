/**
 * Agents that are killed (kill -9) after each step toward a new signing key: the next start goes on, nothing that was
 * durable is lost or doubled, the sequence has no gap across both keys, and strangers find every reading genuine.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import type { RotationStep } from '../../edge-agent/rotation.ts';
import { wishRotation } from '../../ingest-service/agent-operator.ts';
import { openLogReader } from '../../ingest-service/log-reader.ts';
import { receiptFor } from '../../ingest-service/receipts.ts';
import { encodeReceipt } from '../../protocol/receipt.ts';
import { verifyReceipt } from '../../protocol/verify.ts';
import { consentToCollect } from '../../simulators/patients.ts';
import { gatewayOptions, heartRate, makeFolder, NOON, STRAP } from '../support/test-gateway.ts';
import { openTestWorld, type TestWorld } from '../support/test-world.ts';
import { until } from '../support/until.ts';

const CHILD = fileURLToPath(new URL('../support/rotate-until-killed.ts', import.meta.url));
const STEPS: readonly RotationStep[] = ['wanted', 'made', 'signed', 'accepted', 'placed', 'enrolled', 'done'];
const HEART_RATE = 147842;

let world: TestWorld;
beforeAll(async () => {
  world = await openTestWorld();
});
afterAll(() => world.close());

describe.concurrent('an agent killed after the step', () => {
  it.each(STEPS)('%s', async (step) => {
    const patient = world.patient(`Ada ${step} (HTEST)`);
    await consentToCollect(patient);
    const code = world.service.createEnrolmentCode([{ patient: patient.id, address: STRAP, addressType: 'random' }]);
    const folder = makeFolder();
    const child = spawn(process.execPath, [CHILD, folder, world.service.url, code, '0', step], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const closed = once(child, 'close');
    await until('readings of the agent', () => output.includes('heard 3\n'), 30_000);
    const { agents, keyEvents, batches, segments } = world.service.store;
    const [before] = agents.agentsOf(patient.id);
    wishRotation({ data: world.directory, agent: before! }, Date.now);
    expect(await closed).toEqual([null, 'SIGKILL']);
    expect(output).toContain(`step ${step}\n`);

    const gateway = await openAgentGateway(gatewayOptions(folder, world.service.url));
    await until('the new name', () => gateway.id !== before, 20_000);
    for (let at = 1_000_000; at < 1_000_003; at++) await gateway.hear(heartRate(60 + (at % 100), NOON + at * 1000));
    await gateway.settled();
    expect(gateway.status()).toMatchObject({ outbox: 0, sealed: gateway.status().held, connected: true });
    expect(gateway.status().halted).toBeUndefined();
    await world.service.caughtUp();

    // One key followed the other, once, and it is the one that the agent has.
    const succession = keyEvents.successionOf(before!)!;
    expect(succession.successor).toBe(gateway.id);
    expect(keyEvents.wishedRotations()).not.toContain(before);
    expect(agents.agentsOf(patient.id)).toEqual([gateway.id]);
    const last = batches.newest(gateway.id)!.sequence;
    for (let sequence = 1; sequence <= last; sequence++) {
      const owner = sequence <= succession.lastSequence ? before! : gateway.id;
      expect(batches.idAt(owner, sequence), `batch ${sequence}`).toBeDefined();
    }
    expect(batches.newest(before!)!.sequence).toBe(succession.lastSequence);

    const filed = [...segments.readings(world.recordOf(patient), HEART_RATE, { sort: 'asc' })];
    const times = filed.map(({ leaf }) => (leaf.heardAt - NOON) / 1000);
    const durable = output.split('\n').flatMap((line) => (line.startsWith('heard ') ? [Number(line.slice(6))] : []));
    expect(durable.filter((at) => !times.includes(at))).toEqual([]);
    expect(new Set(times).size).toBe(times.length);

    const sources = {
      store: world.service.store,
      readLog: openLogReader(join(world.directory, 'log')),
      logKey: world.log.key,
    };
    for (const reading of [filed[0]!, filed.at(-1)!]) {
      const receipt = await receiptFor(sources, reading);
      expect(receipt.keyHistory).toHaveLength(1);
      const trust = { log: world.log.key, service: world.service.publicKey };
      expect(verifyReceipt(encodeReceipt(receipt), trust).verdict).toBe('genuine');
    }
    await gateway.stop();
    // The state is that of the new key alone: it opens again, and the old secret is gone.
    const again = await openAgentGateway(gatewayOptions(folder, world.service.url));
    expect(again.id).toBe(gateway.id);
    await again.stop();
    rmSync(folder, { recursive: true });
  });
});
