/**
 * What makes a reading itself, as a keyed hash per patient: device, characteristic, device time (else gateway time), raw
 * bytes, vital sign and ordinal. A second copy of the same reading is recognized whichever batch brings it. Keyed,
 * because a plain hash of so little would give the value away.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { encodeCbor } from '../../protocol/cbor.ts';
import type { ReadingLeaf } from '../../protocol/leaf.ts';
import type { Patient } from './patients.ts';

export type FiledKeys = ReturnType<typeof createFiledKeys>;

export function createFiledKeys(db: DatabaseSync) {
  const insert = db.prepare('INSERT INTO filed_keys (patient, key) VALUES (?, ?) ON CONFLICT DO NOTHING');
  // As key objects: node would wrap plain bytes again for every reading, at five times the cost of the hash.
  const keys = new WeakMap<Patient, KeyObject>();

  function keyOf(patient: Patient): KeyObject {
    const key = keys.get(patient) ?? createSecretKey(patient.key);
    keys.set(patient, key);
    return key;
  }

  return {
    /** True when the reading is new; false when it was filed before. The caller holds the transaction. */
    claim(patient: Patient, leaf: ReadingLeaf): boolean {
      return insert.run(patient.id, readingKey(keyOf(patient), leaf)).changes === 1;
    },
  };
}

function readingKey(patientKey: KeyObject, leaf: ReadingLeaf): Uint8Array {
  const { device, characteristic, measuredBy, deviceClock, measuredAt, heardAt, raw, vital, ordinal } = leaf;
  const time = measuredBy === 'device' ? (deviceClock ?? measuredAt) : heardAt;
  const identity = encodeCbor(['veravita/v1/filed', device, characteristic, time, raw, vital, ordinal]);
  return new Uint8Array(createHmac('sha256', patientKey).update(identity).digest()).slice(0, 16);
}
