/** What an operator does on the data directory, beside a running service or without one. */
import { existsSync } from 'node:fs';
import { readHeader } from '../protocol/batch.ts';
import { decodeHex } from '../protocol/bytes.ts';
import { assertPublicKey, verifyEd25519 } from '../protocol/ed25519.ts';
import { Fault } from '../protocol/fault.ts';
import type { AgentId } from '../protocol/keys.ts';
import { type Clock, formatInstant } from '../protocol/time.ts';
import { type AgentReport, reportAgents } from './agent-view.ts';
import {
  type AgentSettings,
  type CodeSettings,
  type DataSettings,
  type DecideSettings,
  type PatientSettings,
  type RevokeSettings,
  servicePaths,
} from './config.ts';
import { createEnrolmentCode } from './enrolment.ts';
import { admitBatch, currentName, rejectBatch, revokeAgent } from './key-changes.ts';
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

/** Asks for a new key of an agent; a running service passes it on within seconds, and again until it is there. */
export function wishRotation({ data, agent }: AgentSettings, clock: Clock): AgentId {
  return withRecord(data, (store) => {
    const name = currentName(store, agent);
    if (store.keyEvents.revocationOf(name)) throw new Fault('revoked', 'its key is revoked: enrol it anew');
    store.transaction(() => store.keyEvents.wishRotation(name, clock()));
    return name;
  });
}

/** Revokes an agent; a running service ends its connections within seconds. Throws `not-found`, `revoked`. */
export function revoke({ data, agent, reason }: RevokeSettings, clock: Clock): AgentId {
  const { signer } = openServiceKeys(servicePaths(data).keys, false);
  return withRecord(data, (store) => revokeAgent({ store, signer, clock }, agent, reason));
}

/** Lets an agent that signed two histories go on from the one that was taken. Throws `not-found`. */
export function unfreeze({ data, agent }: AgentSettings): void {
  withRecord(data, (store) => {
    if (!store.transaction(() => store.suspects.unfreeze(agent))) throw new Fault('not-found', 'it is not frozen');
  });
}

/** Every agent, and what is to be known of it. Throws `missing`. */
export function listAgents({ data }: DataSettings): readonly AgentReport[] {
  return withRecord(data, reportAgents);
}

/** Every batch that waits for a decision. Throws `missing`. */
export function listQuarantine({ data }: DataSettings): readonly WaitingBatch[] {
  return withRecord(data, (store) =>
    store.quarantine.waiting().map(({ batch, agent, sequence, receivedAt, signedHeader }) => {
      const { openedAt, closedAt, leafCount } = readHeader(signedHeader).header;
      const span = { claimedFrom: formatInstant(openedAt), claimedTo: formatInstant(closedAt) };
      return { batch, agent, sequence, leaves: leafCount, receivedAt: formatInstant(receivedAt), ...span };
    }),
  );
}

/** Decides on one batch that waits, or on all of an agent; gives how many. Throws `not-found`. */
export function decideBatches({ data, agent, batch, decision }: DecideSettings, clock: Clock): number {
  const { signer } = openServiceKeys(servicePaths(data).keys, false);
  return withRecord(data, (store) => {
    const chosen = store.quarantine.waiting().filter((each) => (batch ? each.batch === batch : each.agent === agent));
    if (chosen.length === 0) throw new Fault('not-found', 'no such batch waits; "quarantine" lists them');
    for (const each of chosen) {
      if (decision === 'accepted') admitBatch({ store, signer, clock }, each.batch);
      else rejectBatch({ store, clock }, each.batch);
    }
    return chosen.length;
  });
}

/** A batch that waits, as an operator is shown it: when it came, and which time it claims to be of. */
export interface WaitingBatch {
  readonly batch: string;
  readonly agent: string;
  readonly sequence: number;
  readonly leaves: number;
  readonly receivedAt: string;
  readonly claimedFrom: string;
  readonly claimedTo: string;
}

/** The record of a data directory, to work on beside the service. Throws `missing` when there is none. */
export function openOperatorRecord(data: string): RecordStore {
  const paths = servicePaths(data);
  if (!existsSync(paths.record)) throw new Fault('missing', `there is no record in ${data}; start the service first`);
  const { keyEncryptionKey } = openServiceKeys(paths.keys, false);
  return openRecordSqlite({ path: paths.record, keyEncryptionKey, verify: verifyEd25519 });
}

function withRecord<T>(data: string, act: (store: RecordStore) => T): T {
  const store = openOperatorRecord(data);
  try {
    return act(store);
  } finally {
    store.close();
  }
}
