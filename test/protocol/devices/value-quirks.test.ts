import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHex } from '../../../protocol/bytes.ts';
import { DEVICE_PROFILES } from '../../../protocol/devices/device-profile.ts';
import { decodeQuirk } from '../../../protocol/devices/value-quirks.ts';
import { isFault } from '../../../protocol/fault.ts';
import { readingsOf } from '../../../protocol/gatt/readings.ts';
import type { ReadingLeaf } from '../../../protocol/leaf.ts';
import { explainReading } from '../../../protocol/recheck.ts';
import { MDC } from '../../../protocol/vital-signs.ts';
import { decodeLine } from '../../../verifier/decode.ts';
import { faultOf } from '../../support/fault-of.ts';
import { GATT_VECTORS } from '../../support/gatt-vectors.ts';
import { readingLeaves } from '../../support/receipt-builder.ts';

interface QuirkVector {
  readonly device: string;
  readonly characteristic: string;
  readonly hex: string;
  readonly expect: Record<string, unknown>;
  readonly source: string;
}

const VECTORS: readonly QuirkVector[] = JSON.parse(
  readFileSync(new URL('../../vectors/gatt-quirks.json', import.meta.url), 'utf8'),
);
const BEURER = VECTORS[0]!.hex;
const bytes = decodeHex(BEURER);
const numRuns = Number(process.env.FUZZ_RUNS ?? 10_000);

describe('published quirk vectors', () => {
  it.each(VECTORS.map((vector) => [`${vector.device} ${vector.hex}`, vector] as const))('%s', (_, vector) => {
    const { device, characteristic, hex, expect: want } = vector;
    expect(vector.source).not.toBe('');
    const answer = (more: object) => JSON.parse(decodeLine(JSON.stringify({ characteristic, hex, ...more })));
    expect(JSON.parse(decodeLine(JSON.stringify(vector)))).toMatchObject(want); // the line of the file, as it is
    expect(answer({ profile: device })).toMatchObject(want);
    expect(answer({ profile: 'beurer-cuff' })).toMatchObject(want);
    expect(answer({})).not.toMatchObject(want);
    expect(answer({ profile: 'a-and-d-cuff' })).toEqual(answer({}));
  });
});

describe('npm run decode', () => {
  const answer = (more: object) =>
    JSON.parse(decodeLine(JSON.stringify({ characteristic: '2A35', hex: BEURER, ...more })));

  it('refuses a profile that is none, and takes any device', () => {
    expect(answer({ profile: 'beurer-cufff' })).toEqual({ error: 'not-found' });
    expect(answer({ profile: 3 })).toEqual({ error: 'malformed' });
    expect(answer({ device: ['Beurer BM85'] })).toEqual({ error: 'malformed' });
    expect(answer({ device: 'Some cuff' })).toEqual(answer({}));
    expect(answer({ profile: 'generic' })).toEqual(answer({}));
  });

  it('reads what bears no marks of a quirk by the standard, under every profile', () => {
    const quirkFree = GATT_VECTORS.filter(({ characteristic, hex }) => {
      return !(characteristic === '2A35' && (Number.parseInt(hex.slice(0, 2), 16) & 0x40) !== 0);
    });
    for (const { characteristic, hex, direction } of quirkFree) {
      const plain = decodeLine(JSON.stringify({ characteristic, hex, direction }));
      for (const profile of ['beurer-cuff', 'care-sens-meter']) {
        expect(decodeLine(JSON.stringify({ characteristic, hex, direction, profile }))).toBe(plain);
      }
    }
  });
});

