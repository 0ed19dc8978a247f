/**
 * Hostile values beside hostile companions, feature values and profiles: readings or a Fault, and what is read is explained
 * by its leaf. Segments in any order through the assembler. FUZZ_RUNS sets how many for each.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAssembler } from '../../edge-agent/assemble.ts';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { isFault } from '../../protocol/fault.ts';
import type { Carrier } from '../../protocol/gatt/measured-vital.ts';
import { QUALITY_FLAGS } from '../../protocol/gatt/quality.ts';
import { decodeLeaf, encodeLeaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { explainReading } from '../../protocol/recheck.ts';
import { GATT_VECTORS } from '../support/gatt-vectors.ts';
import { type Heard, readingLeaves } from '../support/receipt-builder.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 1000);

/** What a value may rest on, by its characteristic: the characteristic of its companion and of its feature value. */
const JOINED: Readonly<Record<string, { readonly companion?: string; readonly feature?: string }>> = {
  '2A18': { companion: '2A34', feature: '2A51' },
  '2A35': { feature: '2A49' },
  '2A53': {},
  '2A5E': { feature: '2A60' },
  '2A5F': { feature: '2A60' },
  '2A9C': { companion: '2A9C' },
  '2A9D': {},
  '2AA7': { feature: '2AA8' },
  '2B34': { feature: '2A49' },
  '2B36': { feature: '2A49' },
  '2B8B': {},
  '2BDD': {},
  'FCD2-adv': {},
  '181D-adv': {},
  '181B-adv': {},
  '006B-adv': {},
};

/** Published values of a characteristic, whole, or with octets changed, cut and added; and any octets. */
function hostile(characteristic: string): fc.Arbitrary<Uint8Array> {
  const from = characteristic === '2BDD' ? '2B8B' : characteristic;
  const known = GATT_VECTORS.filter((vector) => vector.characteristic === from).map(({ hex }) => decodeHex(hex));
  const random = fc.uint8Array({ maxLength: 40 });
  if (known.length === 0) return random;
  const changed = fc
    .tuple(
      fc.constantFrom(...known),
      fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 255 })), { maxLength: 3 }),
      fc.nat({ max: 8 }),
      fc.uint8Array({ maxLength: 3 }),
    )
    .map(([value, changes, cut, tail]) => {
      const bytes = Uint8Array.from([...value.slice(0, value.length - Math.max(0, cut - 6)), ...tail]);
      for (const [at, octet] of changes) if (at < bytes.length) bytes[at] = octet;
      return bytes;
    });
  return fc.oneof(random, changed, fc.constantFrom(...known));
}

/** A record 2B36 that holds a value of a cuff is rare by chance. */
const records = fc
  .tuple(fc.constantFrom('2A35', '2B34', '2A36', '2B35'), fc.nat({ max: 65_535 }))
  .chain(([uuid, sequence]) =>
    hostile(uuid).map((value) => {
      const code = Number.parseInt(uuid, 16);
      return Uint8Array.of(3, sequence & 0xff, sequence >> 8, code & 0xff, code >> 8, ...value);
    }),
  );

const maybe = (characteristic: string | undefined) =>
  characteristic === undefined
    ? fc.constant(undefined)
    : fc.option(hostile(characteristic).map(encodeHex), { nil: undefined });

function heardOf(name: string): fc.Arbitrary<Heard> {
  const [uuid, advertised] = name.split('-');
  const { companion, feature } = JOINED[name]!;
  const carrier: Carrier = uuid === '006B' ? 'manufacturer-data' : 'service-data';
  return fc
    .record({
      hex: (name === '2B36' ? fc.oneof(records, hostile(name)) : hostile(name)).map(encodeHex),
      companion: maybe(companion),
      feature: maybe(feature),
      profile: fc.constantFrom(undefined, 'care-sens-meter', 'beurer-cuff', 'generic'),
    })
    .map(({ hex, ...rest }) => ({
      characteristic: Number.parseInt(uuid!, 16),
      hex,
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
      ...(advertised && { carrier }),
    }));
}

/** The leaves, or undefined when refused with a Fault; anything else that is thrown fails the test. */
function tried(heard: Heard): ReadingLeaf[] | undefined {
  try {
    return readingLeaves(heard);
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  }
}

describe.each(Object.keys(JOINED))('%s', (name) => {
  it('gives readings that their leaves explain, or a Fault', () => {
    let read = 0;
    fc.assert(
      fc.property(heardOf(name), (heard) => {
        for (const leaf of tried(heard) ?? []) {
          read++;
          const again = decodeLeaf(encodeLeaf(leaf)) as ReadingLeaf;
          expect(again).toEqual(leaf);
          expect(explainReading(again)).toBeUndefined();
          for (const flag of leaf.flags) expect(QUALITY_FLAGS).toHaveProperty(flag);
        }
      }),
      { numRuns },
    );
    expect(read).toBeGreaterThan(0);
  });
});

describe('the assembler', () => {
  it('settles every value, and hands on no more than it heard, whatever comes in whatever order', async () => {
    const heard = fc
      .constantFrom('2A18', '2A34', '2A9C', '2B36', '2B8B', '2BDD')
      .chain((name) => hostile(name).map((value) => ({ characteristic: Number.parseInt(name, 16), value })));
    const step = fc.oneof(
      { weight: 12, arbitrary: fc.tuple(heard, fc.constantFrom('a', 'b'), fc.constantFrom(1, 2)) },
      { weight: 1, arbitrary: fc.constant('timers' as const) },
      { weight: 1, arbitrary: fc.constant('end' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const timers = new Set<() => void>();
        let handedOn = 0;
        const assembler = openAssembler({
          hear: async () => {
            handedOn++;
          },
          after: (_, run) => {
            timers.add(run);
            return () => timers.delete(run);
          },
        });
        const promises: Promise<void>[] = [];
        for (const next of steps) {
          if (next === 'timers') for (const run of [...timers]) run();
          else if (next === 'end') assembler.linkEnded('a');
          else promises.push(assembler.hear({ ...next[0], device: next[1], connection: next[2], heardAt: 0 }));
        }
        assembler.end();
        await Promise.all(promises);
        expect(timers.size).toBe(0);
        expect(handedOn).toBeLessThanOrEqual(promises.length);
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    );
  });
});
