/**
 * A home whose network is down while it seals its batches, and a service that takes them one by one: every place where a
 * batch is stored is at hand, so that it can be taken away there. Two patients share the gateway.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import { DEFAULT_BATCH, openAgentGateway } from '../../edge-agent/agent.ts';
import { databasePath } from '../../edge-agent/database.ts';
import { createCorrecting } from '../../ingest-service/correcting.ts';
import { createCounters } from '../../ingest-service/counters.ts';
import { type CoverageQuestion, coverageOf } from '../../ingest-service/coverage.ts';
import { createFiler } from '../../ingest-service/filer.ts';
import { startIntake } from '../../ingest-service/intake.ts';
import { openServiceKeys } from '../../ingest-service/keys.ts';
import { openLogReader } from '../../ingest-service/log-reader.ts';
import { startPipeline } from '../../ingest-service/pipeline.ts';
import type { ReceiptSources } from '../../ingest-service/receipts.ts';
import type { Patient } from '../../ingest-service/record/patients.ts';
import { openRecordSqlite } from '../../ingest-service/record/record-sqlite.ts';
import { createUnsealer } from '../../ingest-service/unseal.ts';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';
import { DEFAULT_ORIGIN } from '../../ledger-writer/config.ts';
import { openKeyedLog } from '../../ledger-writer/keyed-log.ts';
import { startLedgerWriter } from '../../ledger-writer/writer.ts';
import { type Acknowledgement, openAcknowledgement } from '../../protocol/acknowledgement.ts';
import { decodeHex } from '../../protocol/bytes.ts';
import type { Verify } from '../../protocol/cose.ts';
import { type CoverageCertificate, signCertificate } from '../../protocol/coverage-certificate.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import type { AgentId } from '../../protocol/keys.ts';
import { batchesTopic } from '../../protocol/topics.ts';
import { type CoverageVerdict, verifyCoverage } from '../../protocol/verify-coverage.ts';
import { consentToCollect } from '../../simulators/patients.ts';
import { openTestWorld } from './test-world.ts';

/** 2026-03-01T08:00:00Z */
export const BEGIN = Date.UTC(2026, 2, 1, 8);
/** From one batch to the next. */
export const STEP = 60_000;

export type CoverageSite = Awaited<ReturnType<typeof openCoverageSite>>;

/** Signatures hold or not for ever; trials look at the same ones again and again. */
const seen = new Map<string, boolean>();
export const verifyOnce: Verify = (key, message, signature) => {
  const name = createHash('sha256').update(key).update(signature).update(message).digest('base64');
  const known = seen.get(name) ?? verifyEd25519(key, message, signature);
  seen.set(name, known);
  return known;
};

const STRAPS = ['c0:ff:ee:00:00:01', 'c0:ff:ee:00:00:02'] as const;
const STRANGER = 'c0:ff:ee:00:00:03';

