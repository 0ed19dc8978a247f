/** The {@link Journal} in one SQLite file: WAL, FULL, group commit. Contract: journal.ts. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Fault } from '../protocol/fault.ts';
import { startFollower } from './follow.ts';
import type { Follower, Journal, JournalEntry, NewEntry } from './journal.ts';
import { databaseFault, isCleanRefusal, openDatabase } from './sqlite.ts';
import { JOURNAL_SCHEMA } from './sqlite-schema.ts';

/** Where a test makes a commit fail: before it ("did not happen") or after it ("failed but did"). */
export type JournalFault = (moment: 'before-commit' | 'after-commit') => void;

export interface JournalSqliteConfig {
  /** File of the journal, created 0600 where it is missing. */
  readonly path: string;
  /** For tests: throws where a real store would fail. */
  readonly faults?: JournalFault;
}

/** Most entries in one transaction; more wait for the next one. */
const GROUP_LIMIT = 4096;

/** The connection and its prepared statements. */
interface Store {
  readonly database: DatabaseSync;
  readonly insert: StatementSync;
  readonly positionOf: StatementSync;
  readonly end: StatementSync;
  readonly read: StatementSync;
  readonly cursor: StatementSync;
  readonly saveCursor: StatementSync;
}

function openStore(path: string): Store {
  const database = openDatabase(path);
  try {
    database.exec(JOURNAL_SCHEMA);
    const prepare = (sql: string) => database.prepare(sql);
    return {
      database,
      insert: prepare('INSERT INTO entries (position, id, key, body) VALUES (?, ?, ?, ?)'),
      positionOf: prepare('SELECT position FROM entries WHERE id = ?'),
      end: prepare('SELECT coalesce(max(position) + 1, 0) AS value FROM entries'),
      read: prepare(
        'SELECT position, key, id, body FROM entries WHERE position >= ? AND body IS NOT NULL ORDER BY position LIMIT ?',
      ),
      cursor: prepare('SELECT next AS value FROM followers WHERE name = ?'),
      saveCursor: prepare(
        'INSERT INTO followers (name, next) VALUES (?, ?) ON CONFLICT DO UPDATE SET next = max(next, excluded.next)',
      ),
    };
  } catch (error) {
    database.close();
    throw databaseFault(error);
  }
}

/** One piece of work in a group: it runs inside the shared transaction and resolves after its commit. */
interface Job {
  readonly weight: number;
  run(store: Store): void;
  resolve(): void;
  reject(fault: Fault): void;
}

/** Opens or creates the journal. Throws `unavailable` when the file cannot be opened durably. */
export function openJournalSqlite(config: JournalSqliteConfig): Journal {
  return new JournalSqlite(config);
}

class JournalSqlite implements Journal {
  readonly #path: string;
  readonly #faults: JournalFault | undefined;
  readonly #jobs: Job[] = [];
  readonly #followers = new Map<string, Follower>();
  readonly #wakes = new Set<() => void>();
  #store: Store | undefined;
  #scheduled = false;
  #closed = false;

  constructor({ path, faults }: JournalSqliteConfig) {
    this.#path = path;
    this.#faults = faults;
    this.#store = openStore(path);
  }

