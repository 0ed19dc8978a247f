/** What is lost between custody and record is missing: it is not passed off as a double, nor as withheld for want of consent. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileBatch } from '../ingest-service/file-batch.ts';
import { type HeldBatch, openHeldBatch } from '../ingest-service/inbox.ts';
import { openRecordSqlite } from '../ingest-service/record/record-sqlite.ts';
import { openJournalSqlite } from '../journal/journal-sqlite.ts';
import { equalBytes } from '../protocol/bytes.ts';
import type { CoverageCertificate } from '../protocol/coverage-certificate.ts';
import { decodeLeaf } from '../protocol/leaf.ts';
import { BEGIN, type CoverageSite, expectNamed, openCoverageSite, STEP, verifyOnce } from './support/coverage-site.ts';

const COUNT = Number(process.env.COVERAGE_BATCHES ?? 8);
const END = BEGIN + COUNT * STEP;
const POSITIONS = Array.from({ length: COUNT }, (_, i) => i);

let site: CoverageSite;
/** Inbox and record as they were before anything was filed. */
let snapshot: string;

beforeAll(async () => {
  site = await openCoverageSite(COUNT);
  await site.pauseFiling();
  for (const envelope of site.envelopes) expect((await site.receive(envelope)).outcome).toBe('held');
  snapshot = mkdtempSync(join(tmpdir(), 'veravita-inbox-'));
  for (const name of ['record.sqlite', 'inbox.sqlite']) {
    const db = new DatabaseSync(join(site.directory, 'service', name));
    db.exec(`VACUUM INTO '${join(snapshot, name)}'`);
    db.close();
  }
  site.resumeFiling();
  await site.settle();
}, 300_000);

afterAll(async () => {
  rmSync(snapshot, { recursive: true });
  await site.close();
});

/** The certificate of a record into which the inbox was filed again, with its batches changed or left out on the way. */
async function filedAgain(change: (held: HeldBatch, i: number) => HeldBatch | undefined): Promise<CoverageCertificate> {
  const { keyEncryptionKey, inboxKey } = site.keys;
  const folder = mkdtempSync(join(snapshot, 'again-'));
  for (const name of ['record.sqlite', 'inbox.sqlite']) cpSync(join(snapshot, name), join(folder, name));
  const inbox = openJournalSqlite({ path: join(folder, 'inbox.sqlite') });
  const store = openRecordSqlite({ path: join(folder, 'record.sqlite'), keyEncryptionKey, verify: verifyOnce });
  try {
    for (const [i, entry] of (await inbox.read(0, COUNT)).entries()) {
      const held = change(openHeldBatch(inboxKey, entry.id, entry.body), i);
      if (held) fileBatch(store, held, Date.now());
    }
    store.transaction(() => {
      for (const [commitment, index] of site.places()) store.commitments.setLogIndex(commitment, index);
    });
    const patient = store.patients.byId(site.patient.id)!;
    return await site.certificate(END, { patient, sources: { store } });
  } finally {
    store.close();
    await inbox.close();
    rmSync(folder, { recursive: true });
  }
}

describe('the inbox', () => {
  it('without one batch files the others, and the certificate names it, at every position', async () => {
    for (const k of POSITIONS) expectNamed(site, await filedAgain((held, i) => (i === k ? undefined : held)), k);
  }, 600_000);
});

describe('the filing', () => {
  const isReading = ({ body }: HeldBatch['segments'][number]['leaves'][number]) => decodeLeaf(body).kind === 'reading';
  const isHers = ({ leaves: [first] }: HeldBatch['segments'][number]) =>
    equalBytes(decodeLeaf(first!.body).subject, site.patient.subject);

  it('that loses a reading does not pass it off as withheld: it is missing, at every position', async () => {
    for (const k of POSITIONS) {
      const lose = (held: HeldBatch) => {
        const lost = held.segments.findIndex((one) => isHers(one) && one.leaves.some(isReading));
        expect(lost).toBeGreaterThanOrEqual(0);
        const segments = held.segments.flatMap((one, i) => {
          const leaves = i === lost ? one.leaves.slice(1) : one.leaves;
          return leaves.length > 0 ? [{ ...one, leaves }] : [];
        });
        return { ...held, segments };
      };
      const certificate = await filedAgain((held, i) => (i === k ? lose(held) : held));
      expectNamed(site, certificate, k, /1 of \d readings is missing/);
      const parts = certificate.agents.flatMap(({ batches }) => batches.flatMap(({ part }) => part ?? []));
      expect(parts.every(({ withheld, doubles }) => withheld + doubles === 0)).toBe(true);
    }
  }, 600_000);

  it('that loses nothing is green', async () => {
    expect(site.verify(await filedAgain((held) => held)).verdict).toBe('green');
  });
});
