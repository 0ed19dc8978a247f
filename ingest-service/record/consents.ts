/** Patients' signed consent events, and the state they fold to. The service checks and keeps them; it can make none. */
import type { DatabaseSync } from 'node:sqlite';
import { commitmentOf } from '../../protocol/commitment.ts';
import { appendEvent, type ConsentState, foldEvents } from '../../protocol/consent-chain.ts';
import type { Verify } from '../../protocol/cose.ts';
import type { Commitments } from './commitments.ts';
import type { Patient } from './patients.ts';
import { openBytes, sealBytes } from './sealing.ts';

export type Consents = ReturnType<typeof createConsents>;

export function createConsents(db: DatabaseSync, commitments: Commitments, verify: Verify) {
  const insert = db.prepare('INSERT INTO consents (patient, seq, sealed) VALUES (?, ?, ?)');
  const all = db.prepare('SELECT seq, sealed FROM consents WHERE patient = ? ORDER BY seq');
  const newest = db.prepare('SELECT coalesce(max(seq), 0) AS seq FROM consents WHERE patient = ?');
  const states = new Map<string, ConsentState>();

  const purpose = (patient: Patient, seq: number) => `consent ${patient.id} ${seq}`;

  return {
    /** All events in order, as signed. */
    events(patient: Patient): Uint8Array[] {
      return all
        .all(patient.id)
        .map((row) => openBytes(patient.key, purpose(patient, row.seq as number), row.sealed as Uint8Array));
    },

    /** What the events add up to; folded again when another process added one. */
    state(patient: Patient): ConsentState {
      const known = states.get(patient.id);
      if (known && known.seq === newest.get(patient.id)!.seq) return known;
      const state = foldEvents(patient.subject, patient.publicKey, this.events(patient), verify);
      states.set(patient.id, state);
      return state;
    },

    /**
     * Adds one event with its commitment; the caller holds the transaction and calls {@link forget} if it fails. Throws
     * `bad-chain`, `bad-signature`, `malformed`.
     */
    append(patient: Patient, signed: Uint8Array): ConsentState {
      const state = appendEvent(this.state(patient), signed, verify);
      insert.run(patient.id, state.seq, sealBytes(patient.key, purpose(patient, state.seq), signed));
      commitments.add(commitmentOf('consent', state.head));
      states.set(patient.id, state);
      return state;
    },

    forget(patient: Patient): void {
      states.delete(patient.id);
    },
  };
}
