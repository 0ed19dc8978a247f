/**
 * What becomes of an agent's key after its enrolment (docs/format.md §6.8): it is replaced by another (*rotation*, the word
 * of the old key), it counts no more (*revocation*, the word of the service), or one batch that came after its revocation
 * is let in all the same (*admission*). The service signs each event and commits it to the log; what takes effect when is
 * decided by place, in the log and in the agent's chain, and never by a clock that somebody claims.
 */

import { equalBytes } from './bytes.ts';
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { openSigned, readSigned, type Signer, signedId, signPayload, toBeSigned, type Verify } from './cose.ts';
import { assertPublicKey } from './ed25519.ts';
import { Fault } from './fault.ts';
import { thumbprint } from './keys.ts';
import type { Instant } from './time.ts';

/** "From the batch after this one on, this other key speaks for me", signed by the key that goes. */
export interface Rotation {
  /** The key that goes, 32 octets; it signs. */
  readonly oldKey: Uint8Array;
  readonly newKey: Uint8Array;
  /** Sequence and id of the last batch that the old key signed; 0 and 32 zero octets where it signed none. */
  readonly lastSequence: number;
  readonly lastBatch: Uint8Array;
  /** Gateway clock. */
  readonly at: Instant;
  /** SHA-256 of the broker password that the agent made for its new name. */
  readonly credentialHash: Uint8Array;
}

/**
 * The newest batch of an agent, under whichever of its keys, that had its place in the record when the key was revoked; 0
 * and 32 zero octets where none had. Revocations of earlier versions name none.
 */
export interface NewestBatch {
  readonly sequence: number;
  readonly id: Uint8Array;
}

/** Most characters of a reason; strangers read it in receipts. */
export const MAX_REASON = 120;

interface EventHead {
  /** Thumbprint of the key that the event is about. */
  readonly agent: Uint8Array;
  /** The service's clock; informative. */
  readonly at: Instant;
  /** Thumbprint of the service's key. */
  readonly service: Uint8Array;
}

export type KeyEvent = EventHead &
  (
    | { readonly type: 'rotation'; readonly rotation: Rotation; readonly signedRotation: Uint8Array }
    | { readonly type: 'revocation'; readonly reason: string; readonly newest?: NewestBatch }
    /** `batch`: id of the batch that is let in. */
    | { readonly type: 'admission'; readonly batch: Uint8Array }
  );

/** An event with its id, from which its commitment follows. */
export type ReadKeyEvent = KeyEvent & { readonly id: Uint8Array };

/** What the service says, before it signs. */
export type KeyEventWish =
  | { readonly type: 'rotation'; readonly signedRotation: Uint8Array; readonly at: Instant }
  | {
      readonly type: 'revocation';
      readonly agent: Uint8Array;
      readonly reason: string;
      readonly newest?: NewestBatch;
      readonly at: Instant;
    }
  | { readonly type: 'admission'; readonly agent: Uint8Array; readonly batch: Uint8Array; readonly at: Instant };

const TYPES = { rotation: 1, revocation: 2, admission: 3 } as const;

/** Signs with the old key; the new one proves that it is the agent's own. */
export function signRotation(
  rotation: Omit<Rotation, 'oldKey' | 'newKey'>,
  oldKey: Signer,
  newKey: Signer,
): Uint8Array {
  const fields = rotationFields({ ...rotation, oldKey: oldKey.publicKey, newKey: newKey.publicKey });
  const proof = newKey.sign(toBeSigned('rotation', encodeCbor(new Map(fields))));
  return signPayload('rotation', encodeCbor(new Map([...fields, [6, proof]])), oldKey);
}

function rotationFields({
  oldKey,
  newKey,
  lastSequence,
  lastBatch,
  at,
  credentialHash,
}: Rotation): [number, CborValue][] {
  return [
    [0, oldKey],
    [1, newKey],
    [2, lastSequence],
    [3, lastBatch],
    [4, at],
    [5, credentialHash],
  ];
}

/**
 * The rotation, if both keys are acceptable (canonical, of prime order) and different, and both signatures hold. Throws
 * `malformed`, `not-canonical`, `wrong-key`, `bad-signature`.
 */
export function openRotation(signed: Uint8Array, verify: Verify): Rotation {
  const { rotation, proof } = readRotation(signed);
  const { oldKey, newKey } = rotation;
  assertPublicKey(oldKey);
  assertPublicKey(newKey);
  openSigned('rotation', signed, oldKey, verify);
  if (!verify(newKey, toBeSigned('rotation', encodeCbor(new Map(rotationFields(rotation)))), proof)) {
    throw new Fault('bad-signature', 'the proof of the new key does not hold');
  }
  return rotation;
}

