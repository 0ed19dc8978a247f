/**
 * Leaves that are heard and not sealed yet. They are durable, encrypted, from the moment {@link Pending.append}
 * resolves. Everything that arrives within a few milliseconds shares one transaction, so one fsync.
 */
import type { DatabaseSync } from 'node:sqlite';
import { Fault } from '../protocol/fault.ts';
import { decodeLeaf, encodeLeaf, type Leaf, type ReadingLeaf } from '../protocol/leaf.ts';
import type { Clock } from '../protocol/time.ts';
import { setAsideAltered } from './altered-rows.ts';
import { isDiskFull, transact } from './database.ts';
import type { Doubles, Mark } from './doubles.ts';
import { createRowCipher, type RowCipher } from './storage-cipher.ts';

/** A group is committed at once when it reaches this many leaves. */
const GROUP_LEAVES = 1000;

/** One leaf on its way in; with a mark it is kept only if it was not heard before. */
export interface Entry {
  readonly leaf: Leaf;
  readonly mark?: Mark;
}

/** What became of the entries of one {@link Pending.append}. */
export interface Appended {
  readonly kept: number;
  readonly doubles: number;
}

/** The oldest rows, all of one boot. */
export interface PendingRows {
  /** Boot that heard them, 16 octets. */
  readonly boot: Uint8Array;
  /** Encoded leaves in the order in which they were heard. */
  readonly bodies: readonly Uint8Array[];
  /** Octets of the rows as they are stored. */
  readonly octets: number;
  /** Highest row number among them. */
  readonly through: number;
}

export interface PendingOptions {
  readonly db: DatabaseSync;
  readonly doubles: Doubles;
  readonly storageKey: Uint8Array;
  /** This start of the agent, 16 octets. */
  readonly boot: Uint8Array;
  /** Longest wait of a leaf for others to share its transaction. */
  readonly groupMs: number;
  /** The transport's clock; every commit notes that the agent was alive then. */
  readonly clock: Clock;
  /** After each commit. */
  readonly onCommit: () => void;
  /** Rows could not be written because the disk is full, or could be written. */
  readonly onDiskFull: (full: boolean) => void;
  /** The disk refused: nothing more is accepted, and the agent must stop. */
  readonly onFailure: (error: unknown) => void;
}

interface Waiter {
  readonly entries: readonly Entry[];
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

/** What {@link Pending.dropSubjects} destroyed. */
export interface Dropped {
  readonly rows: number;
  readonly octets: number;
}

export class Pending {
  /** Rows that were set aside at this start, because they do not open or speak for a time of which one does not. */
  readonly setAside: number;
  /** One that did not open is of a time of which no coverage is durable. */
  readonly endsUnreadable: boolean;
  readonly #options: PendingOptions;
  readonly #cipher: RowCipher;
  readonly #insert;
  readonly #oldest;
  readonly #delete;
  readonly #deleteRow;
  readonly #markSealed;
  readonly #markAlive;
  #group: Waiter[] = [];
  #groupLeaves = 0;
  #timer: NodeJS.Timeout | undefined;
  #count: number;
  #lastRow: number;
  #failed = false;
  #octets: number;
  #taken = 0;

  constructor(options: PendingOptions) {
    const { db, storageKey, boot } = options;
    this.#options = options;
    this.#cipher = createRowCipher(storageKey, boot);
    this.#insert = db.prepare('INSERT INTO pending (row, boot, body) VALUES (?, ?, ?)');
    this.#oldest = db.prepare('SELECT row, boot, body FROM pending ORDER BY row LIMIT ?');
    this.#delete = db.prepare('DELETE FROM pending WHERE row <= ?');
    this.#deleteRow = db.prepare('DELETE FROM pending WHERE row = ?');
    this.#markSealed = db.prepare('UPDATE state SET sealed_rows = ?');
    this.#markAlive = db.prepare('UPDATE state SET alive_at = ?');
    const found = db
      .prepare(
        `SELECT count(*) AS count,
           max(coalesce(max(row), 0), (SELECT sealed_rows FROM state), (SELECT coalesce(max(row), 0) FROM unreadable)) AS last,
           coalesce(sum(length(body)), 0) AS octets FROM pending`,
      )
      .get() as { count: number; last: number; octets: number };
    const aside = setAsideAltered(db, storageKey);
    this.#octets = found.octets - aside.octets;
    this.#count = found.count - aside.rows;
    this.setAside = aside.rows;
    this.endsUnreadable = aside.isUncovered;
    this.#lastRow = found.last;
  }

  /** Durable rows that are not sealed. */
  get count(): number {
    return this.#count;
  }

  /** Octets of the durable rows that are not sealed. */
  get octets(): number {
    return this.#octets;
  }

  /** Octets of all rows since the start. */
  get takenOctets(): number {
    return this.#taken;
  }

  /** Number of the newest durable row; rows are numbered upward and no number is used twice. */
  get lastRow(): number {
    return this.#lastRow;
  }

