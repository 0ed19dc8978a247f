/** Headers and leaf hashes of the batches that were filed. They outlive what they prove: erasing bodies leaves them. */
import type { DatabaseSync } from 'node:sqlite';
import type { Instant } from '../../protocol/time.ts';

export interface FiledBatch {
  readonly id: string;
  readonly agent: string;
  readonly sequence: number;
  /** COSE_Sign1. */
  readonly signedHeader: Uint8Array;
  /** 32 octets for each leaf, in order. */
  readonly leafHashes: Uint8Array;
  /** Leaves that consent did not allow to keep. */
  readonly withheld: number;
  readonly receivedAt: Instant;
  readonly filedAt: Instant;
  readonly commitment: Uint8Array;
}

/** Readings of one patient in one batch that are not in the record. */
export interface ReadingCounts {
  readonly doubles: number;
  readonly withheld: number;
}

export interface StoredHeader {
  readonly id: string;
  readonly sequence: number;
  /** COSE_Sign1. */
  readonly signedHeader: Uint8Array;
}

function asHeader(row: Record<string, unknown> | undefined): StoredHeader | undefined {
  return (
    row && {
      id: row.id as string,
      sequence: row.sequence as number,
      signedHeader: row.signed_header as Uint8Array,
    }
  );
}

export type Batches = ReturnType<typeof createBatches>;

export function createBatches(db: DatabaseSync) {
  const insert = db.prepare(
    `INSERT INTO batches (id, agent, sequence, signed_header, leaf_hashes, withheld, received_at, filed_at, commitment)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const byId = db.prepare('SELECT * FROM batches WHERE id = ?');
  const hashesById = db.prepare('SELECT leaf_hashes FROM batches WHERE id = ?');
  const newestOf = db.prepare('SELECT id, sequence FROM batches WHERE agent = ? ORDER BY sequence DESC LIMIT 1');
  const bySequence = db.prepare('SELECT id FROM batches WHERE agent = ? AND sequence = ?');
  const oldestOf = db.prepare('SELECT min(sequence) AS sequence FROM batches WHERE agent = ?');
  const from = db.prepare(
    'SELECT id, sequence, signed_header FROM batches WHERE agent = ? AND sequence >= ? ORDER BY sequence LIMIT 1',
  );
  const insertCounts = db.prepare('INSERT INTO batch_counts (batch, patient, doubles, withheld) VALUES (?, ?, ?, ?)');
  const countsOf = db.prepare('SELECT doubles, withheld FROM batch_counts WHERE batch = ? AND patient = ?');
  const countAll = db.prepare('SELECT count(*) AS n FROM batches');
  const indexOf = db.prepare(
    'SELECT c.log_index FROM batches b JOIN commitments c ON c.commitment = b.commitment WHERE b.id = ?',
  );
  const unlogged = db.prepare(
    `SELECT min(b.sequence) AS first FROM batches b JOIN commitments c ON c.commitment = b.commitment
     WHERE b.agent = ? AND b.sequence > ? AND c.log_index IS NULL`,
  );
  // Only grows, so a look starts where the last one ended.
  const loggedThrough = new Map<string, number>();

  return {
    insert(batch: FiledBatch): void {
      insert.run(
        batch.id,
        batch.agent,
        batch.sequence,
        batch.signedHeader,
        batch.leafHashes,
        batch.withheld,
        batch.receivedAt,
        batch.filedAt,
        batch.commitment,
      );
    },

    get(id: string): FiledBatch | undefined {
      const row = byId.get(id);
      return (
        row && {
          id,
          agent: row.agent as string,
          sequence: row.sequence as number,
          signedHeader: row.signed_header as Uint8Array,
          leafHashes: row.leaf_hashes as Uint8Array,
          withheld: row.withheld as number,
          receivedAt: row.received_at as number,
          filedAt: row.filed_at as number,
          commitment: row.commitment as Uint8Array,
        }
      );
    },

    leafHashes(id: string): Uint8Array | undefined {
      return hashesById.get(id)?.leaf_hashes as Uint8Array | undefined;
    },

    /** Sequence and id of an agent's newest filed batch. */
    newest(agent: string): { id: string; sequence: number } | undefined {
      return newestOf.get(agent) as { id: string; sequence: number } | undefined;
    },

    /** Sequence of an agent's oldest filed batch. */
    oldest(agent: string): number | undefined {
      return (oldestOf.get(agent)?.sequence as number | null | undefined) ?? undefined;
    },

    /** The first filed batch of an agent with at least this sequence. */
    firstFrom(agent: string, sequence: number): StoredHeader | undefined {
      return asHeader(from.get(agent, sequence));
    },

    /** Notes what became of a patient's readings; the caller holds the transaction that files the batch. */
    noteCounts(batch: string, patient: string, { doubles, withheld }: ReadingCounts): void {
      insertCounts.run(batch, patient, doubles, withheld);
    },

    counts(batch: string, patient: string): ReadingCounts {
      const row = countsOf.get(batch, patient);
      return {
        doubles: (row?.doubles as number | undefined) ?? 0,
        withheld: (row?.withheld as number | undefined) ?? 0,
      };
    },

    idAt(agent: string, sequence: number): string | undefined {
      return bySequence.get(agent, sequence)?.id as string | undefined;
    },

    /** Log index of a filed batch; `undefined` while no signed checkpoint covers it. */
    logIndex(id: string): number | undefined {
      return (indexOf.get(id)?.log_index as number | null | undefined) ?? undefined;
    },

    /** Highest sequence up to which every filed batch of an agent is in the log; 0 when none is. */
    loggedUpTo(agent: string): number {
      const known = loggedThrough.get(agent) ?? 0;
      const first = unlogged.get(agent, known)?.first as number | null;
      const through = first === null ? (this.newest(agent)?.sequence ?? 0) : first - 1;
      loggedThrough.set(agent, through);
      return through;
    },

    count(): number {
      return countAll.get()!.n as number;
    },
  };
}