function readRotation(signed: Uint8Array): { rotation: Rotation; proof: Uint8Array } {
  const fields = new CborFields(decodeCbor(readSigned(signed).payload));
  const rotation = {
    oldKey: fields.bytes(0, 32),
    newKey: fields.bytes(1, 32),
    lastSequence: fields.uint(2),
    lastBatch: fields.bytes(3, 32),
    at: fields.instant(4),
    credentialHash: fields.bytes(5, 32),
  };
  const proof = fields.bytes(6, 64);
  fields.end();
  if (equalBytes(rotation.oldKey, rotation.newKey)) throw new Fault('wrong-key', 'a key cannot follow itself');
  const isFirst = rotation.lastBatch.every((octet) => octet === 0);
  if (isFirst !== (rotation.lastSequence === 0)) throw new Fault('malformed', 'last sequence and batch disagree');
  return { rotation, proof };
}

/** Throws `malformed` when the wish is none that can be read back. */
export function signKeyEvent(wish: KeyEventWish, service: Signer): Uint8Array {
  const agent = wish.type === 'rotation' ? thumbprint(readRotation(wish.signedRotation).rotation.oldKey) : wish.agent;
  const fields = new Map<number, CborValue>([
    [0, TYPES[wish.type]],
    [1, agent],
    [2, wish.at],
    [3, thumbprint(service.publicKey)],
  ]);
  if (wish.type === 'rotation') fields.set(4, wish.signedRotation);
  if (wish.type === 'revocation') {
    fields.set(5, checkReason(wish.reason));
    if (wish.newest) {
      const { sequence, id } = checkNewest(wish.newest);
      fields.set(7, sequence).set(8, id);
    }
  }
  if (wish.type === 'admission') fields.set(6, wish.batch);
  return signPayload('key-event', encodeCbor(fields), service);
}

/** The event; neither the service's signature nor those in a rotation are verified. Throws `malformed`, `not-canonical`, `wrong-key`. */
export function readKeyEvent(signed: Uint8Array): ReadKeyEvent {
  return decodeKeyEvent(readSigned(signed).payload);
}

/** The event, if the service's signature holds, and those of both keys of a rotation. Throws `bad-signature` too. */
export function openKeyEvent(signed: Uint8Array, service: Uint8Array, verify: Verify): ReadKeyEvent {
  const event = decodeKeyEvent(openSigned('key-event', signed, service, verify));
  if (event.type === 'rotation') openRotation(event.signedRotation, verify);
  return event;
}

function decodeKeyEvent(payload: Uint8Array): ReadKeyEvent {
  const fields = new CborFields(decodeCbor(payload));
  const type = fields.uint(0);
  const head = {
    agent: fields.bytes(1, 32),
    at: fields.instant(2),
    service: fields.bytes(3, 32),
    id: signedId('key-event', payload),
  };
  const event = { ...head, ...readContent(type, fields) };
  fields.end();
  if (event.type === 'rotation' && !equalBytes(event.agent, thumbprint(event.rotation.oldKey))) {
    throw new Fault('malformed', 'a rotation of another key');
  }
  return event;
}

function readContent(type: number, fields: CborFields) {
  switch (type) {
    case TYPES.rotation: {
      const signedRotation = fields.bytes(4);
      return { type: 'rotation', signedRotation, rotation: readRotation(signedRotation).rotation } as const;
    }
    case TYPES.revocation:
      return { type: 'revocation', reason: checkReason(fields.text(5)), ...readNewest(fields) } as const;
    case TYPES.admission:
      return { type: 'admission', batch: fields.bytes(6, 32) } as const;
    default:
      throw new Fault('malformed', 'unknown key event');
  }
}

/** Both fields or neither. */
function readNewest(fields: CborFields): { readonly newest?: NewestBatch } {
  const sequence = fields.optional(7, fields.uint);
  const id = fields.optional(8, (key) => fields.bytes(key, 32));
  if ((sequence === undefined) !== (id === undefined)) throw new Fault('malformed', 'half the name of a batch');
  return sequence === undefined || !id ? {} : { newest: checkNewest({ sequence, id }) };
}

function checkNewest(newest: NewestBatch): NewestBatch {
  const isNone = newest.id.every((octet) => octet === 0);
  if (isNone !== (newest.sequence === 0)) throw new Fault('malformed', 'newest sequence and batch disagree');
  return newest;
}

/** One line of plain words. */
function checkReason(reason: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (reason.length === 0 || reason.length > MAX_REASON || /[\u0000-\u001f\u007f-\u009f]/.test(reason)) {
    throw new Fault('malformed', `a reason is one line of at most ${MAX_REASON} characters`);
  }
  return reason;
}
