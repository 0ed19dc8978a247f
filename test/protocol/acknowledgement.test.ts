import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Acknowledgement,
  OUTCOMES,
  openAcknowledgement,
  signAcknowledgement,
} from '../../protocol/acknowledgement.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { readSigned, signPayload } from '../../protocol/cose.ts';
import type { FaultCode } from '../../protocol/fault.ts';
import { faultOf } from '../support/fault-of.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { PARTIES, signerOf } from '../support/receipt-builder.ts';

const { service } = PARTIES;
const agent = new Uint8Array(32).fill(1);
const batch = new Uint8Array(32).fill(2);
const held: Acknowledgement = { agent, outcome: 'held', at: 5, batch, sequence: 7, withheld: 2 };
const refused: Acknowledgement = {
  agent,
  outcome: 'refused',
  at: 5,
  batch,
  sequence: 9,
  code: 'sequence-gap',
  retry: 'later',
  expected: 8,
};

const open = (signed: Uint8Array) => openAcknowledgement(signed, service.publicKey, nodeVerify);

function withFields(from: Acknowledgement, changes: Record<number, CborValue | undefined>): Uint8Array {
  const fields = new Map(decodeCbor(readSigned(signAcknowledgement(from, service)).payload) as Map<number, CborValue>);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) fields.delete(Number(key));
    else fields.set(Number(key), value);
  }
  return signPayload('acknowledgement', encodeCbor(fields), service);
}

describe('acknowledgement', () => {
  it.each<Acknowledgement>([
    held,
    { agent, outcome: 'duplicate', at: 5, batch, sequence: 7, logIndex: 12 },
    refused,
    { agent, outcome: 'refused', at: 5, code: 'encrypted', retry: 'never' },
    { agent, outcome: 'logged', at: 5, sequence: 7 },
  ])('comes back as it was: $outcome $code', (given) => {
    expect(open(signAcknowledgement(given, service))).toEqual(given);
  });

  it('comes back as it was, whatever it says', () => {
    const counts = fc.record({ withheld: fc.nat(), logIndex: fc.nat(), expected: fc.nat() }, { requiredKeys: [] });
    const codes = fc.constantFrom<FaultCode>('too-large', 'bad-leaf', 'unavailable');
    const retries = fc.constantFrom('never' as const, 'later' as const, 'unknown' as const);
    const any = fc.tuple(fc.constantFrom(...OUTCOMES), counts, codes, retries, fc.nat({ max: 253_402_300_799_999 }));
    fc.assert(
      fc.property(any, ([outcome, more, code, retry, at]) => {
        const given = { agent, outcome, at, batch, sequence: 1, code, retry, ...more };
        expect(open(signAcknowledgement(given, service))).toEqual(given);
      }),
      { numRuns: 50 },
    );
  });

  it('is refused under another key, and with any octet changed', () => {
    const signed = signAcknowledgement(held, signerOf(8));
    expect(faultOf(() => open(signed))).toBe('bad-signature');
    const good = signAcknowledgement(held, service);
    for (let at = 0; at < good.length; at++) {
      const altered = good.slice();
      altered[at]! ^= 1;
      expect(faultOf(() => open(altered))).toMatch(/^(malformed|not-canonical|bad-signature)$/);
    }
  });

  it('is refused when it was signed for another use', () => {
    const { payload } = readSigned(signAcknowledgement(held, service));
    expect(faultOf(() => open(signPayload('command', payload, service)))).toBe('bad-signature');
  });

  it.each<[string, Acknowledgement, Record<number, CborValue | undefined>]>([
    ['an unknown outcome', held, { 1: 4 }],
    ['an unknown retry', refused, { 6: 3 }],
    ['a code that is no token', refused, { 5: 'sequence gap' }],
    ['no batch, though held', held, { 3: undefined }],
    ['no sequence, though held', held, { 4: undefined }],
    ['no code, though refused', refused, { 5: undefined }],
    ['no retry, though refused', refused, { 6: undefined }],
    ['no sequence, though logged', { agent, outcome: 'logged', at: 5, sequence: 1 }, { 4: undefined }],
    ['a short agent', held, { 0: new Uint8Array(31) }],
    ['a field that is unknown', held, { 10: 1 }],
  ])('is refused with %s', (_, from, changes) => {
    expect(faultOf(() => open(withFields(from, changes)))).toBe('malformed');
  });
});