export async function openCoverageSite(count: number) {
  const directory = mkdtempSync(join(tmpdir(), 'veravita-coverage-'));
  const at = (...parts: string[]) => join(directory, ...parts);
  const world = await openTestWorld(directory);
  const [ada, ben] = [world.patient('Ada (HTEST)'), world.patient('Ben (HTEST)')];
  for (const one of [ada, ben]) await consentToCollect(one);
  const code = world.service.createEnrolmentCode([
    ...STRAPS.map((address) => ({ patient: ada.id, address, addressType: 'random' as const })),
    { patient: ben.id, address: STRANGER, addressType: 'random' },
  ]);
  let now = BEGIN;
  const gateway = await openAgentGateway({
    stateDirectory: at('home'),
    keysDirectory: at('home', 'keys'),
    serviceUrl: world.service.url,
    code,
    brokerUrl: 'mqtt://127.0.0.1:9',
    clock: () => now,
    zoneOf: () => 0,
    test: true,
    batch: { ...DEFAULT_BATCH, maxAgeMs: 3_600_000 },
    heartbeatMs: 3_600_000,
  });
  for (let i = 0; i < count; i++) {
    now += STEP / 2;
    const hear = (device: string, bpm: number) =>
      gateway.hear({ device, connection: 1, characteristic: 0x2a37, value: Uint8Array.of(0, bpm), heardAt: now });
    // One strap speaks all the time, the other now and then, the stranger too: batches differ.
    await hear(STRAPS[0], 60 + (i % 60));
    if (i % 3 === 0) await hear(STRAPS[1], 70);
    if (i % 2 === 0) await hear(STRANGER, 80);
    now += STEP / 2;
    await gateway.flush();
  }
  const agent = gateway.id as AgentId;
  await gateway.stop();
  await world.stop();

  const outbox = new DatabaseSync(databasePath(at('home')));
  const rows = outbox.prepare('SELECT envelope, header FROM outbox ORDER BY sequence').all();
  outbox.close();
  const envelopes = rows.map(({ envelope }) => envelope as Uint8Array);
  const signedHeaders = rows.map(({ header }) => header as Uint8Array);

  const keys = openServiceKeys(at('keys', 'service'), false);
  const recordPath = at('service', 'record.sqlite');
  const store = openRecordSqlite({ path: recordPath, keyEncryptionKey: keys.keyEncryptionKey, verify: verifyOnce });
  const log = await openKeyedLog({
    directory: at('log'),
    keyDirectory: at('keys', 'log'),
    origin: DEFAULT_ORIGIN,
    newSeed: () => new Uint8Array(32),
  });
  const journals = ['inbox', 'commitments', 'positions'].map((name) =>
    openJournalSqlite({ path: at('service', `${name}.sqlite`) }),
  );
  const [inbox, commitments, positions] = journals as [
    (typeof journals)[0],
    (typeof journals)[0],
    (typeof journals)[0],
  ];
  const counters = createCounters();
  const unsealer = await createUnsealer(keys.hpkeSecret);
  const clock = Date.now;
  const filer = createFiler({
    ...{ store, clock, counters },
    correcting: createCorrecting({ store, signer: keys.signer, verify: verifyEd25519, clock }),
    onFiled: () => undefined,
  });
  const intake = await startIntake({ store, inbox, keys, unsealer, verify: verifyEd25519, clock, counters, filer });
  const startFiling = () => {
    const { inboxKey } = keys;
    return startPipeline({
      ...{ store, inbox, commitments, positions, inboxKey, clock, counters },
      filer,
      onLogged: () => undefined,
    });
  };
  const writer = startLedgerWriter({ commitments, positions, log, onError: () => undefined, intervalMs: 1000 });
  let pipeline = startFiling();
  const trust = { log: log.key, service: keys.signer.publicKey };
  const sources: ReceiptSources = { store, readLog: openLogReader(at('log')), logKey: log.key };

  const patient = store.patients.byId(ada.id) as Patient;

  return {
    directory,
    envelopes,
    signedHeaders,
    store,
    log,
    inbox,
    sources,
    trust,
    recordPath,
    signer: keys.signer,
    statePath: databasePath(at('home')),
    keys,
    filer,
    counters,
    logSeed: decodeHex(readFileSync(at('keys', 'log', 'log.key'), 'utf8').trim()),
    patient,
    stranger: store.patients.byId(ben.id) as Patient,

    /** What the service says to an envelope. */
    async receive(envelope: Uint8Array): Promise<Acknowledgement> {
      const answer = await intake.receive(batchesTopic(agent), envelope);
      return openAcknowledgement(answer!, keys.signer.publicKey, verifyOnce);
    },

    /** What is held is filed and in a signed checkpoint. */
    async settle(): Promise<void> {
      for (let i = 0; i < 2; i++) {
        await pipeline.caughtUp();
        await writer.flush();
      }
    },

    /** Where the log has each commitment. */
    places(): [Uint8Array, number][] {
      const db = new DatabaseSync(recordPath, { readOnly: true, timeout: 5000 });
      const rows = db.prepare('SELECT commitment, log_index FROM commitments').all();
      db.close();
      return rows.map((row) => [row.commitment as Uint8Array, row.log_index as number]);
    },

    /** Stops what files; what is held stays in the inbox. */
    pauseFiling: () => pipeline.stop(),

    resumeFiling(): void {
      pipeline = startFiling();
    },

    /** Lets a batch in that waits for people, by their word, and files it. */
    admit(batch: string, decide: () => void): void {
      const { held } = store.quarantine.get(batch)!;
      decide();
      pipeline.file(batch, held!);
    },

    /** Of Ada, from the beginning; of another record or log where they are given. */
    certificate(to: number, more: Partial<CoverageQuestion> & { readonly sources?: Partial<ReceiptSources> } = {}) {
      const { sources: others, ...question } = more;
      return coverageOf({ ...sources, ...others }, { patient, from: BEGIN, to, ...question }, to);
    },

    verify(certificate: CoverageCertificate): CoverageVerdict {
      return verifyCoverage(signCertificate(certificate, keys.signer), trust, verifyOnce);
    },

    async close(): Promise<void> {
      await pipeline.stop();
      await writer.stop();
      await Promise.all(journals.map((journal) => journal.close()));
      await log.close();
      store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Findings of a verdict in steps since the beginning. */
export function namedIntervals({ findings }: CoverageVerdict): string[] {
  return findings.map(({ from, to }) => `${(from - BEGIN) / STEP}-${(to - BEGIN) / STEP}`);
}

/** Red, and of no other interval than that of batch k. */
export function expectNamed(site: CoverageSite, certificate: CoverageCertificate, k: number, says?: RegExp): void {
  const verdict = site.verify(certificate);
  expect(verdict.verdict).toBe('red');
  expect([...new Set(namedIntervals(verdict))]).toEqual([`${k}-${k + 1}`]);
  if (says) expect(verdict.findings.map((finding) => finding.says).join(' ')).toMatch(says);
}
