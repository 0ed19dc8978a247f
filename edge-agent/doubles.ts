/**
 * Recognises a reading that was heard before: a device that sends its memory twice, a recording that is fed again, an
 * indication whose confirmation got lost. What is remembered is a keyed hash, which says nothing of the value. A row is
 * written in the transaction that makes the reading durable, so neither is there without the other.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { encodeCbor } from '../protocol/cbor.ts';
import type { ReadingLeaf } from '../protocol/leaf.ts';
import { identityOf } from '../protocol/reading-identity.ts';
import { wallClockToInstant } from '../protocol/time.ts';

const DAY_MS = 86_400_000;
const PRUNE_ROWS = 5000;

/** How long a reading is remembered since it was heard last, in days of real time. */
export const REMEMBER_DAYS = 35;

/** What is remembered of one reading. */
export interface Mark {
  /** When it was measured, in seconds since 1970; a device's clock is taken as UTC, for a zone can change in between. */
  readonly second: number;
  /** HMAC-SHA256, its first 16 octets. */
  readonly hash: Uint8Array;
}

/** The mark of a reading. Its ordinal tells true repeats apart. */
export function markOf(leaf: ReadingLeaf, doublesKey: KeyObject): Mark {
  const { subject, device, vital, ordinal } = leaf;
  const { characteristic, raw, time } = identityOf(leaf);
  const named = encodeCbor([subject, device, characteristic, time, raw, vital, ordinal]);
  const hash = createHmac('sha256', doublesKey).update(named).digest().subarray(0, 16);
  const instant = typeof time === 'number' ? time : wallClockToInstant(time, 0);
  return { second: Math.floor(instant / 1000), hash };
}

/** The marks in the database. */
export interface Doubles {
  /** True when the mark is new, and now remembered; to be called inside a transaction. */
  note(mark: Mark): boolean;
  /** Forgets some of what is older than {@link REMEMBER_DAYS}; true when there may be more. */
  prune(): boolean;
  /** Forgets everything; to be called inside a transaction. */
  clear(): void;
}

/** `realNow` is real time, ms since 1970: recordings keep their own dates, but they are fed today. */
export function openDoubles(db: DatabaseSync, realNow: () => number): Doubles {
  const insert = db.prepare('INSERT OR IGNORE INTO doubles (second, hash, noted_day) VALUES (?, ?, ?)');
  // What a device goes on sending is not to be forgotten, however long ago it was heard first.
  const heardAgain = db.prepare('UPDATE doubles SET noted_day = ? WHERE second = ? AND hash = ? AND noted_day < ?');
  const forget = db.prepare(
    `DELETE FROM doubles WHERE (second, hash) IN
       (SELECT second, hash FROM doubles WHERE noted_day < ? ORDER BY noted_day LIMIT ${PRUNE_ROWS})`,
  );
  const today = () => Math.floor(realNow() / DAY_MS);
  return {
    note({ second, hash }) {
      const isNew = insert.run(second, hash, today()).changes === 1;
      if (!isNew) heardAgain.run(today(), second, hash, today());
      return isNew;
    },
    clear: () => void db.exec('DELETE FROM doubles'),
    prune: () => forget.run(today() - REMEMBER_DAYS).changes === PRUNE_ROWS,
  };
}