  async append(entries: readonly NewEntry[]): Promise<readonly number[]> {
    if (entries.length === 0) return [];
    // Copied now: the caller may change its buffers before the group commits.
    const copies = entries.map(({ key, id, body }) => ({ key, id, body: body.slice() }));
    const positions = await this.#inGroup(copies.length, (store) => insertEntries(store, copies));
    for (const wake of [...this.#wakes]) wake();
    return positions;
  }

  async read(from: number, limit: number): Promise<readonly JournalEntry[]> {
    return this.#use((store) => store.read.all(from, limit) as unknown as JournalEntry[]);
  }

  async end(): Promise<number> {
    return this.#use((store) => numberOf(store.end.get()));
  }

  follow(name: string, handle: Parameters<Journal['follow']>[1], options?: Parameters<Journal['follow']>[2]): Follower {
    if (this.#closed) throw new Fault('unavailable', 'the journal is closed');
    if (this.#followers.has(name)) throw new Fault('unavailable', 'a follower of that name is running');
    const follower = startFollower(
      {
        read: (from, limit) => this.read(from, limit),
        end: () => this.end(),
        loadCursor: () => this.#inGroup(1, (store) => loadCursor(store, name)),
        saveCursor: (next) => this.#inGroup(1, (store) => void store.saveCursor.run(name, next)),
        onAppend: (wake) => {
          this.#wakes.add(wake);
          return () => void this.#wakes.delete(wake);
        },
        stopped: () => void this.#followers.delete(name),
      },
      handle,
      options,
    );
    this.#followers.set(name, follower);
    return follower;
  }

  async trim(before: number): Promise<number> {
    const first = await this.#inGroup(1, (store) => trimEntries(store, before));
    // The overwritten pages reach the file, and the log that still holds the old ones is emptied.
    this.#use((store) => store.database.exec('PRAGMA wal_checkpoint(TRUNCATE)'));
    return first;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#followers.values()].map((follower) => follower.stop()));
    this.#closed = true;
    while (this.#jobs.length > 0) this.#commitGroup();
    this.#store?.database.close();
    this.#store = undefined;
  }

  /** Joins the transaction that collects everything asked for in this turn of the event loop. */
  #inGroup<T>(weight: number, run: (store: Store) => T): Promise<T> {
    if (this.#closed) return Promise.reject(new Fault('unavailable', 'the journal is closed'));
    return new Promise<T>((resolve, reject) => {
      let result: T;
      this.#jobs.push({
        weight,
        run: (store) => {
          result = run(store);
        },
        resolve: () => resolve(result),
        reject,
      });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#commitGroup();
      if (this.#jobs.length > 0) this.#schedule();
    });
  }

  #commitGroup(): void {
    let weight = 0;
    let count = 0;
    while (count < this.#jobs.length && (count === 0 || weight + this.#jobs[count]!.weight <= GROUP_LIMIT)) {
      weight += this.#jobs[count++]!.weight;
    }
    const group = this.#jobs.splice(0, count);
    if (group.length === 0) return;
    try {
      this.#use((store) => {
        store.database.exec('BEGIN IMMEDIATE'); // takes the write lock before the positions are read
        for (const job of group) job.run(store);
        this.#faults?.('before-commit');
        store.database.exec('COMMIT');
        // Durable line: everything in the group survives a power cut from here on.
        this.#faults?.('after-commit');
      });
    } catch (error) {
      for (const job of group) job.reject(databaseFault(error));
      return;
    }
    for (const job of group) job.resolve();
  }

  /**
   * Runs on an open connection. After a failure that is not a clean refusal the connection is given up and the next use
   * opens a new one, which recovers: an fsync that failed must not be retried in place.
   */
  #use<T>(run: (store: Store) => T): T {
    if (this.#closed && this.#store === undefined) throw new Fault('unavailable', 'the journal is closed');
    this.#store ??= openStore(this.#path);
    const { database } = this.#store;
    try {
      return run(this.#store);
    } catch (error) {
      if (isCleanRefusal(error)) {
        if (database.isTransaction) database.exec('ROLLBACK');
      } else {
        this.#store = undefined;
        database.close();
      }
      throw databaseFault(error);
    }
  }
}

function insertEntries(store: Store, entries: readonly NewEntry[]): number[] {
  let next = numberOf(store.end.get());
  return entries.map(({ key, id, body }) => {
    const known = store.positionOf.get(id);
    if (known !== undefined) return Number(known.position);
    store.insert.run(next, id, key, body);
    return next++;
  });
}

/** The follower's cursor; a new one starts at the oldest entry that is kept. */
function loadCursor(store: Store, name: string): number {
  const known = store.cursor.get(name);
  if (known !== undefined) return numberOf(known);
  const first = trimmedBefore(store);
  store.saveCursor.run(name, first);
  return first;
}

function trimEntries({ database }: Store, before: number): number {
  const slowest = database.prepare('SELECT min(next) AS value FROM followers').get();
  const old = trimmedBefore({ database });
  if (slowest === undefined || slowest.value === null) return old;
  const first = Math.max(old, Math.min(before, numberOf(slowest)));
  database.prepare('UPDATE entries SET key = NULL, body = NULL WHERE position >= ? AND position < ?').run(old, first);
  database
    .prepare('INSERT INTO trimmed (one, before) VALUES (1, ?) ON CONFLICT DO UPDATE SET before = excluded.before')
    .run(first);
  return first;
}

function trimmedBefore({ database }: Pick<Store, 'database'>): number {
  const row = database.prepare('SELECT before AS value FROM trimmed').get();
  return row === undefined ? 0 : numberOf(row);
}

function numberOf(row: Record<string, unknown> | undefined): number {
  return Number(row?.value);
}
