/**
 * Corrections of filed readings: the service's signed statements, sealed with the patient's key. A reading that was
 * corrected stays as it was signed; what takes its place is worked out each time that it is shown.
 */
import type { DatabaseSync } from 'node:sqlite';
import { formatReadingId } from '../../protocol/batch.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import { type CorrectionAct, type CorrectionReason, correctReading } from '../../protocol/correction-leaf.ts';
import { encodeId } from '../../protocol/keys.ts';
import { type Corrector, type ReadSupersession, readSupersession } from '../../protocol/supersession.ts';
import type { Instant } from '../../protocol/time.ts';
import type { Commitments } from './commitments.ts';
import type { Patient } from './patients.ts';
import { openBytes, sealBytes } from './sealing.ts';
import type { FiledReading } from './segments.ts';

/** One correction of a reading. */
export interface KeptCorrection extends ReadSupersession {
  readonly readingId: string;
  /** From 1, per reading; the last one counts. */
  readonly seq: number;
  /** COSE_Sign1 by the service. */
  readonly statement: Uint8Array;
}

/** What a shown reading says of its correction. */
export interface AppliedCorrection {
  readonly act: CorrectionAct;
  readonly reason: CorrectionReason;
  readonly by: Corrector;
  readonly at: Instant;
  /** Of the reading: the original is 1. */
  readonly version: number;
  /** The value itself was replaced. */
  readonly isOfValue: boolean;
}

export type Corrections = ReturnType<typeof createCorrections>;

export function createCorrections(db: DatabaseSync, commitments: Commitments) {
  const insert = db.prepare('INSERT INTO corrections (patient, batch, leaf, seq, sealed) VALUES (?, ?, ?, ?, ?)');
  const newest = db.prepare('SELECT coalesce(max(seq), 0) AS seq FROM corrections WHERE batch = ? AND leaf = ?');
  const ofPatient = db.prepare('SELECT batch, leaf, seq, sealed FROM corrections WHERE patient = ? ORDER BY seq');
  const ofLeaf = db.prepare(
    'SELECT batch, leaf, seq, sealed FROM corrections WHERE patient = ? AND batch = ? AND leaf = ? ORDER BY seq',
  );
  const purpose = ({ id }: Patient, batch: string, leaf: number, seq: number) =>
    `correction ${id} ${batch} ${leaf} ${seq}`;

  function open(patient: Patient, row: Record<string, unknown>): KeptCorrection {
    const [batch, leaf, seq] = [row.batch as string, row.leaf as number, row.seq as number];
    const statement = openBytes(patient.key, purpose(patient, batch, leaf, seq), row.sealed as Uint8Array);
    return { readingId: formatReadingId(batch, leaf), seq, statement, ...readSupersession(statement) };
  }

  return {
    /** Adds a statement with its commitment; the caller holds the transaction and has checked that it fits its reading. */
    add(patient: Patient, statement: Uint8Array): void {
      const { correction, id } = readSupersession(statement);
      const batch = encodeId(correction.batch);
      const seq = (newest.get(batch, correction.index)!.seq as number) + 1;
      const sealed = sealBytes(patient.key, purpose(patient, batch, correction.index, seq), statement);
      insert.run(patient.id, batch, correction.index, seq, sealed);
      commitments.add(commitmentOf('supersession', id));
    },

    /** The one that counts of each reading, by reading id. */
    of(patient: Patient): Map<string, KeptCorrection> {
      return new Map(
        ofPatient
          .all(patient.id)
          .map((row) => open(patient, row))
          .map((kept) => [kept.readingId, kept]),
      );
    },

    /** Of one reading, in order. */
    ofReading(patient: Patient, batch: string, index: number): KeptCorrection[] {
      return ofLeaf.all(patient.id, batch, index).map((row) => open(patient, row));
    },
  };
}

/** The reading as a correction leaves it. */
export function applyCorrection(reading: FiledReading, kept: KeptCorrection | undefined): FiledReading {
  if (!kept) return reading;
  const { correction, by, at, seq } = kept;
  const { act, reason } = correction;
  const isOfValue = correction.value !== undefined || correction.components !== undefined;
  return {
    ...reading,
    original: reading.leaf,
    leaf: correctReading(reading.leaf, correction),
    correction: { act, reason, by, at, version: seq + 1, isOfValue },
  };
}
