/**
 * Corrections, whoever found something to be wrong: checked against the reading, signed by the service, kept and committed
 * in one transaction, and the newest value made anew.
 */
import { randomBytes } from 'node:crypto';
import { encodeHex } from '../protocol/bytes.ts';
import type { CorrectionLeaf } from '../protocol/correction-leaf.ts';
import { explainCorrection } from '../protocol/correction-leaf.ts';
import type { Signer, Verify } from '../protocol/cose.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { type AgentId, encodeId } from '../protocol/keys.ts';
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

/** A correction leaf that came in a batch, and of whom. */
export interface AgentCorrection {
  readonly patient: Patient;
  readonly body: Uint8Array;
}

export function createCorrecting({ store, signer, verify, clock }: CorrectingDeps) {
  /** What a patient or practitioner found, in a transaction of its own. */
  function correct(patient: Patient, body: Uint8Array, by: Corrector, evidence?: Supersession['evidence']): void {
    store.transaction(() => {
      const correction = decodeLeaf(body);
      if (correction.kind !== 'correction') throw new Fault('malformed', 'not a correction');
      const reading = store.segments.leaf(patient, encodeId(correction.batch), correction.index)?.leaf;
      if (reading?.kind !== 'reading') throw new Fault('not-found', 'no such reading');
      const misfit = explainCorrection(correction, reading);
      if (misfit !== undefined) throw new Fault('malformed', misfit);
      keep(patient, body, by, evidence);
      refreshLatest(patient, reading.vital, [reading.device]);
    });
  }

  function keep(patient: Patient, body: Uint8Array, by: Corrector, evidence?: Supersession['evidence']): void {
    const salt = new Uint8Array(randomBytes(32));
    const about = { salt, body, by, at: clock(), ...(evidence && { evidence }) };
    store.corrections.add(patient, signSupersession(about, signer));
  }

  /** Those of an agent's corrections of one batch that fit, with the reading that each is about. */
  function fitting(patient: Patient, batch: string, corrections: readonly ReadCorrection[]) {
    const indexes = corrections.map(({ correction }) => correction.index);
    const leaves = unlessAltered(() => store.segments.leaves(patient, batch, indexes));
    return corrections.flatMap(({ body, correction }) => {
      const reading = leaves?.get(correction.index)?.leaf;
      if (reading?.kind !== 'reading' || explainCorrection(correction, reading) !== undefined) return [];
      return [{ body, reading }];
    });
  }

  /** The newest of this vital sign and these devices, after what was corrected: withdrawn ones are none. */
  function refreshLatest(patient: Patient, vital: number, devices: readonly Uint8Array[]): void {
    for (const device of devices) store.latest.forget(patient.id, vital, device);
    const sought = new Set(devices.map(encodeHex));
    const untimed = new Set<string>();
    for (const { id, leaf, correction } of searchReadings(store, patient, [{ vital }], 'desc')) {
      const device = encodeHex(leaf.device);
      if (!sought.has(device) || !isResult(leaf.flags) || correction?.act === 'withdraw') continue;
      const timeKnown = isTimeKnown(leaf);
      if (!timeKnown && untimed.has(device)) continue;
      const { measuredAt } = leaf;
      store.latest.noteReading(patient.id, { vital, device: leaf.device, measuredAt, reading: id }, timeKnown);
      if (!timeKnown) untimed.add(device);
      else if (sought.delete(device) && sought.size === 0) return;
    }
  }

  return {
    /** On the patient's signature. `publicKey`: an active key of hers. Throws `bad-signature`, `malformed`, `not-found`. */
    byPatient(patient: Patient, signed: Uint8Array, publicKey: Uint8Array): void {
      correct(patient, openCorrection(signed, publicKey, verify), 'patient', { signed, publicKey });
    },

    /** As a practitioner told the service. Throws `malformed`, `not-found`. */
    byPractitioner(patient: Patient, correction: CorrectionLeaf): void {
      correct(patient, encodeLeaf(correction), 'practitioner');
    },

    /**
     * Leaves of a batch, inside the transaction that files it: they may amend what the same agent said, with this key or
     * with one that led to it by rotations. The answer is of whom a reading was corrected, once for each; what does not
     * fit, or is about a segment that the disk altered, is kept as the agent's word, and changes nothing.
     */
    byAgent(agent: AgentId, leaves: readonly AgentCorrection[]): Patient[] {
      const corrected: Patient[] = [];
      if (leaves.length === 0) return corrected;
      const line = new Set<string>(store.keyEvents.lineOf(agent));
      for (const [patient, ofPatient] of Map.groupBy(leaves, (leaf) => leaf.patient)) {
        const read = ofPatient.flatMap(({ body }): ReadCorrection[] => {
          const correction = decodeLeaf(body);
          return correction.kind === 'correction' ? [{ body, correction }] : [];
        });
        const readings: ReadingLeaf[] = [];
        for (const [batch, ofBatch] of Map.groupBy(read, ({ correction }) => encodeId(correction.batch))) {
          if (!line.has(store.batches.get(batch)?.agent ?? '')) continue;
          for (const { body, reading } of fitting(patient, batch, ofBatch)) {
            keep(patient, body, 'agent');
            corrected.push(patient);
            readings.push(reading);
          }
        }
        // Behind all of them: a search for each of ten thousand leaves would hold up everybody for minutes.
        for (const [vital, ofVital] of Map.groupBy(readings, (reading) => reading.vital)) {
          const devices = new Map(ofVital.map(({ device }) => [encodeHex(device), device]));
          unlessAltered(() => refreshLatest(patient, vital, [...devices.values()]));
        }
      }
      return corrected;
    },
  };
}

/** `undefined` where a stored segment does not open: one would hold up every batch behind the one that corrects it. */
function unlessAltered<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (isFault(error, 'inconsistent')) return undefined;
    throw error;
  }
}

interface ReadCorrection {
  readonly body: Uint8Array;
  readonly correction: CorrectionLeaf;
}
