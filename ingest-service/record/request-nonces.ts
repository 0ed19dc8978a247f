/**
 * Nonces of signed requests that were used. They are in the record, because neither a restart nor a clock that is set back
 * may let one be used again; of whom they are is not. Which are forgotten is not asked of any clock: the oldest, when they
 * are too many. Of those the minutes stay in which they were signed, and of such a minute nothing is taken any more.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Instant } from '../../protocol/time.ts';

/** About 50 MB. */
const MOST_NONCES = 1_000_000;

/** So many are forgotten at once, of those that are kept. */
const FORGOTTEN_SHARE = 1 / 10;

export type RequestNonces = ReturnType<typeof createRequestNonces>;

export function createRequestNonces(db: DatabaseSync) {
  const insert = db.prepare('INSERT INTO request_nonces (nonce, at) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const isClosed = db.prepare('SELECT 1 FROM request_minutes WHERE minute = ?');
  // Only the lowest numbers are ever deleted, so they have no gaps. Two questions, or SQLite would look at every row.
  const bounds = db.prepare(
    'SELECT (SELECT min(number) FROM request_nonces) AS first, (SELECT max(number) FROM request_nonces) AS last',
  );
  const close = db.prepare('INSERT INTO request_minutes (minute) VALUES (?) ON CONFLICT DO NOTHING');
  const signed = db.prepare('SELECT at FROM request_nonces WHERE number < ?');
  const drop = db.prepare('DELETE FROM request_nonces WHERE number < ?');
  const minuteOf = (at: Instant) => Math.floor(at / 60_000);

  function forget(most: number): void {
    const { first, last } = bounds.get() as { first: number; last: number };
    if (last - first < most) return;
    const from = last - Math.floor(most * (1 - FORGOTTEN_SHARE)) + 1;
    const minutes = new Set<number>();
    for (const { at } of signed.iterate(from)) minutes.add(minuteOf(at as number));
    for (const minute of minutes) close.run(minute);
    drop.run(from);
  }

  return {
    /**
     * Notes a nonce and when its request was signed, in the caller's transaction. False when it was used before, or may
     * have been. `most`: how many are kept.
     */
    claim(nonce: Uint8Array, at: Instant, most = MOST_NONCES): boolean {
      if (isClosed.get(minuteOf(at)) || insert.run(nonce, at).changes === 0) return false;
      forget(most);
      return true;
    },
  };
}
