/** Opens SQLite files so that a commit is durable. */
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../protocol/fault.ts';
import { makeDurableFolder, syncFolder } from './durable-folder.ts';

export interface DatabaseOptions {
  /** Longest wait for another writer; 5,000 ms by default. */
  readonly busyTimeoutMs?: number;
  /** Keep every other connection out, of this process or another, until closed. The lock dies with the process. */
  readonly exclusive?: boolean;
}

/**
 * Opens or creates a database file (0600) and asserts its settings. WAL with `synchronous=FULL`: with NORMAL a power cut
 * loses acknowledged rows. Throws `unavailable` when the file is locked or cannot be opened.
 */
export function openDatabase(path: string, options: DatabaseOptions = {}): DatabaseSync {
  try {
    createFile(path);
    const database = new DatabaseSync(path, { timeout: options.busyTimeoutMs ?? 5000 });
    try {
      configure(database, options);
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  } catch (error) {
    throw databaseFault(error);
  }
}

function configure(database: DatabaseSync, { exclusive = false }: DatabaseOptions): void {
  if (exclusive) database.exec('PRAGMA locking_mode = EXCLUSIVE');
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON');
  if (exclusive) database.exec('BEGIN EXCLUSIVE; COMMIT'); // takes the lock that the mode keeps
  assertSetting(database, 'journal_mode', 'wal');
  assertSetting(database, 'synchronous', 2);
  assertSetting(database, 'secure_delete', 1);
}

function assertSetting(database: DatabaseSync, name: string, expected: string | number): void {
  const [value] = Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {});
  if (value !== expected) throw new Fault('unavailable', `the database does not keep ${name} at ${expected}`);
}

/** SQLite would create the file readable for all, and does not sync the directory that names it. */
function createFile(path: string): void {
  makeDurableFolder(dirname(path));
  closeSync(openSync(path, 'a', 0o600));
  syncFolder(dirname(path));
}

const BUSY = 5; // https://sqlite.org/rescode.html
const LOCKED = 6;
const FULL = 13;

/** True when the statement certainly had no effect and the connection is sound: another writer, or a full disk. */
export function isCleanRefusal(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === 'number' && [BUSY, LOCKED, FULL].includes(code & 0xff);
}

/** A database error as `unavailable`; Faults pass. The message of SQLite may quote values, so it is only the cause. */
export function databaseFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const clean = isCleanRefusal(error);
  const fault = new Fault(
    'unavailable',
    clean ? 'database busy or disk full' : 'database failed',
    clean ? 'later' : 'unknown',
  );
  fault.cause = error;
  return fault;
}
