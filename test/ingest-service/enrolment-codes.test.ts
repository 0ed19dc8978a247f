/** Codes that nobody used do not stay in the record. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { CODE_VALID_MS, createEnrolmentCode } from '../../ingest-service/enrolment.ts';
import { openRecordSqlite } from '../../ingest-service/record/record-sqlite.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';

it('forgets those that are out of time when the next is made', () => {
  const folder = mkdtempSync(join(tmpdir(), 'veravita-codes-'));
  const path = join(folder, 'record.sqlite');
  const store = openRecordSqlite({ path, keyEncryptionKey: new Uint8Array(32), verify: verifyEd25519 });
  const reader = new DatabaseSync(path, { readOnly: true });
  let now = 1000;
  const make = () => createEnrolmentCode({ store, clock: () => now }, [], ['somebody']);
  const count = () => reader.prepare('SELECT count(*) AS n FROM enrolment_codes').get()!.n;
  try {
    make();
    const good = make();
    expect(count()).toBe(2);
    now += CODE_VALID_MS - 1;
    make();
    expect(count()).toBe(3);
    expect(store.agents.takeCode(good, now)).toEqual({ assignments: [], patients: ['somebody'] });
    now += 1;
    make();
    expect(count()).toBe(2);
  } finally {
    reader.close();
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
