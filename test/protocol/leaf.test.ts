import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { type DeviceLeaf, decodeLeaf, encodeLeaf, type Leaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { faultOf } from '../support/fault-of.ts';
import { leaves } from '../support/leaf-arbitraries.ts';
import { DEVICE, OTHER_LEAVES, readingLeaves, SUBJECT } from '../support/receipt-builder.ts';

const [reading] = readingLeaves({ characteristic: 0x2a37, hex: '06aa' }) as [ReadingLeaf];

/** The leaf's bytes with fields replaced, or taken out where undefined. */
function withFields(leaf: Leaf, changes: Record<number, CborValue | undefined>): Uint8Array {
  const fields = new Map(decodeCbor(encodeLeaf(leaf)) as ReadonlyMap<number, CborValue>);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) fields.delete(Number(key));
    else fields.set(Number(key), value);
  }
  return encodeCbor(fields);
}

describe('leaf', () => {
  it('of any kind comes back as it was', () => {
    fc.assert(
      fc.property(leaves, (leaf) => {
        const bytes = encodeLeaf(leaf);
        const decoded = decodeLeaf(bytes);
        expect(decoded).toEqual(leaf);
        expect(encodeLeaf(decoded)).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('has these bytes: 170 beats per minute', () => {
    const [s, d] = [encodeHex(SUBJECT), encodeHex(DEVICE)];
    const at = '1b0000019ca8695000'; // 2026-03-01T08:00:00Z
    expect(encodeHex(encodeLeaf(reading))).toBe(
      // kind, subject, device, MDC 147842, measuredAt by the gateway, heardAt, 170 x 10^0, /min, test, 2A37, raw, zone
      `ad0001015820${s}0250${d}031a0002418204${at}050006${at}07c4820018aa09642f6d696e0bf50c192a370d4206aa0f183c`.replace(
        ' ',
        '',
      ),
    );
  });

  it('leaves out what is empty, so that there is one encoding', () => {
    const { test: _, ...rest } = reading;
    const fields = decodeCbor(encodeLeaf({ ...rest, test: false })) as Map<number, CborValue>;
    for (const key of [10, 11, 14, 16, 17, 28, 29]) expect(fields.has(key)).toBe(false);
  });

  it.each<[string, Record<number, CborValue | undefined>, string]>([
    ['an unknown kind', { 0: 5 }, 'malformed'],
    ['kind 0', { 0: 0 }, 'malformed'],
    ['a short subject', { 1: new Uint8Array(31) }, 'malformed'],
    ['no device', { 2: undefined }, 'malformed'],
    ['a negative vital sign', { 3: -1 }, 'malformed'],
    ['an instant that no date can show', { 4: 8_640_000_000_000_000 }, 'malformed'],
    ['a third clock', { 5: 2 }, 'malformed'],
    ['a value that is a plain number', { 7: 170 }, 'malformed'],
    ['neither value nor components', { 7: undefined }, 'malformed'],
    ['value and components', { 8: [[1, 'NaN']] }, 'malformed'],
    ['a component of three', { 7: undefined, 8: [[1, 'NaN', 0]] }, 'malformed'],
    ['a component that is no pair', { 7: undefined, 8: ['NaN'] }, 'malformed'],
    ['no unit', { 9: undefined }, 'malformed'],
    ['empty flags', { 10: [] }, 'not-canonical'],
    ['flags out of order', { 10: ['b', 'a'] }, 'not-canonical'],
    ['a flag twice', { 10: ['a', 'a'] }, 'not-canonical'],
    ['a flag that is two', { 10: ['a,b'] }, 'malformed'],
    ['test false', { 11: false }, 'not-canonical'],
    ['test 1', { 11: 1 }, 'malformed'],
    ['a device clock with a zone', { 14: '2026-03-01T08:00:00Z' }, 'malformed'],
    ['a zone that no place has', { 15: 841 }, 'malformed'],
    ['ordinal 0', { 17: 0 }, 'not-canonical'],
    ['a field of a coverage leaf', { 18: 1 }, 'malformed'],
    ['a field that is unknown', { 30: 1 }, 'malformed'],
    ['a device profile that is no name', { 29: 'Beurer BM85' }, 'malformed'],
    ['a negative uptime', { 28: -1 }, 'malformed'],
  ])('of a reading is refused with %s', (_, changes, code) => {
    expect(faultOf(() => decodeLeaf(withFields(reading, changes)))).toBe(code);
  });

  it.each(OTHER_LEAVES)('of another kind is refused with a field of a reading: $kind', (leaf) => {
    expect(faultOf(() => decodeLeaf(encodeLeaf(leaf)))).toBe('none');
    expect(faultOf(() => decodeLeaf(withFields(leaf, { 3: 1 })))).toBe('malformed');
    expect(faultOf(() => decodeLeaf(withFields(leaf, { 6: 'now', 4: 'now' })))).toBe('malformed');
  });

  it('of a device can be read whatever the device calls itself', () => {
    const device = OTHER_LEAVES.find((leaf): leaf is DeviceLeaf => leaf.kind === 'device')!;
    for (const name of ['\ufeffStrap', '\ud800', '\ufeff', '\u0000\u202e', '\ufffd'.repeat(300)]) {
      expect(faultOf(() => decodeLeaf(encodeLeaf({ ...device, name })))).toBe('none');
    }
  });

  it('refuses every proper prefix and what follows the last octet', () => {
    for (const leaf of [reading, ...OTHER_LEAVES]) {
      const bytes = encodeLeaf(leaf);
      for (let end = 0; end < bytes.length; end++) {
        expect(faultOf(() => decodeLeaf(bytes.subarray(0, end)))).toBe('malformed');
      }
      expect(faultOf(() => decodeLeaf(Uint8Array.of(...bytes, 0)))).toBe('malformed');
    }
    expect(faultOf(() => decodeLeaf(decodeHex('00')))).toBe('malformed');
  });
});
