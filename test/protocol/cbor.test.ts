import { Tagged } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import {
  CborFields,
  type CborValue,
  decodeCbor,
  encodeCbor,
  MAX_NESTING,
  sensorValueFromCbor,
  sensorValueToCbor,
} from '../../protocol/cbor.ts';
import { faultOf } from '../support/fault-of.ts';

const refusal = (hex: string) => faultOf(() => decodeCbor(decodeHex(hex)));
const h = (hex: string) => decodeHex(hex);

// RFC 8949 Appendix A: those examples that are in the subset.
const VECTORS: readonly [string, CborValue][] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['40', h('')],
  ['4401020304', h('01020304')],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', '\u00fc'],
  ['63e6b0b4', '\u6c34'],
  ['64f0908591', '\u{10151}'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['98190102030405060708090a0b0c0d0e0f101112131415161718181819', Array.from({ length: 25 }, (_, i) => i + 1)],
  ['a0', new Map()],
  [
    'a201020304',
    new Map([
      [1, 2],
      [3, 4],
    ]),
  ],
  [
    'a26161016162820203',
    new Map<string, CborValue>([
      ['a', 1],
      ['b', [2, 3]],
    ]),
  ],
  ['826161a161626163', ['a', new Map([['b', 'c']])]],
  // RFC 8949 §4.2.1: by the octets of the keys, whatever their lengths.
  [
    'a4186400200061610062616100',
    new Map<number | string, CborValue>([
      [100, 0],
      [-1, 0],
      ['a', 0],
      ['aa', 0],
    ]),
  ],
  // RFC 8949 §3.4.4: 273.15
  ['c48221196ab3', new Tagged(4, [-2, 27315])],
];

describe('decodeCbor', () => {
  it.each(VECTORS)('%s', (hex, value) => {
    expect(decodeCbor(h(hex))).toEqual(value);
    expect(encodeHex(encodeCbor(value))).toBe(hex);
  });

  it('reads integers up to 2^53-1 and no further', () => {
    expect(decodeCbor(h('1b001fffffffffffff'))).toBe(Number.MAX_SAFE_INTEGER);
    expect(decodeCbor(h('3b001ffffffffffffe'))).toBe(Number.MIN_SAFE_INTEGER);
    for (const hex of ['1b0020000000000000', '1bffffffffffffffff', '3b001fffffffffffff', '3bffffffffffffffff']) {
      expect(refusal(hex)).toBe('malformed');
    }
  });

  it.each([
    ['an indefinite byte string', '5f42010243030405ff'],
    ['an indefinite text string', '7f657374726561646d696e67ff'],
    ['an indefinite array', '9f018202039f0405ffff'],
    ['an indefinite map', 'bf61610161629f0203ffff'],
    ['a break', 'ff'],
    ['a reserved length', '1c'],
    ['a half float', 'f93c00'],
    ['a single float', 'fa47c35000'],
    ['a double float', 'fb3ff199999999999a'],
    ['infinity', 'f97c00'],
    ['undefined', 'f7'],
    ['a simple value', 'f0'],
    ['a long simple value', 'f8ff'],
    ['a date tag', 'c074323031332d30332d32315432303a30343a30305a'],
    ['a bignum', 'c249010000000000000000'],
    ['a bigfloat', 'c5822003'],
    ['a key that is a byte string', 'a1410102'],
    ['a key that is an array', 'a1810102'],
    ['a key that is a boolean', 'a1f401'],
    ['a key that is a tag', 'a1c4820001'],
    ['text that is not UTF-8', '61ff'],
    ['text with an overlong form', '62c080'],
    ['text with a surrogate', '63eda080'],
    ['text as a key that is not UTF-8', 'a161ff00'],
    ['text that begins with a byte order mark', '64efbbbf41'],
    ['nothing', ''],
    ['two items', '0000'],
    ['an array that ends early', '8201'],
    ['a map that ends early', 'a101'],
    ['a string that ends early', '4301'],
    ['a length that ends early', '1901'],
    ['an array of 2^53-1 items', '9b001fffffffffffff'],
    ['a map of 2^53-1 pairs', 'bb001fffffffffffff'],
    ['a string of 2^53-1 octets', '5b001fffffffffffff'],
    ['a string of 2^64-1 octets', '5bffffffffffffffff'],
  ])('refuses %s', (_, hex) => {
    expect(refusal(hex)).toBe('malformed');
  });

  it.each([
    ['23 in two octets', '1817'],
    ['255 in three octets', '1900ff'],
    ['65535 in five octets', '1a0000ffff'],
    ['2^32-1 in nine octets', '1b00000000ffffffff'],
    ['a long form of a small negative', '3800'],
    ['a length in two octets', '580101'],
    ['an array count in two octets', '980100'],
    ['a tag in two octets', 'd804820000'],
    ['a key twice', 'a201000100'],
    ['a text key twice', 'a2616100616100'],
    ['keys out of order', 'a203000100'],
    ['text before integers', 'a26161000100'],
  ])('refuses %s as not canonical', (_, hex) => {
    expect(refusal(hex)).toBe('not-canonical');
  });

  it(`reads ${MAX_NESTING} levels, and no bomb`, () => {
    expect(refusal(`${'81'.repeat(MAX_NESTING)}00`)).toBe('none');
    expect(refusal(`${'81'.repeat(MAX_NESTING + 1)}00`)).toBe('malformed');
    expect(refusal('81'.repeat(1_000_000))).toBe('malformed');
    expect(refusal('a100'.repeat(1_000_000))).toBe('malformed');
    expect(refusal('c4'.repeat(1_000_000))).toBe('malformed');
  });

  it('quotes nothing of what it refuses', () => {
    const fields = new CborFields(decodeCbor(encodeCbor(new Map([['canary', 1]]))));
    expect(() => fields.end()).toThrow(/^unknown field$/);
  });
});

