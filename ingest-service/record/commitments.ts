/**
 * Transactional outbox of commitments: a commitment is written in the same transaction as the thing it commits to, then
 * moved to the journal that the ledger writer follows, then learns its place in the log. Each step may happen twice.
 */
import type { DatabaseSync } from 'node:sqlite';

export type Commitments = ReturnType<typeof createCommitments>;

export function createCommitments(db: DatabaseSync) {
  const insert = db.prepare('INSERT INTO commitments (commitment) VALUES (?) ON CONFLICT DO NOTHING');
  const unsent = db.prepare('SELECT commitment FROM commitments WHERE sent = 0 ORDER BY rowid LIMIT ?');
  const markSent = db.prepare('UPDATE commitments SET sent = 1 WHERE commitment = ?');
  const setIndex = db.prepare('UPDATE commitments SET log_index = ? WHERE commitment = ? AND log_index IS NULL');
  const indexOf = db.prepare('SELECT log_index FROM commitments WHERE commitment = ?');
  const countUnlogged = db.prepare('SELECT count(*) AS n FROM commitments WHERE log_index IS NULL');

  return {
    /** The caller holds the transaction of what is committed to. */
    add(commitment: Uint8Array): void {
      insert.run(commitment);
    },

    unsent(limit: number): Uint8Array[] {
      return unsent.all(limit).map((row) => row.commitment as Uint8Array);
    },

    markSent(commitment: Uint8Array): void {
      markSent.run(commitment);
    },

    setLogIndex(commitment: Uint8Array, index: number): void {
      setIndex.run(index, commitment);
    },

    /** Index in the log; `undefined` while no signed checkpoint covers it. */
    logIndex(commitment: Uint8Array): number | undefined {
      return (indexOf.get(commitment)?.log_index as number | null | undefined) ?? undefined;
    },

    /** How many are not yet covered by a signed checkpoint. */
    countUnlogged(): number {
      return countUnlogged.get()!.n as number;
    },
  };
}
