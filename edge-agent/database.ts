/**
 * The agent's one database. Everything that must change together is in it, so that each step of a reading is one
 * transaction. WAL with synchronous=FULL is what survives a power cut; both are asserted, not hoped for.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../protocol/fault.ts';
import { makePrivateFolder, syncFolder } from './durable-file.ts';

/** Version 1. */
const SCHEMA = `
  -- One row: what must never go back.
  CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    agent BLOB NOT NULL,                      -- thumbprint of the key that this history belongs to
    sequence INTEGER NOT NULL DEFAULT 0,      -- of the last sealed batch
    previous BLOB NOT NULL,                   -- id of the last sealed batch
    sealed_rows INTEGER NOT NULL DEFAULT 0,   -- highest pending row that was ever sealed; row ids are not used twice
    alive_at INTEGER,                         -- transport clock: something was made durable then
    command_number INTEGER NOT NULL DEFAULT 0 -- of the last command that was obeyed
  ) STRICT;
  -- Leaves that are heard and not sealed; bodies encrypted, bound to row and boot.
  CREATE TABLE pending (
    row INTEGER PRIMARY KEY,
    boot BLOB NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  -- Keyed hashes of readings that were heard; the second comes first so that new rows go to one place of the tree.
  CREATE TABLE doubles (
    second INTEGER NOT NULL,
    hash BLOB NOT NULL,
    noted_day INTEGER NOT NULL,               -- real time, days since 1970
    PRIMARY KEY (second, hash)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX doubles_by_day ON doubles (noted_day);
  -- Sealed batches. What the broker took and what the service holds are two facts, so two columns.
  CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY,
    batch BLOB NOT NULL,
    header BLOB NOT NULL,                     -- COSE_Sign1
    envelope BLOB,                            -- gone once the service holds the batch
    leaves INTEGER NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,     -- how often the broker took it
    held INTEGER NOT NULL DEFAULT 0,          -- 1: the service said held or duplicate
    withheld INTEGER NOT NULL DEFAULT 0,      -- leaves that consent did not allow the service to keep
    refused TEXT                              -- code of a refusal for good
  ) STRICT;
  -- What the service said of consent to collect; a subject without a row may be observed.
  CREATE TABLE collect (subject BLOB PRIMARY KEY, permitted INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** From each version to the next. */
const UPGRADES: readonly string[] = [
  `-- How far stored records of a device were fetched. All up to this number are durable here.
  CREATE TABLE record_cursors (
    device TEXT NOT NULL,                     -- address
    service INTEGER NOT NULL,                 -- 16-bit UUID
    session BLOB NOT NULL,                    -- start of the session on which the number counts; empty without sessions
    number INTEGER NOT NULL,
    PRIMARY KEY (device, service)
  ) STRICT, WITHOUT ROWID;`,
  `-- Devices that were paired, unpaired or shared after the enrolment.
  CREATE TABLE assignments (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    sealed BLOB NOT NULL                      -- AES-256-GCM: nonce, ciphertext, tag
  ) STRICT;
  -- Readings whose user nobody has claimed; bodies encrypted, bound to row and boot.
  CREATE TABLE held (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    device BLOB NOT NULL,                     -- handle of the device in its owner's readings
    user INTEGER NOT NULL,                    -- as the device numbers its users; 255: it did not say
    mark BLOB NOT NULL,                       -- keyed hash: what comes twice waits once
    boot BLOB NOT NULL,
    body BLOB NOT NULL,
    held_day INTEGER NOT NULL,                -- real time, days since 1970
    UNIQUE (device, user, mark)
  ) STRICT;
  -- Users that were registered on devices; index and consent code encrypted, bound to row and boot.
  CREATE TABLE device_users (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,                     -- address
    boot BLOB NOT NULL,
    body BLOB NOT NULL
  ) STRICT;`,
  `ALTER TABLE state ADD COLUMN covered_at INTEGER;  -- transport clock: coverage was attested up to here
  -- The last batch that held leaves of a subject.
  CREATE TABLE spoken (subject BLOB PRIMARY KEY /* keyed hash */, sequence INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
  `-- Erasures that were commanded. Whose it was is not kept, but a hash that takes the subject to be known.
  CREATE TABLE erasures (
    id BLOB PRIMARY KEY,
    mark BLOB NOT NULL,
    through INTEGER,                          -- last batch that was sealed before; NULL until the rows are gone
    done INTEGER NOT NULL DEFAULT 0           -- 1: nothing is left, and the service was told
  ) STRICT, WITHOUT ROWID;`,
  `-- SHA-256 of an envelope: only the service can open it, so nothing else tells here whether it is what was sealed.
  ALTER TABLE outbox ADD COLUMN envelope_hash BLOB;`,
  `-- A new signing key on its way: asked for, signed by the old key, and gone once the service countersigned it.
  CREATE TABLE key_rotation (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    signed BLOB                               -- COSE_Sign1 by the old key; from then on the state is the new key's
  ) STRICT;
  -- Whose batches are still in the outbox: thumbprint of an earlier key and the last sequence that it signed.
  CREATE TABLE earlier_keys (
    number INTEGER PRIMARY KEY,
    agent BLOB NOT NULL,
    last_sequence INTEGER NOT NULL
  ) STRICT;`,
  `
  -- Rows of pending that did not open at a start: kept as they are, and out of the way of the others.
  CREATE TABLE unreadable (
    row INTEGER PRIMARY KEY,
    boot BLOB NOT NULL,
    body BLOB NOT NULL
  ) STRICT;`,
];

