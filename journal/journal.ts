/**
 * The port of the shape that recurs in the service: append durably, then followers with their own cursor.
 *
 * The contract, which test/contracts/journal.ts holds every engine to:
 *
 * - **Append is durable when it resolves.** A power cut or kill -9 after that loses nothing. When it rejects with a
 *   Fault `unavailable`, the entries may be there or not (`retry` says `later` when they are certainly not, `unknown`
 *   otherwise); appending the same ids again is always right. `too-large`: it can never be appended.
 * - **One id, one entry.** Appending an id that is already there returns its first position and adds nothing, whatever
 *   the body. Ids are remembered for the life of the journal, also after their entries were trimmed: an id costs about a
 *   hundred octets, and a forgotten one would let a batch that comes back after a year be filed twice.
 * - **Positions** are whole numbers from 0, ascending in the order of the append, without gaps. Entries of one append
 *   are neighbors unless some were there before; either all new ones become durable or none.
 * - **Followers get every entry at least once**, in the order of positions per key (an engine may interleave keys), and
 *   must recognize doubles by position or id. The cursor moves, durably, after the handler resolves; after a crash the
 *   follower gets again what it had not finished. When the handler rejects, the same entries come again after a pause
 *   that doubles up to a limit; nothing is skipped.
 * - **One follower per name** at a time. A second `follow` of a name throws; a name that was stopped may start again.
 *   A new name starts at the oldest entry that is kept.
 * - **Trim never passes the slowest follower**, running or not, and trims nothing while nobody ever followed. The
 *   content of trimmed entries is overwritten in the store, not just unlinked. Kafka cannot: it unlinks, by segments
 *   (docs/decisions/journal-in-kafka.md).
 * - Several processes may append, read and follow (different names) at once.
 */

/** What a producer hands over. */
export interface NewEntry {
  /** Entries with the same key reach followers in order. */
  readonly key: string;
  /** Unique in the journal; the idempotency key. */
  readonly id: string;
  readonly body: Uint8Array;
}

/** An entry as it was stored. */
export interface JournalEntry extends NewEntry {
  readonly position: number;
}

/** Handles entries in order; resolves when their effects are durable. Must tolerate doubles. */
export type Handle = (entries: readonly JournalEntry[]) => Promise<void>;

export interface FollowOptions {
  /** Most entries handed over at once; 256 by default. */
  readonly batchSize?: number;
  /** Longest wait before entries of another process are seen; 250 ms by default. */
  readonly pollMs?: number;
  /** First and longest pause after a failure; 50 ms and 5,000 ms by default. */
  readonly backoffMs?: { readonly first: number; readonly longest: number };
  /** Told of each failure before the pause. The error may be the handler's. */
  readonly onError?: (error: unknown, attempt: number) => void;
}

/** A running follower. */
export interface Follower {
  /** Position of the next entry to hand over; everything before it is handled. 0 until the cursor is loaded. */
  readonly position: number;
  /** Resolves when all entries that are in the journal now are handled and the cursor is durable, or when stopped. */
  caughtUp(): Promise<void>;
  /** Lets the handler finish what it has, keeps the cursor, and hands over nothing more. */
  stop(): Promise<void>;
}

/** See the file comment for the contract. */
export interface Journal {
  /** Durable when resolved; one position for each entry, in order. */
  append(entries: readonly NewEntry[]): Promise<readonly number[]>;
  /** Entries from a position on that are not trimmed, at most `limit`, ascending. */
  read(from: number, limit: number): Promise<readonly JournalEntry[]>;
  /** The position that the next new entry will get. */
  end(): Promise<number>;
  /** Starts a follower at its cursor. Throws when one of that name is running in this process. */
  follow(follower: string, handle: Handle, options?: FollowOptions): Follower;
  /** Forgets keys and bodies before a position; resolves with the first position that is kept. */
  trim(before: number): Promise<number>;
  /** Stops all followers, finishes pending appends, closes the store. */
  close(): Promise<void>;
}
