/** What an EVM anchor must not forget: the head under way, every transaction signed for it, and what is final. */
import { databaseFault, openDatabase } from '../journal/sqlite.ts';
import type { Anchored } from './anchor.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS target (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, root BLOB NOT NULL)
    STRICT;
  CREATE TABLE IF NOT EXISTS attempts (number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, nonce INTEGER NOT NULL,
    raw TEXT NOT NULL, fee TEXT NOT NULL, tip TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS anchored (size INTEGER PRIMARY KEY, root BLOB NOT NULL, evidence TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS doubts (size INTEGER PRIMARY KEY, block TEXT NOT NULL, since INTEGER NOT NULL,
    answers INTEGER NOT NULL, proven INTEGER NOT NULL) STRICT;
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
  const newest = database.prepare(
    `SELECT size, root, evidence, EXISTS (SELECT 1 FROM doubts AS d WHERE d.size = a.size AND d.proven = 1) AS doubtful
     FROM anchored AS a ORDER BY size DESC LIMIT 1`,
  );
  const addAnchored = database.prepare('INSERT OR REPLACE INTO anchored (size, root, evidence) VALUES (?, ?, ?)');
  // Another block than before, or a clock that went back: it begins anew.
  const doubt = database.prepare(
    `INSERT INTO doubts (size, block, since, answers, proven) VALUES (:size, :block, :at, 1, 0)
     ON CONFLICT DO UPDATE SET block = excluded.block,
       since = CASE WHEN block = excluded.block AND since <= excluded.since THEN since ELSE excluded.since END,
       answers = CASE WHEN block = excluded.block AND since <= excluded.since THEN answers + 1 ELSE 1 END
     RETURNING since, answers`,
  );
  const markDoubtful = database.prepare(
    `INSERT INTO doubts (size, block, since, answers, proven) VALUES (:size, :block, :at, 1, 1)
     ON CONFLICT DO UPDATE SET proven = 1`,
  );
  const trust = database.prepare('DELETE FROM doubts WHERE size = ?');

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
    anchored: () =>
      guard((): Anchored | undefined => {
        const row = newest.get();
        if (!row) return undefined;
        const { size, root, evidence, doubtful } = row as {
          size: number;
          root: Uint8Array;
          evidence: string;
          doubtful: number;
        };
        return { size, root, evidence, isDoubtful: doubtful !== 0 };
      }),
    /** A head is under way, with its first transaction unless the chain holds it already. */
    begin: ({ size, root }: Target, attempt?: Attempt) =>
      inTransaction(() => {
        setTarget.run(size, root);
        if (attempt) insertAttempt(attempt);
      }),
    add: (attempt: Attempt) => inTransaction(() => insertAttempt(attempt)),
    /** It is final. What was in doubt before is kept beside it, or replaced where it is of the same size. */
    finish: ({ size, root, evidence }: Omit<Anchored, 'isDoubtful'>) =>
      inTransaction(() => {
        addAnchored.run(size, root, evidence);
        trust.run(size);
        clearTarget();
      }),
    /** Nothing is under way any more. */
    drop: () => inTransaction(clearTarget),
    /** An endpoint says that another block is in the place of the final one; since when it says so, and how often it did. */
    doubt: (size: number, block: string, at: number) =>
      guard(() => doubt.get({ size, block, at }) as unknown as { readonly since: number; readonly answers: number }),
    /** It is proven that another block is in its place. The evidence stays. */
    markDoubtful: (size: number, block: string, at: number) => guard(() => void markDoubtful.run({ size, block, at })),
    /** Nothing speaks against it any more. */
    trust: (size: number) => guard(() => void trust.run(size)),
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
