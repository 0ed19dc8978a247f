import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_LEAVES } from '../../protocol/batch.ts';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { type CborValue, encodeCbor } from '../../protocol/cbor.ts';
import {
  decodeContent,
  decodeEnvelope,
  encodeContent,
  encodeEnvelope,
  envelopeAad,
  hpkeKeyId,
  MAX_ENVELOPE_OCTETS,
} from '../../protocol/envelope.ts';
import { faultOf } from '../support/fault-of.ts';
import { buildBatch, OTHER_LEAVES, PARTIES, readingLeaves } from '../support/receipt-builder.ts';

const envelope = {
  keyId: new Uint8Array(8).fill(1),
  agent: new Uint8Array(32).fill(2),
  encapsulated: new Uint8Array(32).fill(3),
  ciphertext: new Uint8Array(20).fill(4),
};

describe('envelope', () => {
  const bytes = encodeEnvelope(envelope);

  it('has these bytes', () => {
    const [k, a, e, c] = ['01'.repeat(8), '02'.repeat(32), '03'.repeat(32), '04'.repeat(20)];
    expect(encodeHex(bytes)).toBe(`56564501${k}${a}${e}${c}`);
    expect(encodeHex(envelopeAad(envelope))).toBe(`56564501${k}${a}`);
    expect(decodeEnvelope(bytes)).toEqual(envelope);
  });

  it('is copied out of the buffer that it came in', () => {
    const buffer = Buffer.from(bytes); // whose own slice is a view
    const decoded = decodeEnvelope(buffer);
    buffer.fill(0);
    expect(decoded).toEqual(envelope);
  });

  it('is refused when short, long, or of another magic or version', () => {
    for (let end = 0; end < 92; end++) expect(faultOf(() => decodeEnvelope(bytes.subarray(0, end)))).toBe('truncated');
    expect(faultOf(() => decodeEnvelope(bytes.subarray(0, 92)))).toBe('none');
    for (let at = 0; at < 4; at++) {
      const altered = bytes.slice();
      altered[at]! ^= 1;
      expect(faultOf(() => decodeEnvelope(altered))).toBe('version');
    }
    const full = { ...envelope, ciphertext: new Uint8Array(MAX_ENVELOPE_OCTETS - 76) };
    expect(faultOf(() => decodeEnvelope(encodeEnvelope(full)))).toBe('none');
    expect(faultOf(() => decodeEnvelope(new Uint8Array(MAX_ENVELOPE_OCTETS + 1)))).toBe('too-large');
  });

  it('names a key by the head of its hash', async () => {
    const key = Uint8Array.from(decodeHex('05'.repeat(32)));
    expect(hpkeKeyId(key)).toEqual(new Uint8Array(await crypto.subtle.digest('SHA-256', key)).slice(0, 8));
  });
});

describe('content', () => {
  const [first] = readingLeaves({ characteristic: 0x2a37, hex: '06aa' });
  const { segments, signed } = buildBatch([first!, first!, ...OTHER_LEAVES], PARTIES.agent);
  const content = { signedHeader: signed.signed, segments };

  it('comes back as it was, its leaves numbered through', () => {
    const decoded = decodeContent(encodeContent(content));
    expect(decoded).toEqual(content);
    expect(decoded.segments.map(({ start }) => start)).toEqual([0, 2, 3, 4]);
  });

  it('comes back for any bodies', () => {
    const anyBodies = fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(anyBodies, { maxLength: 4 }), (lists) => {
        let start = 0;
        const given = lists.map((bodies) => {
          const segment = { key: new Uint8Array(32).fill(bodies.length), start, bodies };
          start += bodies.length;
          return segment;
        });
        const bytes = encodeContent({ signedHeader: signed.signed, segments: given });
        expect(decodeContent(bytes)).toEqual({ signedHeader: signed.signed, segments: given });
      }),
      { numRuns: 100 },
    );
  });

  const key = new Uint8Array(32);
  const body = new Uint8Array(1);
  it.each<[string, CborValue, string]>([
    ['no array', 1, 'malformed'],
    ['one part', [signed.signed], 'malformed'],
    ['three parts', [signed.signed, [], 1], 'malformed'],
    ['a header that is text', ['a', []], 'malformed'],
    ['segments that are no array', [signed.signed, 1], 'malformed'],
    ['a segment that is no pair', [signed.signed, [[key]]], 'malformed'],
    ['a short segment key', [signed.signed, [[key.slice(1), [body]]]], 'malformed'],
    ['a segment without leaves', [signed.signed, [[key, []]]], 'malformed'],
    ['a body that is text', [signed.signed, [[key, ['a']]]], 'malformed'],
    ['too many leaves', [signed.signed, [[key, new Array(MAX_LEAVES + 1).fill(body)]]], 'too-large'],
    [
      'too many leaves in all',
      [
        signed.signed,
        [
          [key, new Array(MAX_LEAVES).fill(body)],
          [key, [body]],
        ],
      ],
      'too-large',
    ],
  ])('is refused with %s', (_, value, code) => {
    expect(faultOf(() => decodeContent(encodeCbor(value)))).toBe(code);
  });
});
