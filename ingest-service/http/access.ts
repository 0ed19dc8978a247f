/** Guards of the routes: nothing is shown without a session, and a page of one role is not there for another. */
import type { FastifyRequest } from 'fastify';
import { Fault } from '../../protocol/fault.ts';
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
