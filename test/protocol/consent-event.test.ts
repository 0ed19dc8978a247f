import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHex } from '../../protocol/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import {
  ALL_CLASSES,
  type ConsentEvent,
  type DiscloseTerms,
  decodeConsentEvent,
  encodeConsentEvent,
  NO_EVENT,
  readConsentEvent,
  signConsentEvent,
} from '../../protocol/consent-event.ts';
import { assembleSigned, toBeSigned } from '../../protocol/cose.ts';
import { publicKeyOf, signEd25519, verifyEd25519 } from '../../protocol/ed25519.ts';
import { Fault, isFault } from '../../protocol/fault.ts';
import { thumbprint } from '../../protocol/keys.ts';

const seed = new Uint8Array(32).fill(3);
const publicKey = publicKeyOf(seed);
const signer = { publicKey, sign: (message: Uint8Array) => signEd25519(seed, message) };
const key = thumbprint(publicKey);
const common = { subject: key, seq: 1, previous: NO_EVENT, at: 1_700_000_000_000, key };
const grant = new Uint8Array(16).fill(7);
const terms: DiscloseTerms = {
  action: 'disclose',
  grantee: 'Practitioner/eye',
  classes: ['blood-pressure', 'heart-rate'],
  purposes: ['TREAT'],
  period: { from: 1_700_000_000_000, to: 1_800_000_000_000 },
  dataFrom: 0,
  dataTo: 1_800_000_000_000,
};
const event: ConsentEvent = { ...common, type: 'grant', grant, terms };

const EVENTS: readonly ConsentEvent[] = [
  event,
  {
    ...common,
    type: 'grant',
    grant,
    terms: { action: 'collect', classes: [ALL_CLASSES], period: { from: 5 }, device: new Uint8Array(16) },
  },
  { ...common, type: 'grant', grant, terms: { action: 'collect', classes: ['glucose'], period: { from: 5 } } },
  { ...common, type: 'revoke', grant },
  { ...common, type: 'revoke-all' },
  { ...common, type: 'key-add', publicKey: publicKeyOf(new Uint8Array(32).fill(4)) },
  { ...common, type: 'key-revoke', revoked: key },
];

function faultOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return 'none';
}

function withFields(changes: Record<number, CborValue | undefined>): Uint8Array {
  const fields = new Map(decodeCbor(encodeConsentEvent(event)) as ReadonlyMap<number, CborValue>);
  for (const [number, value] of Object.entries(changes)) {
    if (value === undefined) fields.delete(Number(number));
    else fields.set(Number(number), value);
  }
  return encodeCbor(fields);
}

describe('consent event', () => {
  it.each(EVENTS)('comes back as it was: $type', (given) => {
    expect(decodeConsentEvent(encodeConsentEvent(given))).toEqual(given);
  });

  it('has these bytes: a revocation', () => {
    // a7: map of 7: type 2, subject, seq 1, 32 zeros, at 0, key; and 06: the grant id
    const ones = new Uint8Array(32).fill(1);
    const revoke = { type: 'revoke', subject: ones, seq: 1, previous: NO_EVENT, at: 0, key: ones, grant } as const;
    const id = '01'.repeat(32);
    const expected = `a70002015820${id}0201035820${'00'.repeat(32)}0400055820${id}0650${'07'.repeat(16)}`;
    expect(encodeHex(encodeConsentEvent(revoke))).toBe(expected);
  });

  it('writes sets sorted and without doubles, and refuses to read them otherwise', () => {
    const shuffled = {
      ...terms,
      classes: ['heart-rate', 'blood-pressure', 'heart-rate'],
      purposes: ['TREAT', 'ETREAT'],
    };
    const decoded = decodeConsentEvent(encodeConsentEvent({ ...event, terms: shuffled }));
    expect(decoded).toMatchObject({
      terms: { classes: ['blood-pressure', 'heart-rate'], purposes: ['ETREAT', 'TREAT'] },
    });
    expect(faultOf(() => decodeConsentEvent(withFields({ 10: ['heart-rate', 'blood-pressure'] })))).toBe(
      'not-canonical',
    );
    expect(faultOf(() => decodeConsentEvent(withFields({ 10: ['glucose', 'glucose'] })))).toBe('not-canonical');
  });

  it.each<[string, Record<number, CborValue | undefined>]>([
    ['no classes', { 10: [] }],
    ['all classes among others', { 10: [ALL_CLASSES, 'glucose'] }],
    ['a class that is no token', { 10: ['Heart Rate'] }],
    ['no purposes', { 11: [] }],
    ['a disclose grant without grantee', { 8: undefined }],
    ['a grantee with a line break', { 8: 'a\nb' }],
    ['a disclose grant for a device', { 9: new Uint8Array(16) }],
    ['a collect grant with a grantee', { 7: 'collect', 11: undefined }],
    ['another action', { 7: 'export' }],
    ['a period that ends as it starts', { 12: 5, 13: 5 }],
    ['a data period that ends as it starts', { 14: 5, 15: 5 }],
    ['an instant after the year 9999', { 4: 253_402_300_800_000 }],
    ['an instant before 1970', { 4: -1 }],
    ['seq 0', { 2: 0 }],
    ['an unknown type', { 0: 6 }],
    ['an unknown field', { 18: 1 }],
    ['a short grant id', { 6: new Uint8Array(15) }],
    ['a short subject', { 1: new Uint8Array(31) }],
  ])('refuses %s', (_, changes) => {
    expect(faultOf(() => decodeConsentEvent(withFields(changes)))).toBe('malformed');
  });

  it('refuses to add a key under which anything verifies', () => {
    const identity = new Uint8Array(32);
    identity[0] = 1;
    expect(faultOf(() => encodeConsentEvent({ ...common, type: 'key-add', publicKey: identity }))).toBe('wrong-key');
  });

  it('refuses to sign for a key that is not the signer', () => {
    expect(faultOf(() => signConsentEvent({ ...event, key: new Uint8Array(32) }, signer))).toBe('wrong-key');
  });

  it('is the same signed by WebCrypto in pieces', async () => {
    const pkcs8 = Uint8Array.from([...hexBytes('302e020100300506032b657004220420'), ...seed]);
    const webKey = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']);
    const payload = encodeConsentEvent(event);
    const toSign = Uint8Array.from(toBeSigned('consent', payload));
    const signature = new Uint8Array(await crypto.subtle.sign('Ed25519', webKey, toSign));
    expect(assembleSigned(payload, signature)).toEqual(signConsentEvent(event, signer));
  });

  it('reads the event and its id, which does not depend on the signature', () => {
    const signed = signConsentEvent(event, signer);
    const read = readConsentEvent(signed);
    expect(read.event).toEqual(event);
    expect(verifyEd25519(publicKey, toBeSigned('consent', read.payload), read.signature)).toBe(true);
    const forged = assembleSigned(read.payload, new Uint8Array(64));
    expect(readConsentEvent(forged).id).toEqual(read.id);
  });

  it('turns hostile bytes into an event or a Fault', () => {
    const bytes = signConsentEvent(event, signer);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, length) => {
        const hostile = bytes.slice(0, length === 0 ? bytes.length : length);
        if (at < hostile.length) hostile[at] = value;
        try {
          readConsentEvent(hostile);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 500 },
    );
  });
});

function hexBytes(hex: string): number[] {
  return hex.match(/../g)!.map((octet) => Number.parseInt(octet, 16));
}
