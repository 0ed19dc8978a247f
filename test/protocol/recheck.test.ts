/** Decoded, read, signed as a leaf, and found again by a stranger; and whatever is changed in between is found. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CARRIERS, type Carrier } from '../../protocol/gatt/measured-vital.ts';
import { decodeLeaf, encodeLeaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { explainReading, measuredAgain } from '../../protocol/recheck.ts';
import { GATT_VECTORS } from '../support/gatt-vectors.ts';
import { type Heard, readingLeaves } from '../support/receipt-builder.ts';

/** What readings come from; the one published record 2B36 holds three octets that are no value of a cuff. */
const READ = '2A18 2A19 2A1C 2A35 2A37 2A53 2A5E 2A5F 2A9C 2A9D 2AA7 2B34 2B8B FCD2-adv 181D-adv 181B-adv 006B-adv';

const VALUES: readonly (Heard & { readonly name: string })[] = GATT_VECTORS.filter(
  ({ characteristic, expect: fields }) => !('error' in fields) && READ.split(' ').includes(characteristic),
).map(({ characteristic, hex }) => {
  const [uuid, advertised] = characteristic.split('-');
  const carrier: Carrier = uuid === '006B' ? 'manufacturer-data' : 'service-data';
  return { name: characteristic, hex, characteristic: Number.parseInt(uuid!, 16), ...(advertised && { carrier }) };
});

const COMPANIONS = ['02070001', '5f0700021ee00221100e3c0132a036f0'];

/** Values that need another one, or a feature value. */
const JOINED: readonly Heard[] = [
  ...COMPANIONS.map((companion) => ({ characteristic: 0x2a18, hex: '120700ea07010108000054b011', companion })),
  { characteristic: 0x2a18, hex: '0a0100ea07010108000054b0f10908', feature: '0100' },
  { characteristic: 0x2a35, hex: '10780050005d002f00', feature: '0100' },
  { characteristic: 0x2b34, hex: '10780050005d002f00', feature: '1e00' },
  { characteristic: 0x2b36, hex: '030700342b00780050006400', feature: '0000' },
  { characteristic: 0x2a5f, hex: '0c620040000004200000', feature: '0000' },
  { characteristic: 0x2a9c, hex: '0014c8002c3a', companion: '0610c800ea07010108000002' },
  { characteristic: 0x2aa7, hex: '060078001e00', feature: '00000059ffff' },
  { characteristic: 0x2a35, hex: '566a0047000000ea07080b121f00003f000000', profile: 'beurer-cuff' },
];

const onTheWire = (leaf: ReadingLeaf) => decodeLeaf(encodeLeaf(leaf)) as ReadingLeaf;

describe('every published value that holds a measurement', () => {
  it.each(VALUES)('$name $hex is explained by its own bytes', (heard) => {
    for (const leaf of readingLeaves(heard)) {
      expect(onTheWire(leaf)).toEqual(leaf);
      expect(explainReading(onTheWire(leaf))).toBeUndefined();
      expect(measuredAgain(leaf)?.vital).toBe(leaf.vital);
    }
  });

  it('gives readings, for each characteristic', () => {
    const read = new Set(VALUES.filter((heard) => readingLeaves(heard).length > 0).map(({ name }) => name));
    expect([...read].sort()).toEqual(READ.split(' ').sort());
  });
});

describe('a reading that rests on more than one value', () => {
  it.each(JOINED)('$characteristic $hex is explained by what its leaf holds', (heard) => {
    const leaves = readingLeaves(heard);
    expect(leaves.length).toBeGreaterThan(0);
    for (const leaf of leaves) {
      expect(leaf.companion ?? leaf.feature ?? leaf.profile).toBeDefined();
      expect(explainReading(onTheWire(leaf))).toBeUndefined();
    }
  });

  it('is not explained without it where it says more', () => {
    const [glucose, ...around] = readingLeaves(JOINED[1]!);
    for (const leaf of [glucose!, ...around]) {
      const { companion, ...rest } = leaf;
      expect(companion).toBeDefined();
      expect(explainReading(rest)).toBe(leaf === glucose ? 'the quality flags differ' : 'they hold no such vital sign');
    }
    const [cuff] = readingLeaves(JOINED[3]!);
    const { feature, ...bare } = cuff!;
    expect([feature !== undefined, explainReading(bare)]).toEqual([true, 'the quality flags differ']);
  });
});

describe('a leaf that was changed', () => {
  const leaves = [...VALUES.filter((heard) => readingLeaves(heard).length > 0), ...JOINED].flatMap(readingLeaves);

  it.each<[string, (leaf: ReadingLeaf, n: number) => ReadingLeaf]>([
    ['vital', (leaf, n) => ({ ...leaf, vital: leaf.vital + n })],
    ['unit', (leaf) => ({ ...leaf, unit: `${leaf.unit}x` })],
    ['value', changeValue],
    ['flags', (leaf) => ({ ...leaf, flags: [...leaf.flags, 'zzz'] })],
    ['measuredAt', (leaf, n) => ({ ...leaf, measuredAt: leaf.measuredAt + n })],
    [
      'measuredBy',
      (leaf) => ({ ...leaf, measuredBy: leaf.measuredBy === 'device' ? 'gateway' : 'device', heardAt: 1 }),
    ],
    ['deviceClock', (leaf) => ({ ...leaf, deviceClock: '2011-11-11T11:11:11' })],
    ['characteristic', (leaf, n) => ({ ...leaf, characteristic: leaf.characteristic ^ (0x8000 + n) })],
    ['carrier', changeCarrier],
    ['companion', (leaf, n) => ({ ...leaf, companion: new Uint8Array(1 + (n % 2)).fill(n) })],
    ['feature', (leaf, n) => ({ ...leaf, feature: new Uint8Array(1).fill(n) })],
    ['profile', (leaf) => ({ ...leaf, profile: leaf.profile === undefined ? 'omron-cuff' : 'care-sens-meter' })],
    ['raw', (leaf) => ({ ...leaf, raw: leaf.raw.slice(1) })],
  ])('in its %s is found', (_, change) => {
    fc.assert(
      fc.property(fc.constantFrom(...leaves), fc.integer({ min: 1, max: 250 }), (leaf, n) => {
        expect(explainReading(onTheWire(change(leaf, n)))).toBeTypeOf('string');
      }),
      { numRuns: 300 },
    );
  });
});

function changeValue(leaf: ReadingLeaf, n: number): ReadingLeaf {
  const other = { mantissa: 987_654 + n, exponent: 3 };
  if (leaf.value !== undefined) return { ...leaf, value: other };
  const [first, ...rest] = leaf.components!;
  return { ...leaf, components: [{ ...first!, value: other }, ...rest] };
}

function changeCarrier(leaf: ReadingLeaf, n: number): ReadingLeaf {
  const { carrier, ...rest } = leaf;
  const others = [undefined, ...CARRIERS].filter((other) => other !== carrier);
  const other = others[n % others.length];
  return other === undefined ? rest : { ...rest, carrier: other };
}