describe('decodeQuirk', () => {
  it('reads big-endian pulse and status strictly', () => {
    for (let length = 1; length < bytes.length; length++) {
      expect(faultOf(() => decodeQuirk(0x2a35, bytes.slice(0, length), 'beurer-cuff'))).toBe('truncated');
    }
    expect(faultOf(() => decodeQuirk(0x2a35, decodeHex(`${BEURER}00`), 'beurer-cuff'))).toBe('trailing');
    expect(faultOf(() => decodeQuirk(0x2a35, new Uint8Array(), 'beurer-cuff'))).toBe('truncated');
    expect(faultOf(() => decodeQuirk(0x2a35, bytes, 'toaster'))).toBe('not-found');
    expect(decodeQuirk(0x2a37, bytes, 'beurer-cuff')).toBeUndefined();
    expect(decodeQuirk(0x2a35, decodeHex('00480051004000'), 'beurer-cuff')).toBeUndefined();
    expect(decodeQuirk(0x2a35, decodeHex('41480051004000ff'), 'beurer-cuff')).toMatchObject({
      unit: 'kPa',
      timestamp: null,
      pulseRate: null,
      userId: 255,
      status: null,
      irregularPulse: null,
    });
  });

  it('knows a ketone by its context', () => {
    expect(decodeQuirk(0x2a34, decodeHex('02010006'), 'care-sens-meter')).toMatchObject({ sequence: 1, ketone: true });
    expect(decodeQuirk(0x2a34, decodeHex('02010005'), 'care-sens-meter')).toBeUndefined();
    expect(readingsOf(0x2a34, decodeHex('02010006'), { profile: 'care-sens-meter' })).toEqual([]);
  });

  it('returns or throws a fault for any bytes, and gives the same reading again from its raw bytes', () => {
    const profiles = DEVICE_PROFILES.filter(({ valueQuirks }) => valueQuirks.length > 0).map(({ name }) => name);
    const mutated = fc
      .tuple(fc.nat({ max: 18 }), fc.nat({ max: 255 }), fc.nat({ max: 19 }))
      .map(([at, octet, length]) => {
        const value = bytes.slice();
        value[at] = octet;
        return value.slice(0, length);
      });
    const hostile = fc.oneof(fc.uint8Array({ maxLength: 64 }), mutated);
    fc.assert(
      fc.property(hostile, fc.constantFrom(...profiles), fc.constantFrom(0x2a34, 0x2a35), (octets, profile, uuid) => {
        try {
          for (const reading of readingsOf(uuid, octets, { profile })) {
            expect(readingsOf(uuid, reading.raw, { profile })).toContainEqual(reading);
          }
        } catch (error) {
          if (!isFault(error)) throw error;
        }
      }),
      { numRuns },
    );
  });
});

describe('a reading by a value quirk', () => {
  it('names its profile, and only then', () => {
    const [panel, pulse] = readingsOf(0x2a35, bytes, { profile: 'beurer-cuff' });
    expect(panel).toMatchObject({ vital: MDC.bloodPressure, flags: [], profile: 'beurer-cuff' });
    expect(panel?.components?.map(({ value }) => value)).toMatchObject([{ mantissa: 106 }, { mantissa: 71 }, 'NaN']);
    expect(pulse).toMatchObject({ value: { mantissa: 63, exponent: 0 }, profile: 'beurer-cuff' });
    for (const reading of readingsOf(0x2a35, bytes, { profile: 'a-and-d-cuff' })) {
      expect(reading).not.toHaveProperty('profile');
      expect(reading.flags).toContain('unknown-octets');
    }
    const standard = decodeHex('00480051004000');
    expect(readingsOf(0x2a35, standard, { profile: 'beurer-cuff' })).toEqual(readingsOf(0x2a35, standard));
  });

  it('is checked by its profile, which can be neither left out nor put in', () => {
    const heard = { characteristic: 0x2a35, hex: BEURER };
    const quirky = readingLeaves({ ...heard, profile: 'beurer-cuff' });
    const plain = readingLeaves(heard);
    expect(quirky.map(explainReading)).toEqual([undefined, undefined]);
    expect(plain.map(explainReading)).toEqual([undefined, undefined]);
    const without = quirky.map(({ profile: _, ...leaf }): ReadingLeaf => leaf);
    for (const leaf of without) expect(explainReading(leaf)).toMatch(/differ/);
    for (const leaf of plain) {
      expect(explainReading({ ...leaf, profile: 'a-and-d-cuff' })).toBe('they need no device profile');
      expect(explainReading({ ...leaf, profile: 'beurer-cuff' })).toMatch(/differ/);
      expect(explainReading({ ...leaf, profile: 'toaster' })).toBe('they do not decode (not-found)');
    }
  });
});
