/**
 * What makes a reading itself, as a keyed hash per patient: device, characteristic, device time (else gateway time), raw
 * bytes, vital sign and ordinal. A second copy of the same reading is recognized whichever batch brings it. Keyed,
 * because a plain hash of so little would give the value away.
 */
import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { encodeCbor } from '../../protocol/cbor.ts';
import type { ReadingLeaf } from '../../protocol/leaf.ts';
import { identityOf } from '../../protocol/reading-identity.ts';
import type { Patient } from './patients.ts';

export type FiledKeys = ReturnType<typeof createFiledKeys>;

export function createFiledKeys(db: DatabaseSync) {
  const insert = db.prepare('INSERT INTO filed_keys (patient, key) VALUES (?, ?) ON CONFLICT DO NOTHING');
  // As key objects: node would wrap plain bytes again for every reading, at five times the cost of the hash.
  const keys = new WeakMap<Patient, KeyObject>();

  function keyOf(patient: Patient): KeyObject {
    const key =
      keys.get(patient) ?? createSecretKey(Buffer.from(hkdfSync('sha256', patient.key, '', 'veravita/v1/filed', 32)));
    keys.set(patient, key);
    return key;
  }

  return {
    /** True when the reading is new; false when it was filed before. The caller holds the transaction. */
    claim(patient: Patient, leaf: ReadingLeaf): boolean {
      return insert.run(patient.id, readingKey(keyOf(patient), leaf)).changes === 1;
    },

    /** What is remembered of a reading. */
    keyFor: (patient: Patient, leaf: ReadingLeaf): Uint8Array => readingKey(keyOf(patient), leaf),
  };
}

const HOUR_MS = 3_600_000;

/** The hour comes first: readings come in the order of time, and at random places each would rewrite a page of its own. */
function readingKey(patientKey: KeyObject, leaf: ReadingLeaf): Uint8Array {
  const { device, vital, ordinal } = leaf;
  const { characteristic, raw, time } = identityOf(leaf);
  // A device's clock is taken as it is written: what it shows need not be a date that exists.
  const hour = typeof time === 'number' ? time / HOUR_MS : Number(time.replaceAll(/\D/g, '').slice(0, 10));
  const identity = encodeCbor(['veravita/v1/filed', device, characteristic, time, raw, vital, ordinal]);
  const key = new Uint8Array(20);
  new DataView(key.buffer).setUint32(0, hour);
  key.set(createHmac('sha256', patientKey).update(identity).digest().subarray(0, 16), 4);
  return key;
}
