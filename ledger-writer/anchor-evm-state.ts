/** What an EVM anchor must not forget: the head under way, every transaction signed for it, and what is final. */
import { databaseFault, openDatabase } from '../journal/sqlite.ts';
import type { Anchored } from './anchor.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS target (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, root BLOB NOT NULL)
    STRICT;
  CREATE TABLE IF NOT EXISTS attempts (number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, nonce INTEGER NOT NULL,
    raw TEXT NOT NULL, fee TEXT NOT NULL, tip TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS anchored (size INTEGER PRIMARY KEY, root BLOB NOT NULL, evidence TEXT NOT NULL) STRICT;
`;

export interface Target {
  readonly size: number;
  readonly root: Uint8Array;
}

/** A signed transaction; it may or may not have been sent. */
export interface Attempt {
  /** 0x and hex. */
  readonly hash: string;
  readonly nonce: number;
  readonly raw: string;
  /** Wei for each unit of gas: the most to pay in all, and of that to the block's maker. */
  readonly fee: bigint;
  readonly tip: bigint;
  /** When it was signed, by our clock. */
  readonly at: number;
}

export type AnchorEvmState = ReturnType<typeof openAnchorEvmState>;

/** Opens or creates the file. Every method throws `unavailable` when the store fails. */
export function openAnchorEvmState(path: string) {
  const database = openDatabase(path);
  database.exec(SCHEMA);
  const target = database.prepare('SELECT size, root FROM target');
  const setTarget = database.prepare('INSERT INTO target (one, size, root) VALUES (1, ?, ?)');
  const attempts = database.prepare('SELECT hash, nonce, raw, fee, tip, at FROM attempts ORDER BY number DESC');
  const addAttempt = database.prepare(
    'INSERT INTO attempts (hash, nonce, raw, fee, tip, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const newest = database.prepare('SELECT size, root, evidence FROM anchored ORDER BY size DESC LIMIT 1');
  const addAnchored = database.prepare('INSERT OR REPLACE INTO anchored (size, root, evidence) VALUES (?, ?, ?)');
  const takeBack = database.prepare('DELETE FROM anchored WHERE size > ?');

  /** Durable when it returns, or nothing happened. */
  function inTransaction(work: () => void): void {
    guard(() => {
      database.exec('BEGIN IMMEDIATE');
      try {
        work();
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  function clearTarget(): void {
    database.exec('DELETE FROM target; DELETE FROM attempts');
  }

  function insertAttempt({ hash, nonce, raw, fee, tip, at }: Attempt): void {
    addAttempt.run(hash, nonce, raw, String(fee), String(tip), at);
  }

  return {
    target: () => guard(() => target.get() as unknown as Target | undefined),
    /** Newest first. */
    attempts: (): Attempt[] =>
      guard(() =>
        attempts.all().map((row) => ({
          hash: row.hash as string,
          nonce: Number(row.nonce),
          raw: row.raw as string,
          fee: BigInt(row.fee as string),
          tip: BigInt(row.tip as string),
          at: Number(row.at),
        })),
      ),
    anchored: () => guard(() => newest.get() as unknown as Anchored | undefined),
    /** A head is under way, with its first transaction unless the chain holds it already. */
    begin: ({ size, root }: Target, attempt?: Attempt) =>
      inTransaction(() => {
        setTarget.run(size, root);
        if (attempt) insertAttempt(attempt);
      }),
    add: (attempt: Attempt) => inTransaction(() => insertAttempt(attempt)),
    finish: ({ size, root, evidence }: Anchored) =>
      inTransaction(() => {
        addAnchored.run(size, root, evidence);
        clearTarget();
      }),
    /** Nothing is under way any more. */
    drop: () => inTransaction(clearTarget),
    /** What is above this size is not final after all. */
    takeBack: (size: number) => inTransaction(() => takeBack.run(size)),
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
