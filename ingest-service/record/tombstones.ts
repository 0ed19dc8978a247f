/**
 * What is left of an erased segment: that there was one, and where. No two of them can be joined, and none leads to a
 * patient; she who brings her own subject finds hers.
 */
import { createHmac, hkdfSync } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { encodeCbor } from '../../protocol/cbor.ts';
import type { Instant } from '../../protocol/time.ts';

/** Leaves `firstLeaf` to `lastLeaf` of a batch were one patient's and are no more; their hashes stay. */
export interface Tombstone {
  readonly batch: string;
  readonly firstLeaf: number;
  readonly lastLeaf: number;
  readonly erasedAt: Instant;
}

export type Tombstones = ReturnType<typeof createTombstones>;

export function createTombstones(db: DatabaseSync, keyEncryptionKey: Uint8Array) {
  const key = new Uint8Array(hkdfSync('sha256', keyEncryptionKey, '', 'veravita/v1/tombstones', 32));
  const insert = db.prepare(
    `INSERT INTO tombstones (batch, first_leaf, last_leaf, erased_at, owner) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  );
  const byBatch = db.prepare(
    'SELECT batch, first_leaf, last_leaf, erased_at FROM tombstones WHERE batch = ? ORDER BY first_leaf',
  );
  const byLeaf = db.prepare(
    'SELECT first_leaf, owner FROM tombstones WHERE batch = ? AND first_leaf <= ? AND last_leaf >= ?',
  );
  const ownerTag = (subject: Uint8Array, batch: string, firstLeaf: number) =>
    createHmac('sha256', key)
      .update(encodeCbor([subject, batch, firstLeaf]))
      .digest();

  return {
    /** The caller holds the transaction that destroys the segment. Again: nothing changes. */
    add(subject: Uint8Array, { batch, firstLeaf, lastLeaf, erasedAt }: Tombstone): void {
      insert.run(batch, firstLeaf, lastLeaf, erasedAt, ownerTag(subject, batch, firstLeaf));
    },

    /** Segments of a batch that were erased, in order. */
    of(batch: string): Tombstone[] {
      return byBatch.all(batch).map((row) => ({
        batch: row.batch as string,
        firstLeaf: row.first_leaf as number,
        lastLeaf: row.last_leaf as number,
        erasedAt: row.erased_at as number,
      }));
    },

    /** True when a leaf lies in an erased segment. */
    covers(batch: string, index: number): boolean {
      return byLeaf.get(batch, index, index) !== undefined;
    },

    /** True when a leaf lies in a segment that was this subject's. */
    isOf(subject: Uint8Array, batch: string, index: number): boolean {
      const row = byLeaf.get(batch, index, index);
      return row !== undefined && ownerTag(subject, batch, row.first_leaf as number).equals(row.owner as Uint8Array);
    },
  };
}
