/** Is what the agent keeps still what it wrote? Every sealed row is opened, every batch checked against its signature. */
import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { openHeader, readHeader } from '../protocol/batch.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { publicKeyOf, verifyEd25519 } from '../protocol/ed25519.ts';
import { encodeId, thumbprint } from '../protocol/keys.ts';
import { decodeLeaf } from '../protocol/leaf.ts';
import { Assignments } from './assignments.ts';
import { createTables, databasePath } from './database.ts';
import { openDeviceUsers } from './device-users.ts';
import { loadEnrolment } from './enrol.ts';
import { type AgentKeys, openKeys } from './keys.ts';
import { loadNextKey } from './next-key.ts';
import { openSecretFiles } from './secret-files.ts';
import { createRowCipher, type RowUse } from './storage-cipher.ts';

/**
 * What is not as it was written, in words. Throws `missing`, `malformed`, `encrypted` for keys; the agent must not run. `hostKey`:
 * 32 octets, where the key folder is sealed.
 */
export function scrubAgent(stateFolder: string, keysFolder: string, hostKey?: Uint8Array): string[] {
  const found: string[] = [];
  const check = (says: string, holds: () => boolean) => {
    try {
      if (!holds()) found.push(says);
    } catch {
      found.push(says);
    }
  };
  const files = openSecretFiles(keysFolder, hostKey);
  const keys = openKeys(files, false);
  const next = loadNextKey(files);
  check('the enrolment is not what the service signed', () => {
    loadEnrolment(files);
    return true;
  });
  const path = databasePath(stateFolder);
  if (!existsSync(path)) return [...found, 'the state is not there'];
  let db: DatabaseSync | undefined;
  try {
    // Not for reading only: an agent that was killed left a write-ahead log, and this is what applies it.
    db = new DatabaseSync(path, { timeout: 500 });
    const { integrity_check: structure } = db.prepare('PRAGMA integrity_check(1)').get() as { integrity_check: string };
    if (structure !== 'ok') found.push('its pages are not as SQLite writes them');
    const opened = db;
    check('its tables are others', () => schemaOf(opened) === freshSchema());
    scrubRows(db, keys, check);
    scrubOutbox(db, [keys.signer.publicKey, ...(next ? [publicKeyOf(next.seed)] : [])], check);
  } catch {
    found.push('its state cannot be read to its end, or an agent runs on it');
  } finally {
    db?.close();
  }
  return found;
}

/** Comments and spaces aside. */
function schemaOf(db: DatabaseSync): string {
  const rows = db.prepare('SELECT name, sql FROM sqlite_master ORDER BY name').all();
  return rows.map(({ name, sql }) => `${name} ${sql}`.replaceAll(/--.*$/gm, '').replaceAll(/\s+/g, ' ')).join('\n');
}

function freshSchema(): string {
  const fresh = new DatabaseSync(':memory:');
  createTables(fresh);
  const schema = schemaOf(fresh);
  fresh.close();
  return schema;
}

type CheckIt = (says: string, holds: () => boolean) => void;

function scrubRows(db: DatabaseSync, { storageKey }: AgentKeys, check: CheckIt): void {
  const opened = (use: RowUse, row: Record<string, unknown>) =>
    createRowCipher(storageKey, row.boot as Uint8Array, use).decrypt(row.row as number, row.body as Uint8Array);
  for (const table of ['pending', 'held'] as const) {
    for (const row of db.prepare(`SELECT row, boot, body FROM ${table}`).all()) {
      check(`row ${row.row} of ${table} does not open`, () => decodeLeaf(opened(table, row)) !== undefined);
    }
  }
  for (const { row } of db.prepare('SELECT row FROM unreadable').all()) {
    check(`row ${row} of pending did not open and was set aside`, () => false);
  }
  const boot = new Uint8Array(16);
  check('a user of a device does not open', () => openDeviceUsers({ db, storageKey, boot }).all() !== undefined);
  check('the assignments do not open', () => new Assignments(db, storageKey, new Map()).devices !== undefined);
}

/** `ours`: public keys that are here; of a key that was replaced only its thumbprint is. */
function scrubOutbox(db: DatabaseSync, ours: readonly Uint8Array[], check: CheckIt): void {
  const keyOf = new Map(ours.map((key) => [encodeId(thumbprint(key)), key]));
  const earlier = db.prepare('SELECT agent FROM earlier_keys').all();
  const gone = new Set(earlier.map((row) => encodeId(row.agent as Uint8Array)));
  const state = db.prepare('SELECT agent, sequence, previous, sealed_rows FROM state').get()!;
  const rows = db.prepare('SELECT * FROM outbox ORDER BY sequence').all();
  let before: Record<string, unknown> | undefined;
  for (const row of rows) {
    const previous = before;
    before = row;
    check(`batch ${row.sequence} is not what was sealed`, () => {
      const signed = row.header as Uint8Array;
      const agent = encodeId(readHeader(signed).header.agent);
      const key = keyOf.get(agent);
      if (!key && !gone.has(agent)) return false;
      // The next batch names this one's id, and the service checks the signature.
      const { header, id } = key ? openHeader(signed, key, verifyEd25519) : readHeader(signed);
      const follows =
        previous?.sequence !== header.sequence - 1 || equalBytes(header.previous, previous.batch as Uint8Array);
      const envelope = row.envelope as Uint8Array | null;
      const envelopeHash = row.envelope_hash as Uint8Array | null; // absent in rows of an earlier version
      return (
        equalBytes(id, row.batch as Uint8Array) &&
        header.sequence === row.sequence &&
        header.leafCount === row.leaves &&
        follows &&
        (row.held === 1) === (envelope === null) &&
        (row.held === 0 || row.held === 1) &&
        (envelope === null || envelopeHash === null || equalBytes(hash('sha256', envelope, 'buffer'), envelopeHash))
      );
    });
  }
  check('where the history ends is not what was sealed last', () => {
    const isLast =
      before?.sequence !== state.sequence || equalBytes(before!.batch as Uint8Array, state.previous as Uint8Array);
    const oldest = db.prepare('SELECT min(row) AS row FROM pending').get()!.row as number | null;
    return (
      keyOf.has(encodeId(state.agent as Uint8Array)) &&
      ((before?.sequence as number | undefined) ?? 0) <= (state.sequence as number) &&
      isLast &&
      (oldest === null || oldest > (state.sealed_rows as number))
    );
  });
}