const integer = fc.maxSafeInteger();
const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.startsWith('\ufeff'));
const { value: anyValue } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    integer,
    fc.boolean(),
    fc.constant(null),
    text,
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(fc.integer({ min: -128, max: 127 }), integer).map((pair) => new Tagged(4, pair)),
    fc.array(tie('value'), { maxLength: 6 }),
    fc
      .uniqueArray(fc.tuple(fc.oneof(integer, text), tie('value')), {
        maxLength: 6,
        selector: ([key]) => key,
      })
      .map((pairs) => new Map(pairs)),
  ),
}));

describe('encodeCbor', () => {
  it('is read back, to the same bytes', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = encodeCbor(value);
        expect(encodeCbor(decodeCbor(bytes))).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });
});

describe('sensor values', () => {
  it('keep their precision', () => {
    for (const mantissa of [2, 20, 200]) {
      const value = { mantissa, exponent: 1 - String(mantissa).length };
      expect(sensorValueFromCbor(decodeCbor(encodeCbor(sensorValueToCbor(value))))).toEqual(value);
    }
    expect(encodeHex(encodeCbor(sensorValueToCbor({ mantissa: 20, exponent: -1 })))).toBe('c4822014');
  });

  it('are named where they are special, and nothing else is one', () => {
    for (const special of ['NaN', 'NRes', '+INF', '-INF', 'RFU'] as const) {
      expect(sensorValueFromCbor(decodeCbor(encodeCbor(sensorValueToCbor(special))))).toBe(special);
    }
    for (const hex of ['00', '636e616e', 'f6', 'c400', 'c480', 'c48100', 'c483000000', 'c482616100']) {
      expect(faultOf(() => sensorValueFromCbor(decodeCbor(h(hex))))).toBe('malformed');
    }
    expect(faultOf(() => sensorValueFromCbor(new Tagged(4, [129, 1])))).toBe('malformed');
  });
});

describe('CborFields', () => {
  const fields = () =>
    new CborFields(
      new Map<number, CborValue>([
        [0, -1],
        [1, 'a'],
        [2, h('01')],
        [3, true],
        [4, ['a', 1]],
      ]),
    );

  it.each<[string, (of: CborFields) => unknown]>([
    ['a field that is not there', (of) => of.int(9)],
    ['a negative number', (of) => of.uint(0)],
    ['text for a number', (of) => of.int(1)],
    ['a number for text', (of) => of.text(0)],
    ['a number for a boolean', (of) => of.bool(0)],
    ['text for bytes', (of) => of.bytes(1)],
    ['bytes of another length', (of) => of.bytes(2, 2)],
    ['text for an array', (of) => of.array(1)],
    ['an array not all text', (of) => of.texts(4)],
    ['fields that nobody asked for', (of) => of.end()],
  ])('refuses %s', (_, read) => {
    expect(faultOf(() => read(fields()))).toBe('malformed');
  });

  it('refuses what is no map', () => {
    for (const value of [undefined, 1, [1]]) expect(faultOf(() => new CborFields(value))).toBe('malformed');
  });
});
