/** Guards of the routes: nothing is shown without a session, and a page of one role is not there for another. */
import type { FastifyRequest } from 'fastify';
import { parseReadingId } from '../../protocol/batch.ts';
import { Fault, isFault } from '../../protocol/fault.ts';
import { thumbprint } from '../../protocol/keys.ts';
import type { Identity } from '../identity.ts';
import type { Patient } from '../record/patients.ts';
import type { RecordStore } from '../record/record-sqlite.ts';
import type { Sessions } from './sessions.ts';

/** The signed-in person; throws `not-permitted`. */
export function requireIdentity(sessions: Sessions, request: FastifyRequest, body?: Uint8Array): Identity {
  const who = sessions.identify(request, body);
  if (!who) throw new Fault('not-permitted', 'sign in with the link you were given');
  return who;
}

/** The signed-in patient with their record; throws `not-permitted`, or `not-found` for anybody else. */
export function requirePatient(
  sessions: Sessions,
  store: RecordStore,
  request: FastifyRequest,
  body?: Uint8Array,
): Patient {
  const who = requireIdentity(sessions, request, body);
  const patient = who.role === 'patient' ? store.patients.byId(who.patient) : undefined;
  if (!patient) throw new Fault('not-found', 'no such page');
  return patient;
}

/**
 * Throws `erased` when the request is signed with the first key of the patient whose reading it was. To anybody else it is
 * not there, and whether it ever was is not told.
 */
export function refuseErased(sessions: Sessions, store: RecordStore, request: FastifyRequest, reading: string): void {
  const place = parseReadingId(reading);
  if (!place || !store.tombstones.covers(place.batch, place.index)) return;
  let key: Uint8Array | undefined;
  try {
    key = sessions.signerOf(request);
  } catch (error) {
    if (!isFault(error)) throw error;
  }
  if (key && store.tombstones.isOf(thumbprint(key), place.batch, place.index)) {
    throw new Fault('erased', 'erased at the wish of its patient');
  }
}