const SCHEMA_VERSION = 1 + UPGRADES.length;

/** Where the database of a state folder is. */
export function databasePath(folder: string): string {
  return join(folder, 'agent.sqlite');
}

/** True when the agent has state. */
export function hasDatabase(folder: string): boolean {
  return existsSync(databasePath(folder));
}

/**
 * Opens the state, or makes it for `agent`; that of the key that is to follow is its own, too. One process at a time: a second one would fork the sequence.
 * Throws `unavailable` (in use), `wrong-key` (another key's state), `version`.
 */
export function openDatabase(folder: string, agent: Uint8Array, next: Uint8Array = agent): DatabaseSync {
  makePrivateFolder(folder);
  const path = databasePath(folder);
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600)); // SQLite gives its WAL the same mode
  syncFolder(folder); // always: the start that made the file may have been killed before this
  const db = new DatabaseSync(path);
  try {
    configure(db);
    createSchema(db, agent, next);
  } catch (error) {
    db.close();
    if (/locked|busy/i.test(String(error))) {
      throw new Fault('unavailable', 'another agent is running on this state folder', 'later');
    }
    throw error;
  }
  return db;
}

function configure(db: DatabaseSync): void {
  db.exec('PRAGMA busy_timeout = 500; PRAGMA locking_mode = EXCLUSIVE;');
  const { journal_mode: mode } = db.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string };
  db.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;');
  const { synchronous } = db.prepare('PRAGMA synchronous').get() as { synchronous: number };
  const FULL = 2;
  if (mode !== 'wal' || synchronous !== FULL) throw new Fault('unavailable', 'SQLite does not run WAL with FULL here');
}

function createSchema(db: DatabaseSync, agent: Uint8Array, next: Uint8Array): void {
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version === 0) {
    transact(db, () => {
      createTables(db);
      db.prepare('INSERT INTO state (one, agent, previous) VALUES (1, ?, ?)').run(agent, new Uint8Array(32));
    });
  } else if (version > SCHEMA_VERSION) {
    throw new Fault('version', `the state folder is of version ${version}, this agent reads ${SCHEMA_VERSION}`);
  }
  // Also takes the exclusive lock, so that a second process fails here and not at its first reading.
  const changed = db.prepare('UPDATE state SET agent = agent WHERE agent IN (?, ?)').run(agent, next).changes;
  if (changed !== 1) throw new Fault('wrong-key', 'the state folder belongs to another signing key');
  if (version > 0 && version < SCHEMA_VERSION) transact(db, () => upgrade(db, version));
}

/** All tables, in an empty database. */
export function createTables(db: DatabaseSync): void {
  db.exec(SCHEMA);
  upgrade(db, 1);
}

function upgrade(db: DatabaseSync, from: number): void {
  for (const statements of UPGRADES.slice(from - 1)) db.exec(statements);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

const SQLITE_FULL = 13; // https://sqlite.org/rescode.html

/** True when the disk is full: nothing was written, the connection is sound, and the same may work later. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === 'number' && (code & 0xff) === SQLITE_FULL;
}

/** Runs `work` in one transaction: all of it is durable when this returns, or nothing happened and it throws. */
export function transact<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
