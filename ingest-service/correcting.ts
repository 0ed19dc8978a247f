/**
 * Corrections, whoever found something to be wrong: checked against the reading, signed by the service, kept and committed
 * in one transaction, and the newest value made anew.
 */
import { randomBytes } from 'node:crypto';
import type { CorrectionLeaf } from '../protocol/correction-leaf.ts';
import { explainCorrection } from '../protocol/correction-leaf.ts';
import type { Signer, Verify } from '../protocol/cose.ts';
import { Fault } from '../protocol/fault.ts';
import { encodeId } from '../protocol/keys.ts';
import { decodeLeaf, encodeLeaf, type ReadingLeaf } from '../protocol/leaf.ts';
import { isResult, isTimeKnown } from '../protocol/newest-value.ts';
import { type Corrector, openCorrection, type Supersession, signSupersession } from '../protocol/supersession.ts';
import type { Clock } from '../protocol/time.ts';
import type { Patient } from './record/patients.ts';
import type { RecordStore } from './record/record-sqlite.ts';
import { searchReadings } from './record/search.ts';

export interface CorrectingDeps {
  readonly store: RecordStore;
  readonly signer: Signer;
  readonly verify: Verify;
  readonly clock: Clock;
}

export type Correcting = ReturnType<typeof createCorrecting>;

export function createCorrecting({ store, signer, verify, clock }: CorrectingDeps) {
  /** The caller holds the transaction. */
  function add(patient: Patient, body: Uint8Array, by: Corrector, evidence?: Supersession['evidence']): CorrectionLeaf {
    const correction = decodeLeaf(body);
    if (correction.kind !== 'correction') throw new Fault('malformed', 'not a correction');
    const reading = readingOf(patient, correction);
    if (!reading) throw new Fault('not-found', 'no such reading');
    const misfit = explainCorrection(correction, reading);
    if (misfit !== undefined) throw new Fault('malformed', misfit);
    const salt = new Uint8Array(randomBytes(32));
    const about = { salt, body, by, at: clock(), ...(evidence && { evidence }) };
    store.corrections.add(patient, signSupersession(about, signer));
    refreshLatest(patient, reading);
    return correction;
  }

  function readingOf(patient: Patient, { batch, index }: CorrectionLeaf): ReadingLeaf | undefined {
    const leaf = store.segments.leaf(patient, encodeId(batch), index)?.leaf;
    return leaf?.kind === 'reading' ? leaf : undefined;
  }

  /** The newest of this vital sign and device, after what was corrected: withdrawn ones are none. */
  function refreshLatest(patient: Patient, { vital, device }: ReadingLeaf): void {
    store.latest.forget(patient.id, vital, device);
    const seen = new Set<boolean>();
    for (const { id, leaf, correction } of searchReadings(store, patient, [{ vital }], 'desc')) {
      if (encodeDevice(leaf.device) !== encodeDevice(device) || !isResult(leaf.flags)) continue;
      if (correction?.act === 'withdraw' || seen.has(isTimeKnown(leaf))) continue;
      seen.add(isTimeKnown(leaf));
      store.latest.noteReading(
        patient.id,
        { vital, device, measuredAt: leaf.measuredAt, reading: id },
        isTimeKnown(leaf),
      );
      if (seen.has(true)) return;
    }
  }

  return {
    /** On the patient's signature. `publicKey`: an active key of hers. Throws `bad-signature`, `malformed`, `not-found`. */
    byPatient(patient: Patient, signed: Uint8Array, publicKey: Uint8Array): void {
      const body = openCorrection(signed, publicKey, verify);
      store.transaction(() => add(patient, body, 'patient', { signed, publicKey }));
    },

    /** As a practitioner told the service. Throws `malformed`, `not-found`. */
    byPractitioner(patient: Patient, correction: CorrectionLeaf): void {
      store.transaction(() => add(patient, encodeLeaf(correction), 'practitioner'));
    },

    /**
     * A leaf of a batch, inside the transaction that files it: it may amend what the same agent said. False when it does
     * not fit; it is kept as the agent's word, and changes nothing.
     */
    byAgent(patient: Patient, agent: string, body: Uint8Array): boolean {
      const correction = decodeLeaf(body);
      if (correction.kind !== 'correction') return false;
      const reading = readingOf(patient, correction);
      const isOwn = store.batches.get(encodeId(correction.batch))?.agent === agent;
      if (!reading || !isOwn || explainCorrection(correction, reading) !== undefined) return false;
      add(patient, body, 'agent');
      return true;
    },
  };
}

function encodeDevice(handle: Uint8Array): string {
  return Buffer.from(handle).toString('hex');
}
