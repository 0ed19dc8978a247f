import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../../protocol/bytes.ts';
import { isFault } from '../../../protocol/fault.ts';
import { decodeBthome } from '../../../protocol/gatt/bthome.ts';
import { codecNamed, knownCharacteristics } from '../../../protocol/gatt/catalog.ts';
import { decodeLine } from '../../../verifier/decode.ts';
import { TWO_WAY } from '../../support/gatt-codecs.ts';
import { GATT_VECTORS, VALID_VECTORS } from '../../support/gatt-vectors.ts';

const label = (vector: (typeof GATT_VECTORS)[number]) => `${vector.characteristic} ${vector.name} ${vector.hex}`;

describe('published vectors', () => {
  it('cover every characteristic of the catalog but these, of which none are published', () => {
    const covered = new Set(GATT_VECTORS.map(({ characteristic }) => Number.parseInt(characteristic, 16)));
    const uncovered = knownCharacteristics().filter((known) => !covered.has(known));
    expect(uncovered).toEqual([0x2a1e, 0x2a23, 0x2a2a, 0x2a39, 0x2a99, 0x2a9b, 0x2a9f, 0x2bdd, 0x2bf1, 0x2bf3, 0x2bf4]);
    expect(knownCharacteristics().toSorted((a, b) => a - b)).toEqual(knownCharacteristics());
  });

  it.each(GATT_VECTORS.map((vector) => [label(vector), vector] as const))(
    '%s',
    (_, { characteristic, hex, direction, expect: want }) => {
      const upper = JSON.parse(decodeLine(JSON.stringify({ characteristic, hex, direction })));
      expect(upper).toMatchObject(want);
      if (!('error' in want)) expect(upper).not.toHaveProperty('error');
      const lower = decodeLine(
        JSON.stringify({ characteristic: characteristic.toLowerCase(), hex: hex.toUpperCase(), direction }),
      );
      expect(JSON.parse(lower)).toEqual(upper);
    },
  );
});

/** Number of values that are there, each octet of a byte string being one; null means absent. */
function countFields(decoded: unknown): number {
  if (decoded === null) return 0;
  if (decoded instanceof Uint8Array) return decoded.length;
  if (Array.isArray(decoded)) return decoded.reduce<number>((sum, item) => sum + countFields(item), 0);
  if (typeof decoded === 'object') return countFields(Object.values(decoded));
  return 1;
}

/** Nothing in a count response says how long the count is: two octets of four are a valid, other count. */
const SHORTER_COUNTS = new Set(['2A52 05000201', '2A52 050004030201']);

describe('every proper prefix', () => {
  const cuttable = VALID_VECTORS.filter(({ characteristic, hex }) => {
    return !['CRC16', 'FCD2-adv'].includes(characteristic) && !SHORTER_COUNTS.has(`${characteristic} ${hex}`);
  });
  it.each(cuttable.map((vector) => [label(vector), vector] as const))('of %s', (_, { characteristic, hex }) => {
    const bytes = decodeHex(hex);
    const { decode } = codecNamed(characteristic);
    const whole = countFields(decode(bytes));
    for (let length = 0; length < bytes.length; length++) {
      let part: object | undefined;
      try {
        part = decode(bytes.slice(0, length));
      } catch (error) {
        if (!isFault(error)) throw error;
      }
      if (part) expect(countFields(part), `${length} octets`).toBeLessThan(whole);
    }
  });

  const advertised = VALID_VECTORS.filter(({ characteristic }) => characteristic === 'FCD2-adv');
  it.each(advertised.map((vector) => [label(vector), vector] as const))(
    'of %s has the objects before it',
    (_, { hex }) => {
      const bytes = decodeHex(hex);
      const whole = decodeBthome(bytes);
      for (let length = 7; length < bytes.length; length++) {
        const part = decodeBthome(bytes.slice(0, length));
        expect(whole.values.slice(0, part.values.length)).toEqual(part.values);
        if (part.values.length === whole.values.length)
          expect(part.unread.length).toBeLessThanOrEqual(whole.unread.length);
      }
    },
  );
});

/** Bytes that say the same as a shorter or plainer form, which is what encoders write. */
const NOT_CANONICAL = new Set([
  '2A37 01c800', // 16 bits for a heart rate that fits 8
  '2A37 110000ffff7f80',
  '2A37 0201', // contact bits 01: not supported
  '2A36 00d7f000000000', // unused pressures 0 instead of NaN
  '2AA8 6e9e0116afbe', // wrong CRC
  '2AA8 6e8e0116afbe',
  '181D-adv 637607e607020e10293a', // bit 6, of which nobody knows the meaning
  'FCD2-adv 40feca09', // what cannot be read is not written
  'FCD2-adv 4002ca0903bf',
]);

describe('encode(decode(x))', () => {
  const encodable = VALID_VECTORS.filter(({ characteristic }) => TWO_WAY.has(characteristic));
  it.each(encodable.map((vector) => [label(vector), vector] as const))('%s', (_, { characteristic, hex }) => {
    const { decode, encode } = TWO_WAY.get(characteristic)!;
    const decoded = decode(decodeHex(hex));
    const again = encode(decoded);
    if (NOT_CANONICAL.has(`${characteristic} ${hex}`)) expect(encodeHex(again)).not.toBe(hex);
    else expect(encodeHex(again)).toBe(hex);
  });
});
