/**
 * Sealed segments: the leaves of one batch, patient, kind and vital sign, under one key. Clear columns say only when and
 * how many. Every leaf that comes back is checked against the leaf hashes of its batch, because a database page has no
 * checksum of its own.
 */
import type { DatabaseSync } from 'node:sqlite';
import { formatReadingId, leafHash, leafSalt, MAX_BATCH_ITEMS } from '../../protocol/batch.ts';
import { equalBytes } from '../../protocol/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { Fault } from '../../protocol/fault.ts';
import { type CoverageLeaf, decodeLeaf, LEAF_KINDS, type Leaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import type { Instant } from '../../protocol/time.ts';
import type { AppliedCorrection } from './corrections.ts';
import type { Patient } from './patients.ts';
import { createKey, openBytes, sealBytes } from './sealing.ts';

/** A leaf as the agent signed it. */
export interface KeptLeaf {
  readonly index: number;
  readonly salt: Uint8Array;
  readonly body: Uint8Array;
  readonly leaf: Leaf;
}

/** What is about to be filed: leaves of one segment that consent allows and that are no doubles. */
export interface SegmentToFile {
  /** Present when every leaf of the segment is kept; else each leaf keeps its own salt, and the key is not stored. */
  readonly saltKey?: Uint8Array;
  readonly leaves: readonly KeptLeaf[];
}

/** A filed reading with where it stands. */
export interface FiledReading {
  readonly id: string;
  readonly batch: string;
  readonly index: number;
  readonly salt: Uint8Array;
  readonly body: Uint8Array;
  /** As it is shown: where it was corrected, not what the body says. */
  readonly leaf: ReadingLeaf;
  /** What the body says, where it was corrected. */
  readonly original?: ReadingLeaf;
  readonly correction?: AppliedCorrection;
}

interface SegmentRow {
  readonly batch: string;
  readonly first_leaf: number;
  readonly from_at: number;
  readonly to_at: number;
  readonly key: Uint8Array;
  readonly sealed: Uint8Array;
}

/** Half-open interval of measurement, and direction. */
export interface ReadingRange {
  readonly from?: Instant;
  readonly to?: Instant;
  readonly sort: 'asc' | 'desc';
}

export type Segments = ReturnType<typeof createSegments>;

export function createSegments(db: DatabaseSync, hashesOf: (batch: string) => Uint8Array | undefined) {
  const insert = db.prepare(
    `INSERT INTO segments (patient, kind, vital, batch, first_leaf, last_leaf, from_at, to_at, leaves, test, key, sealed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const columns = 'batch, first_leaf, from_at, to_at, key, sealed';
  const byLeaf = db.prepare(
    `SELECT patient, ${columns} FROM segments WHERE batch = ? AND first_leaf <= ? AND last_leaf >= ?`,
  );
  // By batch, which has few: the plus keeps SQLite from going through all of the patient's segments of that kind.
  const inBatch = db.prepare(
    `SELECT ${columns}, last_leaf, leaves FROM segments WHERE batch = ? AND +patient = ? AND +kind = ? ORDER BY first_leaf`,
  );
  const earliestSpoken = db.prepare(
    `SELECT b.sequence FROM segments s JOIN batches b ON b.id = s.batch
     WHERE s.patient = ? AND s.kind = ? AND s.vital = 0 AND b.agent = ? ORDER BY s.to_at LIMIT 1`,
  );
  const count = db.prepare('SELECT coalesce(sum(leaves), 0) AS n FROM segments WHERE patient = ? AND kind = ?');
  const vitals = db.prepare('SELECT DISTINCT vital FROM segments WHERE patient = ? AND kind = ?');

  function open(patient: Patient, row: SegmentRow): KeptLeaf[] {
    const purpose = `${patient.id} ${row.batch} ${row.first_leaf}`;
    const key = openBytes(patient.key, `segment key ${purpose}`, row.key);
    const content = decodeCbor(openBytes(key, `segment ${purpose}`, row.sealed), MAX_BATCH_ITEMS) as readonly [
      Uint8Array | null,
      readonly (readonly [number, Uint8Array, Uint8Array?])[],
    ];
    const hashes = hashesOf(row.batch);
    if (!hashes) throw new Fault('inconsistent', 'a segment without its batch');
    return content[1].map(([index, body, ownSalt]) => {
      const salt = ownSalt ?? leafSalt(content[0]!, index);
      if (!equalBytes(leafHash(salt, body), hashes.subarray(32 * index, 32 * index + 32))) {
        throw new Fault('inconsistent', 'a stored leaf does not match its hash');
      }
      return { index, salt, body, leaf: decodeLeaf(body) };
    });
  }

  return {
    /** Writes one segment; the caller holds the transaction. */
    insert(patient: Patient, batch: string, { saltKey, leaves }: SegmentToFile): void {
      const first = leaves[0]!;
      const times = leaves.map(({ leaf }) => instantOf(leaf));
      const rows = leaves.map(({ index, body, salt }): CborValue => (saltKey ? [index, body] : [index, body, salt]));
      const purpose = `${patient.id} ${batch} ${first.index}`;
      const key = createKey();
      insert.run(
        patient.id,
        LEAF_KINDS[first.leaf.kind],
        first.leaf.kind === 'reading' ? first.leaf.vital : 0,
        batch,
        first.index,
        leaves.at(-1)!.index,
        Math.min(...times),
        Math.max(...times),
        leaves.length,
        first.leaf.test ? 1 : 0,
        sealBytes(patient.key, `segment key ${purpose}`, key),
        sealBytes(key, `segment ${purpose}`, encodeCbor([saltKey ?? null, rows])),
      );
    },

    /**
     * Readings of one patient and vital sign by time of measurement (then id), one after the other. Segments are opened
     * only as far as the caller reads, because a vital sign may have millions of readings.
     */
    *readings(patient: Patient, vital: number, { from, to, sort }: ReadingRange): Generator<FiledReading> {
      const low = from ?? -8.64e15;
      const high = to ?? 8.64e15;
      const order = (a: FiledReading, b: FiledReading) => (sort === 'asc' ? 1 : -1) * compareReadings(a, b);
      // A statement of its own: several vital signs are read side by side when a search asks for more than one.
      const statement = db.prepare(
        `SELECT ${columns} FROM segments WHERE patient = ? AND kind = ? AND vital = ? AND to_at >= ? AND from_at < ?
         ORDER BY ${sort === 'asc' ? 'from_at ASC' : 'to_at DESC'}`,
      );
      let waiting: FiledReading[] = [];
      for (const row of statement.iterate(patient.id, LEAF_KINDS.reading, vital, low, high)) {
        const segment = row as unknown as SegmentRow;
        // Segments overlap where batches arrive late: what no later segment can precede may go out now.
        const edge = sort === 'asc' ? segment.from_at : segment.to_at;
        const ready = waiting.findIndex(({ leaf }) =>
          sort === 'asc' ? leaf.measuredAt >= edge : leaf.measuredAt <= edge,
        );
        yield* waiting.splice(0, ready < 0 ? waiting.length : ready);
        for (const kept of open(patient, segment)) {
          const reading = asReading(segment.batch, kept);
          if (reading.leaf.measuredAt >= low && reading.leaf.measuredAt < high) waiting.push(reading);
        }
        waiting = waiting.sort(order);
      }
      yield* waiting;
    },

    /** All that agents attested of a patient's devices, by the beginning of its segment. */
    *coverage(patient: Patient): Generator<CoverageLeaf> {
      const statement = db.prepare(
        `SELECT ${columns} FROM segments WHERE patient = ? AND kind = ? ORDER BY from_at, batch`,
      );
      for (const row of statement.iterate(patient.id, LEAF_KINDS.coverage)) {
        for (const { leaf } of open(patient, row as unknown as SegmentRow)) if (leaf.kind === 'coverage') yield leaf;
      }
    },

    /** What one batch says of a patient's devices, by index. Throws `inconsistent`. */
    coverageIn(patient: Patient, batch: string): KeptLeaf[] {
      const rows = inBatch.all(batch, patient.id, LEAF_KINDS.coverage);
      return rows.flatMap((row) => open(patient, row as unknown as SegmentRow));
    },

    /** Sequence of the batch of an agent with the earliest coverage of a patient; of several, any. */
    earliestSpoken(patient: Patient, agent: string): number | undefined {
      return earliestSpoken.get(patient.id, LEAF_KINDS.coverage, agent)?.sequence as number | undefined;
    },

    /** Sequences of batches of an agent with coverage of a patient, before one, the latest first. */
    *spokenBefore(patient: Patient, agent: string, sequence: number): Generator<number> {
      const statement = db.prepare(
        `SELECT b.sequence FROM segments s JOIN batches b ON b.id = s.batch WHERE s.patient = ? AND s.kind = ? AND s.vital = 0
         AND b.agent = ? AND b.sequence < ? ORDER BY s.to_at DESC`,
      );
      for (const row of statement.iterate(patient.id, LEAF_KINDS.coverage, agent, sequence))
        yield row.sequence as number;
    },

    /** Indexes of a patient's readings of one batch that are in the record, rising. */
    readingsIn(patient: Patient, batch: string): number[] {
      return inBatch.all(batch, patient.id, LEAF_KINDS.reading).flatMap((row) => {
        const { first_leaf: first, last_leaf: last, leaves } = row as unknown as Record<string, number>;
        if (last! - first! + 1 === leaves) return Array.from({ length: leaves }, (_, i) => first! + i);
        return open(patient, row as unknown as SegmentRow).map(({ index }) => index);
      });
    },

    /** One leaf by batch and index; `undefined` when it is not in the record or not this patient's. */
    leaf(patient: Patient, batch: string, index: number): KeptLeaf | undefined {
      const row = byLeaf.get(batch, index, index);
      if (!row || row.patient !== patient.id) return undefined;
      return open(patient, row as unknown as SegmentRow).find((kept) => kept.index === index);
    },

    /** Those of the leaves of one batch that are in the record and this patient's, by index; each segment is opened once. */
    leaves(patient: Patient, batch: string, indexes: readonly number[]): Map<number, KeptLeaf> {
      const wanted = new Set(indexes);
      const found = new Map<number, KeptLeaf>();
      const opened = new Set<unknown>();
      for (const index of wanted) {
        const row = byLeaf.get(batch, index, index);
        // One that has holes is asked for each of them.
        if (!row || row.patient !== patient.id || opened.has(row.first_leaf)) continue;
        opened.add(row.first_leaf);
        for (const kept of open(patient, row as unknown as SegmentRow)) {
          if (wanted.delete(kept.index)) found.set(kept.index, kept);
        }
      }
      return found;
    },

    /** All leaves of the segment that begins with this leaf. Throws `inconsistent` where it is not what was sealed. */
    leavesOf(patient: Patient, batch: string, firstLeaf: number): KeptLeaf[] {
      return open(patient, byLeaf.get(batch, firstLeaf, firstLeaf) as unknown as SegmentRow);
    },

    /** Record-local id of the patient whose leaf this is. */
    ownerOf(batch: string, index: number): string | undefined {
      return byLeaf.get(batch, index, index)?.patient as string | undefined;
    },

    countReadings(patient: Patient): number {
      return count.get(patient.id, LEAF_KINDS.reading)!.n as number;
    },

    /** MDC codes of which the patient has readings. */
    vitalsOf(patient: Patient): number[] {
      return vitals.all(patient.id, LEAF_KINDS.reading).map((row) => row.vital as number);
    },
  };
}

/** Order of a search result: time of measurement, then id, so that a page can go on where the last one ended. */
export function compareReadings(a: FiledReading, b: FiledReading): number {
  return a.leaf.measuredAt - b.leaf.measuredAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/** A kept leaf that is known to be a reading. Throws `inconsistent`. */
export function asReading(batch: string, { index, salt, body, leaf }: KeptLeaf): FiledReading {
  if (leaf.kind !== 'reading') throw new Fault('inconsistent', 'not a reading');
  return { id: formatReadingId(batch, index), batch, index, salt, body, leaf };
}

/** By what a segment is found in time. */
export function instantOf(leaf: Leaf): Instant {
  switch (leaf.kind) {
    case 'reading':
      return leaf.measuredAt;
    case 'coverage':
      return leaf.from;
    case 'correction':
      return leaf.correctedAt;
    default:
      return leaf.heardAt;
  }
}
