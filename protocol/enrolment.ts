/**
 * How an agent's key becomes known. The agent proves a one-time code and its key; the service answers with all that the
 * agent needs and signs a statement that this key speaks for it. The statement is part of every receipt.
 */
import { CborFields, decodeCbor, encodeCbor } from './cbor.ts';
import { openSigned, readSigned, type Signer, signedId, signPayload, type Verify } from './cose.ts';
import { thumbprint } from './keys.ts';
import type { Instant } from './time.ts';

/** "This agent key was enrolled then", signed by the service and committed to the log. */
export interface Enrolment {
  readonly agentKey: Uint8Array;
  readonly enrolledAt: Instant;
  /** Thumbprint of the service's key, so that a reader who trusts another service sees that it is another. */
  readonly service: Uint8Array;
}

export function signEnrolment(agentKey: Uint8Array, enrolledAt: Instant, service: Signer): Uint8Array {
  const payload = encodeCbor(
    new Map<number, number | Uint8Array>([
      [0, agentKey],
      [1, enrolledAt],
      [2, thumbprint(service.publicKey)],
    ]),
  );
  return signPayload('enrolment', payload, service);
}

/** A statement with its id. */
export interface ReadEnrolment extends Enrolment {
  readonly id: Uint8Array;
}

/** The statement, not verified. Throws `malformed`, `not-canonical`. */
export function readEnrolment(signed: Uint8Array): ReadEnrolment {
  return decodeEnrolment(readSigned(signed).payload);
}

/** The statement, if the service's signature holds. Throws `bad-signature` too. */
export function openEnrolment(signed: Uint8Array, service: Uint8Array, verify: Verify): ReadEnrolment {
  return decodeEnrolment(openSigned('enrolment', signed, service, verify));
}

function decodeEnrolment(payload: Uint8Array): ReadEnrolment {
  const fields = new CborFields(decodeCbor(payload));
  const enrolment = {
    agentKey: fields.bytes(0, 32),
    enrolledAt: fields.instant(1),
    service: fields.bytes(2, 32),
    id: signedId('enrolment', payload),
  };
  fields.end();
  return enrolment;
}

/** `POST /agent/enrolment`: all byte strings in base64url. */
export interface EnrolmentRequest {
  readonly code: string;
  readonly publicKey: string;
  /** Ed25519 over {@link toBeSigned}('enrolment', UTF-8 of the code): the key is the agent's own. */
  readonly proof: string;
}

/** A wearable that the agent may speak for, and whose it is. */
export interface Assignment {
  readonly address: string;
  readonly addressType: 'public' | 'random';
  /** Text form of the subject id. */
  readonly subject: string;
}

/** Answer to {@link EnrolmentRequest}. */
export interface EnrolmentAnswer {
  /** COSE_Sign1 of {@link Enrolment}. */
  readonly enrolment: string;
  readonly servicePublicKey: string;
  readonly hpkePublicKey: string;
  readonly broker: { readonly url: string; readonly username: string; readonly password: string };
  readonly assignments: readonly Assignment[];
}
