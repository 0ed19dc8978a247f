/** How an agent becomes known: it shows a one-time code and proves its key, and gets what it needs to send batches. */
import { randomBytes } from 'node:crypto';
import { decodeBase64Url, encodeBase32, encodeBase64Url, encodeUtf8 } from '../protocol/bytes.ts';
import { commitmentOf } from '../protocol/commitment.ts';
import { type Signer, toBeSigned, type Verify } from '../protocol/cose.ts';
import { assertPublicKey } from '../protocol/ed25519.ts';
import { type EnrolmentAnswer, type EnrolmentRequest, readEnrolment, signEnrolment } from '../protocol/enrolment.ts';
import { Fault } from '../protocol/fault.ts';
import { agentIdOf, deviceHandle, encodeId } from '../protocol/keys.ts';
import type { Clock } from '../protocol/time.ts';
import { type DeviceAssignment, hashSecret } from './record/agents.ts';
import type { RecordStore } from './record/record-sqlite.ts';

export interface EnrolmentDeps {
  readonly store: RecordStore;
  readonly signer: Signer;
  readonly hpkePublicKey: Uint8Array;
  readonly verify: Verify;
  readonly clock: Clock;
  readonly brokerUrl: () => string;
}

/** How long an enrolment code is good for. */
export const CODE_VALID_MS = 15 * 60_000;

/** A code that enrols one agent, once, within `validMs`: for these wearables, and for these patients to pair theirs with. */
export function createEnrolmentCode(
  { store, clock }: Pick<EnrolmentDeps, 'store' | 'clock'>,
  assignments: readonly DeviceAssignment[],
  patients: readonly string[] = [],
  validMs = CODE_VALID_MS,
): string {
  const code = encodeBase32(randomBytes(10));
  const now = clock();
  store.agents.addCode(code, { assignments, patients }, now, now + validMs);
  return code;
}

/** Throws `malformed`, `wrong-key`, `bad-signature`, `revoked`, `expired` (code unknown, used or out of time). */
export function enrolAgent(deps: EnrolmentDeps, request: EnrolmentRequest): EnrolmentAnswer {
  const { store, signer, verify, clock } = deps;
  const publicKey = decodeBase64Url(request.publicKey);
  assertPublicKey(publicKey);
  const proof = decodeBase64Url(request.proof);
  if (!verify(publicKey, toBeSigned('enrolment', encodeUtf8(request.code)), proof)) {
    throw new Fault('bad-signature', 'the proof of the key does not hold');
  }
  const id = agentIdOf(publicKey);
  if (store.keyEvents.revocationOf(id) || store.keyEvents.successionOf(id) || store.suspects.frozenSince(id)) {
    throw new Fault('revoked', 'this key counts no more; make a new one');
  }
  const password = encodeBase64Url(randomBytes(32));
  const enrolment = signEnrolment(publicKey, clock(), signer);
  const assignments = store.transaction(() => {
    const found = store.agents.takeCode(request.code, clock());
    if (!found) throw new Fault('expired', 'the enrolment code is unknown, used or out of time');
    store.agents.insert({ id, publicKey, enrolment, credentialHash: hashSecret(password) });
    for (const patient of found.patients) store.agents.addGateway(id, patient);
    for (const { patient: patientId, addressType, address } of found.assignments) {
      const patient = store.patients.byId(patientId);
      if (patient) store.agents.assign(id, patient.id, deviceHandle(patient.subject, addressType, address));
    }
    store.commitments.add(commitmentOf('enrolment', readEnrolment(enrolment).id));
    return found.assignments;
  });
  return {
    enrolment: encodeBase64Url(enrolment),
    servicePublicKey: encodeBase64Url(signer.publicKey),
    hpkePublicKey: encodeBase64Url(deps.hpkePublicKey),
    broker: { url: deps.brokerUrl(), username: id, password },
    assignments: assignments.flatMap(({ patient, address, addressType }) => {
      const subject = store.patients.byId(patient)?.subject;
      return subject ? [{ address, addressType, subject: encodeId(subject) }] : [];
    }),
  };
}
