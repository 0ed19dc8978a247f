import { describe, expect, it } from 'vitest';
import {
  appendEvent,
  type ConsentState,
  foldEvents,
  formatGrantId,
  nextLink,
  openChain,
} from '../../protocol/consent-chain.ts';
import { type ConsentEvent, NO_EVENT, readConsentEvent, signConsentEvent } from '../../protocol/consent-event.ts';
import { assembleSigned, type Signer } from '../../protocol/cose.ts';
import { publicKeyOf, signEd25519, verifyEd25519 } from '../../protocol/ed25519.ts';
import { isFault } from '../../protocol/fault.ts';
import { thumbprint } from '../../protocol/keys.ts';

function signerOf(fill: number): Signer {
  const seed = new Uint8Array(32).fill(fill);
  return { publicKey: publicKeyOf(seed), sign: (message) => signEd25519(seed, message) };
}

const first = signerOf(1);
const second = signerOf(2);
const stranger = signerOf(3);
const subject = thumbprint(first.publicKey);
const start = openChain(subject, first.publicKey);

type Body = ConsentEvent extends infer E ? (E extends ConsentEvent ? Omit<E, keyof typeof COMMON> : never) : never;
const COMMON = { subject, seq: 0, previous: NO_EVENT, at: 0, key: subject };

const grantId = (fill: number) => new Uint8Array(16).fill(fill);
const grant = (fill: number): Body => ({
  type: 'grant',
  grant: grantId(fill),
  terms: { action: 'collect', classes: ['heart-rate'], period: { from: 0 } },
});
const revoke = (fill: number): Body => ({ type: 'revoke', grant: grantId(fill) });
const addKey = (signer: Signer): Body => ({ type: 'key-add', publicKey: signer.publicKey });
const revokeKey = (signer: Signer): Body => ({ type: 'key-revoke', revoked: thumbprint(signer.publicKey) });

function sign(state: ConsentState, body: Body, signer = first, changes: Partial<typeof COMMON> = {}): Uint8Array {
  const link = { ...nextLink(state), at: 1000 + state.seq, key: thumbprint(signer.publicKey) };
  return signConsentEvent({ ...link, ...body, ...changes } as ConsentEvent, signer);
}

function append(state: ConsentState, body: Body, signer = first): ConsentState {
  return appendEvent(state, sign(state, body, signer), verifyEd25519);
}

function refusal(state: ConsentState, signed: Uint8Array): string {
  try {
    appendEvent(state, signed, verifyEd25519);
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return 'none';
}

describe('consent chain', () => {
  it('opens only for the subject of the first key', () => {
    expect(() => openChain(subject, stranger.publicKey)).toThrow(/thumbprint/);
    expect(() => openChain(subject, new Uint8Array(32))).toThrow(/acceptable/);
  });

  it('adds up grants, revocations and keys, and one epoch an event', () => {
    const granted = append(append(start, grant(1)), grant(2));
    expect(granted.grants.map(({ id, revokedAt }) => [id, revokedAt])).toEqual([
      [formatGrantId(grantId(1)), undefined],
      [formatGrantId(grantId(2)), undefined],
    ]);
    const revoked = append(granted, revoke(1));
    expect(revoked.grants.map((one) => one.revokedAt)).toEqual([1002, undefined]);
    const none = append(revoked, { type: 'revoke-all' });
    expect(none.grants.map((one) => one.revokedAt)).toEqual([1002, 1003]);
    expect([start, granted, revoked, none].map((state) => [state.seq, state.epoch])).toEqual([
      [0, 0],
      [2, 2],
      [3, 3],
      [4, 4],
    ]);
    expect(granted.grants.every((one) => one.revokedAt === undefined)).toBe(true);
  });

  it('gives an outsider the same from the list of events', () => {
    const bodies = [grant(1), addKey(second), revoke(1), grant(2)];
    let state = start;
    const events: Uint8Array[] = [];
    for (const body of bodies) {
      events.push(sign(state, body));
      state = append(state, body);
    }
    expect(foldEvents(subject, first.publicKey, events, verifyEd25519)).toEqual(state);
    for (let i = 0; i < events.length - 1; i++) {
      expect(() => foldEvents(subject, first.publicKey, events.toSpliced(i, 1), verifyEd25519)).toThrow();
    }
  });

  it('refuses what does not follow', () => {
    const state = append(start, grant(1));
    expect(refusal(state, sign(start, grant(1)))).toBe('bad-chain');
    expect(refusal(state, sign(state, grant(2), first, { seq: 3 }))).toBe('bad-chain');
    expect(refusal(state, sign(state, grant(2), first, { previous: NO_EVENT }))).toBe('bad-chain');
    expect(refusal(state, sign(state, grant(2), first, { subject: thumbprint(second.publicKey) }))).toBe('bad-chain');
    expect(refusal(state, sign(state, grant(2), stranger))).toBe('bad-chain');
  });

  it('refuses a signature that does not hold', () => {
    const { payload, signature } = readConsentEvent(sign(start, grant(1)));
    signature[0]! ^= 1;
    expect(refusal(start, assembleSigned(payload, signature))).toBe('bad-signature');
    // Names the patient's key, signed by a stranger.
    const forged = assembleSigned(payload, stranger.sign(payload));
    expect(refusal(start, forged)).toBe('bad-signature');
  });

  it('refuses a grant id used before and a revocation of nothing, and takes a second revocation', () => {
    const state = append(append(start, grant(1)), revoke(1));
    expect(refusal(state, sign(state, grant(1)))).toBe('bad-chain');
    expect(refusal(state, sign(state, revoke(9)))).toBe('bad-chain');
    expect(append(state, revoke(1)).grants[0]!.revokedAt).toBe(1001);
  });

  it('lets an added key sign, and a revoked one never again', () => {
    const two = append(start, addKey(second));
    const byOther = append(two, revokeKey(first), second);
    expect(refusal(byOther, sign(byOther, grant(1), first))).toBe('bad-chain');
    expect(refusal(byOther, sign(byOther, grant(1), second))).toBe('none');
    expect(refusal(byOther, sign(byOther, addKey(first), second))).toBe('bad-chain');
    expect(refusal(byOther, sign(byOther, revokeKey(first), second))).toBe('bad-chain');
    expect(refusal(two, sign(two, addKey(second)))).toBe('bad-chain');
  });

  it('keeps one key, so that the patient can always revoke', () => {
    expect(refusal(start, sign(start, revokeKey(first)))).toBe('bad-chain');
  });

  it('ends with an erasure: nothing is granted any more, and nothing follows', () => {
    const granted = append(start, grant(1));
    const erased = append(granted, { type: 'erase' });
    expect(erased.grants.map(({ revokedAt }) => revokedAt !== undefined)).toEqual([true]);
    expect(refusal(erased, sign(erased, grant(2)))).toBe('bad-chain');
    expect(refusal(granted, sign(granted, { type: 'erase' }, stranger))).toBe('bad-chain');
  });

  it('leaves the state given as it is', () => {
    const state = append(start, grant(1));
    const copy = structuredClone(state);
    append(state, { type: 'revoke-all' });
    expect(state).toEqual(copy);
  });
});
