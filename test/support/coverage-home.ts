/** A home with one strap beside a running service, whose key may be replaced or revoked: its batches, one a minute, and their certificate. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import { wishRotation } from '../../ingest-service/agent-operator.ts';
import { type CoverageQuestion, coverageOf } from '../../ingest-service/coverage.ts';
import { openServiceKeys } from '../../ingest-service/keys.ts';
import { openLogReader } from '../../ingest-service/log-reader.ts';
import { addRowSum } from '../../ingest-service/record/row-sums.ts';
import { type CertifiedAgent, type CoverageCertificate, signCertificate } from '../../protocol/coverage-certificate.ts';
import { foldAgents, proveAgent } from '../../protocol/coverage-evidence.ts';
import { readEnrolment } from '../../protocol/enrolment.ts';
import { readKeyEvent } from '../../protocol/key-event.ts';
import { type CoverageVerdict, verifyCoverage } from '../../protocol/verify-coverage.ts';
import { consentToCollect } from '../../simulators/patients.ts';
import { BEGIN, STEP, verifyOnce } from './coverage-site.ts';
import { gatewayOptions, heartRate, makeFolder, STRAP } from './test-gateway.ts';
import { openTestWorld } from './test-world.ts';
import { until } from './until.ts';

export type CoverageHome = Awaited<ReturnType<typeof openCoverageHome>>;

export async function openCoverageHome() {
  const world = await openTestWorld();
  const ada = world.patient('Ada (HTEST)');
  await consentToCollect(ada);
  const patient = world.recordOf(ada);
  const code = world.service.createEnrolmentCode([{ patient: patient.id, address: STRAP, addressType: 'random' }]);
  const folder = makeFolder();
  let now = BEGIN;
  const gateway = await openAgentGateway({
    ...gatewayOptions(folder, world.service.url, code),
    clock: () => now,
    batch: { maxLeaves: 500, maxAgeMs: 3_600_000 },
    heartbeatMs: 3_600_000,
  });
  const { store } = world.service;
  const record = new DatabaseSync(join(world.directory, 'service', 'record.sqlite'), { timeout: 5000 });
  addRowSum(record);
  const { signer } = openServiceKeys(join(world.directory, 'keys', 'service'), false);
  const sources = { store, logKey: world.log.key, readLog: openLogReader(join(world.directory, 'log')) };

  return {
    world,
    gateway,
    store,
    record,
    patient,
    signer,
    now: () => now,

    /** Seals so many batches, one a minute. */
    async beat(count: number): Promise<void> {
      for (let i = 0; i < count; i++) {
        now += STEP / 2;
        await gateway.hear(heartRate(60 + i, now));
        now += STEP / 2;
        await gateway.flush();
      }
    },

    /** All is filed, and in a signed checkpoint. */
    async logged(): Promise<void> {
      await gateway.settled();
      await world.settle();
      await until('the places in the log', () => store.commitments.countUnlogged() === 0);
    },

    async rotate(): Promise<void> {
      const before = gateway.id;
      wishRotation({ data: world.directory, agent: before }, Date.now);
      await until('the new name', () => gateway.id !== before, 20_000);
    },

    /** Looks while the record has no batch of this sequence. */
    async withoutBatch(sequence: number, look: () => Promise<void>): Promise<void> {
      const rows = record.prepare('DELETE FROM batches WHERE sequence = ? RETURNING *').all(sequence);
      try {
        await look();
      } finally {
        for (const row of rows) {
          const names = Object.keys(row);
          const insert = `INSERT INTO batches (${names}) VALUES (${names.map(() => '?')})`;
          record.prepare(insert).run(...(Object.values(row) as string[]));
        }
      }
    },

    /** Looks while the record does not know where a commitment is in the log. */
    async withoutPlace(commitment: Uint8Array, look: () => Promise<void>): Promise<void> {
      const index = store.commitments.logIndex(commitment)!;
      record.exec(`UPDATE commitments SET log_index = NULL WHERE log_index = ${index}`);
      try {
        await look();
      } finally {
        store.transaction(() => store.commitments.setLogIndex(commitment, index));
      }
    },

    certificate(to: number, more: Partial<CoverageQuestion> = {}): Promise<CoverageCertificate> {
      return coverageOf(sources, { patient, from: BEGIN, to, ...more }, to);
    },

    verify(certificate: CoverageCertificate): CoverageVerdict {
      const trust = { log: world.log.key, service: world.service.publicKey };
      return verifyCoverage(signCertificate(certificate, signer), trust, verifyOnce);
    },

    async close(): Promise<void> {
      record.close();
      await gateway.stop();
      await world.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** As a service signs it that wants to hide something: the intervals are those that follow from what it shows. */
export function dishonest(honest: CoverageCertificate, changed: Partial<CertifiedAgent>): CoverageCertificate {
  const agent = { ...honest.agents[0]!, ...changed };
  const events = agent.keyEvents.map(({ event, ...place }) => ({ event: readKeyEvent(event), ...place }));
  const proven = proveAgent(agent, readEnrolment(agent.enrolment).agentKey, events, honest, () => true);
  return { ...honest, agents: [agent], devices: foldAgents([proven], honest) };
}
