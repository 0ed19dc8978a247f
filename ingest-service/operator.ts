/** What an operator does on the data directory, beside a running service or without one. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { decodeHex, encodeBase32 } from '../protocol/bytes.ts';
import { assertPublicKey, verifyEd25519 } from '../protocol/ed25519.ts';
import { ERASURE_ID_OCTETS, erasureMark, signErasureOrder } from '../protocol/erasure.ts';
import { Fault } from '../protocol/fault.ts';
import type { Clock } from '../protocol/time.ts';
import { type CodeSettings, type EraseSettings, type PatientSettings, servicePaths } from './config.ts';
import { createEnrolmentCode } from './enrolment.ts';
import { openOrderList } from './erasure/order-list.ts';
import { openServiceKeys } from './keys.ts';
import { openRecordSqlite, type RecordStore } from './record/record-sqlite.ts';

/** Admits a patient and gives their id in this record; the same key again is the same patient. Throws `missing`, `wrong-key`. */
export function admitPatient({ data, name, publicKey, test }: PatientSettings): string {
  const key = decodeHex(publicKey);
  assertPublicKey(key);
  return withRecord(data, (store) => store.patients.admit(key, { name, test }).id);
}

/** A code that enrols one agent, once. Throws `missing` (no record), `not-found` (no such patient). */
export function issueCode({ data, assignments }: CodeSettings, clock: Clock): string {
  return withRecord(data, (store) => {
    if (assignments.some(({ patient }) => !store.patients.byId(patient))) {
      throw new Fault('not-found', 'there is no such patient; "patient" admits one');
    }
    return createEnrolmentCode({ store, clock }, assignments);
  });
}

/**
 * Orders the erasure of a patient and gives the erasure's id. Durable when it returns: a running service carries it out
 * within seconds, a stopped one when it starts. Throws `missing` (no record), `not-found` (no such patient).
 */
export function orderErasure({ data, patient: id }: EraseSettings, clock: Clock): string {
  const paths = servicePaths(data);
  return withRecord(data, (store) => {
    const patient = store.patients.byId(id);
    if (!patient) throw new Fault('not-found', 'there is no such patient');
    const { signer } = openServiceKeys(paths.keys, false);
    const erasure = new Uint8Array(randomBytes(ERASURE_ID_OCTETS));
    const mark = erasureMark(erasure, patient.subject);
    const order = signErasureOrder({ id: erasure, mark, basis: 'order', at: clock() }, signer);
    openOrderList(paths.erasures, signer.publicKey, verifyEd25519, store).add(order);
    return encodeBase32(erasure);
  });
}

/** The record of a data directory, to work on beside the service. Throws `missing` when there is none. */
export function openOperatorRecord(data: string): RecordStore {
  const paths = servicePaths(data);
  if (!existsSync(paths.record)) throw new Fault('missing', `there is no record in ${data}; start the service first`);
  const { keyEncryptionKey } = openServiceKeys(paths.keys, false);
  return openRecordSqlite({ path: paths.record, keyEncryptionKey, verify: verifyEd25519 });
}

/** Works on the record of a data directory, and lets go of it. Throws `missing` when there is none. */
export function withRecord<T>(data: string, act: (store: RecordStore) => T): T {
  const store = openOperatorRecord(data);
  try {
    return act(store);
  } finally {
    store.close();
  }
}
