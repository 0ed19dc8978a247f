/**
 * The private state of a log: the entries that it has taken, and the last checkpoint that it signed. One SQLite file,
 * held exclusively, so that it is the lock against a second writer too; the kernel drops the lock of a killed process.
 *
 * Entries are kept here, and not only in their bundles, for three reasons: an append is durable in one transaction
 * before any tile exists (bundles of half a checkpoint would clutter what is served), the unique index finds doubles
 * without reading the log, and after a crash the entries from the signed size on are exactly what is left to integrate.
 */
import type { DatabaseSync } from 'node:sqlite';
import { databaseFault, openDatabase } from '../journal/sqlite.ts';
import { Fault, isFault } from '../protocol/fault.ts';

/** Its tables. */
export const LOG_STATE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (position INTEGER PRIMARY KEY, entry BLOB NOT NULL UNIQUE) STRICT;
  CREATE TABLE IF NOT EXISTS signed (one INTEGER PRIMARY KEY CHECK (one = 1), note TEXT NOT NULL) STRICT;
`;

/** See the file comment. Every method throws `unavailable` when the store fails; then close it and open it again. */
export interface LogState {
  /** Adds entries that are not there yet; durable on return. The index of each, in order. */
  append(entries: readonly Uint8Array[]): number[];
  /** Number of entries taken, integrated or not. */
  count(): number;
  indexOf(entry: Uint8Array): number | undefined;
  /** Entries `[start, end)` in order. */
  range(start: number, end: number): Uint8Array[];
  /** The last checkpoint that was signed, as a note. */
  signed(): string | undefined;
  /** Compare-and-swap: false, and nothing changed, when the last signed checkpoint is not the expected one. */
  swapSigned(expected: string | undefined, next: string): boolean;
  close(): void;
}

/** Opens or creates the state. Throws `unavailable` when another writer holds it. */
export function openLogState(path: string): LogState {
  let database: DatabaseSync;
  try {
    database = openDatabase(path, { exclusive: true, busyTimeoutMs: 0 });
  } catch (error) {
    if (isFault(error) && error.retry === 'later')
      throw new Fault('unavailable', 'another writer has the log open', 'later');
    throw error;
  }
  database.exec(LOG_STATE_SCHEMA);
  const insert = database.prepare('INSERT INTO entries (position, entry) VALUES (?, ?)');
  const find = database.prepare('SELECT position FROM entries WHERE entry = ?');
  const count = database.prepare('SELECT coalesce(max(position) + 1, 0) AS value FROM entries');
  const range = database.prepare('SELECT entry FROM entries WHERE position >= ? AND position < ? ORDER BY position');
  const signed = database.prepare('SELECT note FROM signed');
  const firstSigned = database.prepare('INSERT INTO signed (one, note) VALUES (1, ?) ON CONFLICT DO NOTHING');
  const swapSigned = database.prepare('UPDATE signed SET note = ? WHERE note = ?');

  function indexOf(entry: Uint8Array): number | undefined {
    const row = find.get(entry);
    return row === undefined ? undefined : Number(row.position);
  }

  return {
    append: (entries) =>
      guard(() => {
        database.exec('BEGIN IMMEDIATE');
        let next = Number(count.get()?.value);
        const indexes = entries.map((entry) => {
          const known = indexOf(entry);
          if (known !== undefined) return known;
          insert.run(next, entry);
          return next++;
        });
        database.exec('COMMIT');
        return indexes;
      }),
    count: () => guard(() => Number(count.get()?.value)),
    indexOf: (entry) => guard(() => indexOf(entry)),
    range: (start, end) => guard(() => range.all(start, end).map((row) => row.entry as Uint8Array)),
    signed: () => guard(() => signed.get()?.note as string | undefined),
    swapSigned: (expected, next) =>
      guard(() => {
        const result = expected === undefined ? firstSigned.run(next) : swapSigned.run(next, expected);
        return Number(result.changes) === 1;
      }),
    close: () => database.close(),
  };
}

function guard<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw databaseFault(error);
  }
}
