/**
 * What a witness must never forget: for each log, the checkpoint that it cosigned last. One SQLite file, held exclusively,
 * so that it is the lock against a second witness with the same memory too.
 */
import type { DatabaseSync } from 'node:sqlite';
import { databaseFault, openDatabase } from '../../journal/sqlite.ts';
import { Fault, isFault } from '../../protocol/fault.ts';
import type { TreeHead } from '../../protocol/tlog-tiles.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS cosigned (
    origin TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS forks (origin TEXT NOT NULL, note TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE IF NOT EXISTS witness (one INTEGER PRIMARY KEY CHECK (one = 1), vkey TEXT NOT NULL) STRICT;
`;

/** Checkpoints kept of a log that forks. */
const EVIDENCE_LIMIT = 16;

/** See the file comment. Every method throws `unavailable` when the store fails. */
export interface WitnessState {
  /** The tree cosigned last, or undefined when none of that log ever was. */
  latest(origin: string): TreeHead | undefined;
  /**
   * Compare-and-swap, durable on return: false, and nothing changed, when the tree cosigned last is not the expected one.
   * `note` is kept as evidence.
   */
  advance(origin: string, expected: TreeHead | undefined, next: TreeHead, note: string): boolean;
  /** Keeps a checkpoint that the log signed beside another of the same size; the first few of each log are enough. */
  keepEvidence(origin: string, note: string): void;
  /** Checkpoints kept as evidence. */
  evidence(origin: string): readonly string[];
  close(): void;
}

/**
 * Opens the state of the witness with this verifier key; `create` allows a new one. Throws `unavailable` when another
 * process holds it, `missing` when there is none and none may be created, `wrong-key` when it is another witness's.
 */
export function openWitnessState(path: string, vkey: string, create: boolean): WitnessState {
  let database: DatabaseSync;
  try {
    database = openDatabase(path, { exclusive: true, busyTimeoutMs: 0 });
  } catch (error) {
    if (isFault(error) && error.retry === 'later')
      throw new Fault('unavailable', 'another witness has the state open', 'later');
    throw error;
  }
  try {
    database.exec(SCHEMA);
    const owner = database.prepare('SELECT vkey FROM witness').get()?.vkey;
    if (owner === undefined) {
      if (!create) throw new Fault('missing', 'no state where one should be');
      database.prepare('INSERT INTO witness (one, vkey) VALUES (1, ?)').run(vkey);
    } else if (owner !== vkey) {
      throw new Fault('wrong-key', 'the state is of a witness with another key or name');
    }
  } catch (error) {
    database.close();
    throw databaseFault(error);
  }
  const find = database.prepare('SELECT size, root FROM cosigned WHERE origin = ?');
  const insert = database.prepare(
    'INSERT INTO cosigned (origin, size, root, note) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const update = database.prepare(
    'UPDATE cosigned SET size = ?, root = ?, note = ? WHERE origin = ? AND size = ? AND root = ?',
  );
  const keep = database.prepare(
    'INSERT INTO forks (origin, note) SELECT ?1, ?2 WHERE (SELECT count(*) FROM forks WHERE origin = ?1) < ?3 ' +
      'ON CONFLICT DO NOTHING',
  );
  const evidence = database.prepare('SELECT note FROM forks WHERE origin = ? ORDER BY rowid');

  return {
    latest: (origin) =>
      guard(() => {
        const row = find.get(origin);
        return row && { size: Number(row.size), root: row.root as Uint8Array };
      }),
    advance: (origin, expected, next, note) =>
      guard(() => {
        const result =
          expected === undefined
            ? insert.run(origin, next.size, next.root, note)
            : update.run(next.size, next.root, note, origin, expected.size, expected.root);
        return Number(result.changes) === 1;
      }),
    keepEvidence: (origin, note) => guard(() => void keep.run(origin, note, EVIDENCE_LIMIT)),
    evidence: (origin) => guard(() => evidence.all(origin).map(({ note }) => note as string)),
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
