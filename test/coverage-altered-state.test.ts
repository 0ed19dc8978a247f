/** What an agent's disk altered before it was sealed: a certificate of coverage does not say that nothing is missing. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openAgentGateway } from '../edge-agent/agent.ts';
import { databasePath } from '../edge-agent/database.ts';
import type { Gateway } from '../edge-agent/gateway.ts';
import { coverageOf } from '../ingest-service/coverage.ts';
import { openServiceKeys } from '../ingest-service/keys.ts';
import { openLogReader } from '../ingest-service/log-reader.ts';
import { signCertificate } from '../protocol/coverage-certificate.ts';
import { verifyCoverage } from '../protocol/verify-coverage.ts';
import { consentToCollect } from '../simulators/patients.ts';
import { BEGIN, STEP, verifyOnce } from './support/coverage-site.ts';
import { gatewayOptions, heartRate, makeFolder, STRAP } from './support/test-gateway.ts';
import { openTestWorld } from './support/test-world.ts';
import { until } from './support/until.ts';

let folder: string;
let world: Awaited<ReturnType<typeof openTestWorld>>;
let now: number;

beforeEach(async () => {
  folder = makeFolder();
  world = await openTestWorld();
  now = BEGIN;
});
afterEach(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

async function hear(gateway: Gateway, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    now += STEP;
    await gateway.hear(heartRate(60 + i, now));
  }
}

it.each(['stopped', 'killed'])('where it was %s since', { timeout: 30_000 }, async (end) => {
  const ada = world.patient('Ada (HTEST)');
  await consentToCollect(ada);
  const patient = world.recordOf(ada);
  const code = world.service.createEnrolmentCode([{ patient: patient.id, address: STRAP, addressType: 'random' }]);
  const open = (of: string) =>
    openAgentGateway({
      ...gatewayOptions(join(folder, of), world.service.url, code),
      clock: () => now,
      batch: { maxLeaves: 500, maxAgeMs: 3_600_000 },
      heartbeatMs: 3_600_000,
    });
  const first = await open('before');
  await hear(first, 1);
  await first.settled();
  await hear(first, 3);
  // As a kill leaves it; a stop attests coverage.
  if (end === 'killed') cpSync(join(folder, 'before'), join(folder, 'after'), { recursive: true });
  await first.stop();
  if (end === 'stopped') cpSync(join(folder, 'before'), join(folder, 'after'), { recursive: true });
  const db = new DatabaseSync(databasePath(join(folder, 'after', 'state')));
  const rows = db.prepare('SELECT row FROM pending ORDER BY row').all();
  expect(rows).toHaveLength(end === 'killed' ? 3 : 4);
  db.prepare('UPDATE pending SET body = zeroblob(length(body)) WHERE row = ?').run(rows[1]!.row!);
  db.close();

  now += STEP;
  await (await open('after')).stop(); // what it finds out now it still knows at the next start
  const gateway = await open('after');
  await hear(gateway, 1);
  await gateway.settled();
  await gateway.stop();
  await world.settle();
  const { store } = world.service;
  await until('the places in the log', () => store.commitments.countUnlogged() === 0);
  const sources = { store, logKey: world.log.key, readLog: openLogReader(join(world.directory, 'log')) };
  const certificate = await coverageOf(sources, { patient, from: BEGIN, to: now }, now);
  const { signer } = openServiceKeys(join(world.directory, 'keys', 'service'), false);
  const trust = { log: world.log.key, service: world.service.publicKey };
  const { verdict, findings } = verifyCoverage(signCertificate(certificate, signer), trust, verifyOnce);
  expect(verdict).toBe('red');
  expect(findings.map(({ from, to }) => [(from - BEGIN) / STEP, (to - BEGIN) / STEP])).toEqual([[1, 4]]);
});
