/**
 * What a patient's events add up to. One pure fold that the service runs as events arrive and anybody else runs over the
 * list: from the patient's first key alone it follows which grants and keys are in force.
 */
import { encodeBase32, equalBytes } from './bytes.ts';
import { type ConsentEvent, type GrantTerms, NO_EVENT, readConsentEvent } from './consent-event.ts';
import { toBeSigned, type Verify } from './cose.ts';
import { assertPublicKey } from './ed25519.ts';
import { Fault } from './fault.ts';
import { thumbprint } from './keys.ts';
import type { Instant } from './time.ts';

/** A key that signs, or once signed, for the patient. */
export interface ConsentKey {
  readonly publicKey: Uint8Array;
  readonly thumbprint: Uint8Array;
  /** Absent while the key may sign. */
  readonly revokedAt?: Instant;
}

/** A grant and what became of it. */
export interface Grant {
  /** {@link formatGrantId}. */
  readonly id: string;
  readonly terms: GrantTerms;
  /** By the patient's clock, as the events say. */
  readonly grantedAt: Instant;
  /** Absent while it is not revoked. That it is there ends the grant; when is for people to read. */
  readonly revokedAt?: Instant;
}

/** A patient's consent after some number of events. Never changed in place. */
export interface ConsentState {
  readonly subject: Uint8Array;
  readonly keys: readonly ConsentKey[];
  /** Of the last event; 0 before the first. */
  readonly seq: number;
  /** Id of the last event. */
  readonly head: Uint8Array;
  /** Grows with every event. A decision carries it and so says on which consent it rests. */
  readonly epoch: number;
  /** In the order of the chain, ended ones too. */
  readonly grants: readonly Grant[];
  /** The patient asked for everything to be erased: nothing is granted any more, and no event follows. */
  readonly erased?: true;
}

/** What a key is told that may not sign, or that signs for nobody here. */
export const UNKNOWN_KEY = 'key may not sign';

/** Text form of a grant id: 26 characters. */
export function formatGrantId(grant: Uint8Array): string {
  return encodeBase32(grant);
}

/** State before the first event. Throws `wrong-key` for a weak key, `bad-chain` when the subject is not its thumbprint. */
export function openChain(subject: Uint8Array, firstPublicKey: Uint8Array): ConsentState {
  assertPublicKey(firstPublicKey);
  const print = thumbprint(firstPublicKey);
  if (!equalBytes(print, subject)) throw new Fault('bad-chain', 'subject is not the thumbprint of the first key');
  const keys = [{ publicKey: firstPublicKey, thumbprint: print }];
  return { subject, keys, seq: 0, head: NO_EVENT, epoch: 0, grants: [] };
}

/** `subject`, `seq` and `previous` of the event that may follow. */
export function nextLink({ subject, seq, head }: ConsentState): Pick<ConsentEvent, 'subject' | 'seq' | 'previous'> {
  return { subject, seq: seq + 1, previous: head };
}

/**
 * State after one more signed event. Throws `bad-chain` when it does not follow (subject, number, previous id, inactive
 * key, unknown or reused grant or key), `bad-signature`, and what decoding throws; the state given stays as it is.
 */
export function appendEvent(state: ConsentState, signed: Uint8Array, verify: Verify): ConsentState {
  const { event, id, payload, signature } = readConsentEvent(signed);
  const next = nextLink(state);
  if (!equalBytes(event.subject, next.subject)) throw new Fault('bad-chain', 'event of another patient');
  // Before all else: where the chain stands is told to nobody but its keys.
  const key = findKey(state, event.key);
  if (key === undefined || key.revokedAt !== undefined) throw new Fault('bad-chain', UNKNOWN_KEY);
  if (!verify(key.publicKey, toBeSigned('consent', payload), signature)) {
    throw new Fault('bad-signature', 'consent signature does not hold');
  }
  if (state.erased) throw new Fault('bad-chain', 'nothing follows an erasure');
  if (event.seq !== next.seq) throw new Fault('bad-chain', 'event out of sequence');
  if (!equalBytes(event.previous, next.previous)) throw new Fault('bad-chain', 'event follows another one');
  return { ...state, ...applyEvent(state, event), seq: event.seq, head: id, epoch: state.epoch + 1 };
}

/** State after all events, in order. Throws what {@link openChain} and {@link appendEvent} throw. */
export function foldEvents(
  subject: Uint8Array,
  firstPublicKey: Uint8Array,
  events: Iterable<Uint8Array>,
  verify: Verify,
): ConsentState {
  let state = openChain(subject, firstPublicKey);
  for (const signed of events) state = appendEvent(state, signed, verify);
  return state;
}

function applyEvent(state: ConsentState, event: ConsentEvent): Partial<ConsentState> {
  switch (event.type) {
    case 'grant': {
      const id = formatGrantId(event.grant);
      if (state.grants.some((grant) => grant.id === id)) throw new Fault('bad-chain', 'grant id used before');
      return { grants: [...state.grants, { id, terms: event.terms, grantedAt: event.at }] };
    }
    case 'revoke': {
      const id = formatGrantId(event.grant);
      if (!state.grants.some((grant) => grant.id === id)) throw new Fault('bad-chain', 'no such grant');
      return { grants: state.grants.map((grant) => (grant.id === id ? endGrant(grant, event.at) : grant)) };
    }
    case 'revoke-all':
      return { grants: state.grants.map((grant) => endGrant(grant, event.at)) };
    case 'erase':
      return { grants: state.grants.map((grant) => endGrant(grant, event.at)), erased: true };
    case 'key-add': {
      const added = { publicKey: event.publicKey, thumbprint: thumbprint(event.publicKey) };
      // A revoked key stays in the list, so it cannot come back either.
      if (findKey(state, added.thumbprint)) throw new Fault('bad-chain', 'key used before');
      return { keys: [...state.keys, added] };
    }
    case 'key-revoke': {
      const revoked = findKey(state, event.revoked);
      if (revoked === undefined || revoked.revokedAt !== undefined) throw new Fault('bad-chain', 'no such active key');
      const keys = state.keys.map((key) => (key === revoked ? { ...key, revokedAt: event.at } : key));
      // Without a key the patient could never revoke again.
      if (keys.every((key) => key.revokedAt !== undefined)) throw new Fault('bad-chain', 'last active key');
      return { keys };
    }
  }
}

function findKey(state: ConsentState, print: Uint8Array): ConsentKey | undefined {
  return state.keys.find((key) => equalBytes(key.thumbprint, print));
}

/** Revoking twice is harmless: a revocation must not fail for being late. The first one counts. */
function endGrant(grant: Grant, at: Instant): Grant {
  return grant.revokedAt === undefined ? { ...grant, revokedAt: at } : grant;
}