  /** Resolves when the entries are durable: from here they survive a crash. Rejects `unavailable` when they are not. */
  append(entries: readonly Entry[]): Promise<Appended> {
    if (this.#failed) return Promise.reject(new Fault('unavailable', 'the state folder cannot be written'));
    return new Promise((resolve, reject) => {
      this.#group.push({ entries, resolve, reject });
      this.#groupLeaves += entries.length;
      if (this.#groupLeaves >= GROUP_LEAVES) this.commit();
      else this.#timer ??= setTimeout(() => this.commit(), this.#options.groupMs);
    });
  }

  /** Makes the group durable now, together with `also` (other changes of the same transaction). */
  commit(also: () => void = () => undefined): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const group = this.#group;
    this.#group = [];
    this.#groupLeaves = 0;
    let row = this.#lastRow;
    let octets = 0;
    const results: Appended[] = [];
    try {
      transact(this.#options.db, () => {
        for (const { entries } of group) {
          const before = row;
          for (const entry of entries) if (this.#isNew(entry)) octets += this.#write(++row, entry.leaf);
          results.push({ kept: row - before, doubles: entries.length - (row - before) });
        }
        this.#markAlive.run(this.#options.clock());
        also();
      });
    } catch (error) {
      this.#refuse(group, error);
      return;
    }
    // Durable line: what follows may be lost in a crash, the group is not.
    this.#count += row - this.#lastRow;
    this.#octets += octets;
    this.#taken += octets;
    if (row > this.#lastRow) this.#options.onDiskFull(false);
    this.#lastRow = row;
    for (const [i, { resolve }] of group.entries()) resolve(results[i]!);
    this.#options.onCommit();
  }

  #refuse(group: readonly Waiter[], error: unknown): void {
    const full = isDiskFull(error);
    // After a failed fsync nobody knows what is on the disk: never retried in place, only after a restart.
    this.#failed ||= !full;
    const fault = full
      ? new Fault('unavailable', 'the disk is full', 'later')
      : new Fault('unavailable', 'the state folder cannot be written');
    for (const { reject } of group) reject(fault);
    if (full) this.#options.onDiskFull(true);
    else this.#options.onFailure(error);
  }

  #isNew({ mark }: Entry): boolean {
    return mark === undefined || this.#options.doubles.note(mark);
  }

  /** Octets that it takes. */
  #write(row: number, leaf: Leaf): number {
    const body = this.#cipher.encrypt(row, encodeLeaf(leaf));
    this.#insert.run(row, this.#options.boot, body);
    return body.length;
  }

  /** The readings among the rows that are not sealed. */
  *readings(): Generator<ReadingLeaf> {
    for (const { row, boot, body } of this.#oldest.all(-1) as { row: number; boot: Uint8Array; body: Uint8Array }[]) {
      const leaf = decodeLeaf(createRowCipher(this.#options.storageKey, boot).decrypt(row, body));
      if (leaf.kind === 'reading') yield leaf;
    }
  }

  /** At most `limit` of the oldest rows, as many as one boot heard in a row; undefined when nothing is pending. */
  oldest(limit: number): PendingRows | undefined {
    const rows = this.#oldest.all(limit) as { row: number; boot: Uint8Array; body: Uint8Array }[];
    const first = rows[0];
    if (!first) {
      // A commit that was answered with an error may have happened all the same, and what is counted did not follow.
      this.#count = 0;
      this.#octets = 0;
      return undefined;
    }
    const isSameBoot = ({ boot }: { boot: Uint8Array }) => Buffer.compare(boot, first.boot) === 0;
    const next = rows.findIndex((row) => !isSameBoot(row));
    const taken = next < 0 ? rows : rows.slice(0, next);
    const cipher = createRowCipher(this.#options.storageKey, first.boot);
    return {
      boot: first.boot,
      bodies: taken.map(({ row, body }) => cipher.decrypt(row, body)),
      octets: taken.reduce((sum, { body }) => sum + body.length, 0),
      through: taken[taken.length - 1]!.row,
    };
  }

  /** Forgets rows that were sealed; to be called inside the transaction that puts their batch into the outbox. */
  remove({ through, bodies }: PendingRows): void {
    if (this.#delete.run(through).changes !== bodies.length) throw new Fault('inconsistent', 'pending rows changed');
    this.#markSealed.run(through);
  }

  /**
   * Destroys the rows of some subjects; the caller holds the transaction, and nothing is being sealed. What is still in the
   * group is not seen: {@link commit} first. The answer is what went; after the transaction it goes to {@link dropped}.
   */
  dropSubjects(isTheirs: (subject: Uint8Array) => boolean): Dropped {
    const dropped = { rows: 0, octets: 0 };
    const rows = this.#oldest.all(-1) as { row: number; boot: Uint8Array; body: Uint8Array }[];
    for (const { row, boot, body } of rows) {
      const leaf = decodeLeaf(createRowCipher(this.#options.storageKey, boot).decrypt(row, body));
      if (!isTheirs(leaf.subject)) continue;
      this.#deleteRow.run(row);
      dropped.rows++;
      dropped.octets += body.length;
    }
    if (dropped.rows > 0) this.#markSealed.run(this.#lastRow); // no number is used twice
    this.#options.db.exec('DELETE FROM unreadable'); // of whom they are nobody can tell
    return dropped;
  }

  dropped({ rows, octets }: Dropped): void {
    this.#count -= rows;
    this.#octets -= octets;
  }

  /** After the transaction of {@link remove}. */
  removed({ bodies, octets }: PendingRows): void {
    this.#count -= bodies.length;
    this.#octets -= octets;
  }
}
