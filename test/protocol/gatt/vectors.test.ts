import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../../protocol/bytes.ts';
import { isFault } from '../../../protocol/fault.ts';
import { codecNamed, knownCharacteristics } from '../../../protocol/gatt/catalog.ts';
import { decodeLine } from '../../../verifier/decode.ts';
import { TWO_WAY } from '../../support/gatt-codecs.ts';
import { GATT_VECTORS, VALID_VECTORS } from '../../support/gatt-vectors.ts';

const label = (vector: (typeof GATT_VECTORS)[number]) => `${vector.characteristic} ${vector.name} ${vector.hex}`;

describe('published vectors', () => {
  it('cover every characteristic of the catalog but Intermediate Temperature, which shares its layout with 2A1C', () => {
    const covered = new Set(GATT_VECTORS.map(({ characteristic }) => Number.parseInt(characteristic, 16)));
    expect(knownCharacteristics().filter((known) => !covered.has(known))).toEqual([0x2a1e]);
  });

  it.each(GATT_VECTORS.map((vector) => [label(vector), vector] as const))(
    '%s',
    (_, { characteristic, hex, expect: want }) => {
      const upper = JSON.parse(decodeLine(JSON.stringify({ characteristic, hex })));
      expect(upper).toMatchObject(want);
      if (!('error' in want)) expect(upper).not.toHaveProperty('error');
      const lower = decodeLine(
        JSON.stringify({ characteristic: characteristic.toLowerCase(), hex: hex.toUpperCase() }),
      );
      expect(JSON.parse(lower)).toEqual(upper);
    },
  );
});

/** Number of values that are there; null means absent. */
function countFields(decoded: unknown): number {
  if (decoded === null || decoded instanceof Uint8Array) return 0;
  if (Array.isArray(decoded)) return decoded.reduce<number>((sum, item) => sum + countFields(item), 0);
  if (typeof decoded === 'object') return countFields(Object.values(decoded));
  return 1;
}

describe('every proper prefix', () => {
  const cuttable = VALID_VECTORS.filter(({ characteristic }) => characteristic !== 'CRC16');
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
});

/** Bytes that say the same as a shorter or plainer form, which is what encoders write. */
const NOT_CANONICAL = new Set([
  '2A37 01c800', // 16 bits for a heart rate that fits 8
  '2A37 110000ffff7f80',
  '2A37 0201', // contact bits 01: not supported
  '2A36 00d7f000000000', // unused pressures 0 instead of NaN
  '2AA8 6e9e0116afbe', // wrong CRC
  '2AA8 6e8e0116afbe',
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
