/** What another writer's lock looks like to those who ask the record. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { openRecordSqlite } from '../../ingest-service/record/record-sqlite.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';

it('refuses for now, and undoes, while another process holds the record', () => {
  const folder = mkdtempSync(join(tmpdir(), 'veravita-record-'));
  const path = join(folder, 'record.sqlite');
  const store = openRecordSqlite({ path, keyEncryptionKey: new Uint8Array(32), verify: verifyEd25519 });
  const other = new DatabaseSync(path);
  try {
    const add = () => store.transaction(() => store.commitments.add(new Uint8Array(32)));
    other.exec('BEGIN IMMEDIATE');
    expect(add).toThrow(expect.objectContaining({ code: 'unavailable', retry: 'later' }));
    other.exec('ROLLBACK');

    // A failure of the caller's own is passed on as it is, and nothing of it stays.
    const failing = () =>
      store.transaction(() => {
        store.commitments.add(new Uint8Array(32));
        throw new RangeError('not the database');
      });
    expect(failing).toThrow(RangeError);
    expect(store.commitments.unsent(10)).toEqual([]);

    add();
    expect(store.commitments.unsent(10)).toHaveLength(1);
  } finally {
    other.close();
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}, 30_000);
