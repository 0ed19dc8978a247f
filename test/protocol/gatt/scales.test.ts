/** Weight, body composition, and what Xiaomi scales advertise. */
import { describe, expect, it } from 'vitest';
import { encodeHex } from '../../../protocol/bytes.ts';
import {
  type BodyCompositionMeasurement,
  decodeBodyCompositionMeasurement,
  encodeBodyCompositionMeasurement,
  mergeBodyComposition,
} from '../../../protocol/gatt/body-composition.ts';
import { encodeMiScaleComposition } from '../../../protocol/gatt/mi-scale.ts';
import { encodeWeightMeasurement } from '../../../protocol/gatt/weight-scale.ts';
import { decodeLine } from '../../../verifier/decode.ts';

const decode = (characteristic: string, hex: string) => JSON.parse(decodeLine(JSON.stringify({ characteristic, hex })));
const kg = (grams: number) => ({ mantissa: grams, exponent: -3 });
const tenths = (mantissa: number) => ({ mantissa, exponent: -1 });

const EMPTY: Omit<BodyCompositionMeasurement, 'unknownOctets'> = {
  bodyFatPct: tenths(221),
  unit: 'kg',
  multiplePacket: true,
  timestamp: null,
  userId: 2,
  basalKJ: null,
  musclePct: null,
  muscleMass: null,
  fatFreeMass: null,
  softLeanMass: null,
  bodyWaterMass: null,
  impedanceOhm: null,
  weight: null,
  height: null,
};

describe('weight', () => {
  const measurement = {
    weight: kg(70_005),
    unit: 'kg',
    timestamp: null,
    userId: null,
    bmi: null,
    height: null,
  } as const;

  it('is scaled by its unit alone, and never rounded', () => {
    expect(encodeHex(encodeWeightMeasurement(measurement))).toBe('00b136');
    expect(encodeWeightMeasurement({ ...measurement, weight: { mantissa: 70, exponent: 0 } })).toHaveLength(3);
    for (const weight of [kg(70_001), kg(400_000), kg(-5), kg(327_675)]) {
      expect(() => encodeWeightMeasurement({ ...measurement, weight })).toThrow(
        expect.objectContaining({ code: 'range' }),
      );
    }
    expect(() => encodeWeightMeasurement({ ...measurement, bmi: tenths(219) })).toThrow(
      expect.objectContaining({ code: 'range' }),
    );
  });

  it('keeps what a reserved flag announces apart', () => {
    expect(decode('2A9D', '10b136aabb')).toMatchObject({ weight: 70.005, unknownOctets: 2 });
    expect(decode('2A9D', '00b136aa')).toEqual({ error: 'trailing' });
  });

  it('states its accuracy, which is no factor', () => {
    expect(decode('2A9E', '8f000000')).toMatchObject({ weightResolutionKg: 0.5, heightResolutionM: 0.01 });
    expect(decode('2A9E', 'b8010000')).toMatchObject({ weightResolutionKg: 0.005, heightResolutionM: 0.001 });
    expect(decode('2A9E', '40020000')).toMatchObject({ weightResolutionKg: 'reserved', heightResolutionM: 'reserved' });
    expect(decode('2A9E', '00000000')).toMatchObject({ weightResolutionKg: null, heightResolutionM: null });
  });
});

describe('body composition', () => {
  it('reads all fields in their order', () => {
    const all =
      'ff0f' + 'dd00' + 'ea0709180e1e05' + '02' + 'd20f' + '9101' + '1027102710271027' + '8813' + '1027' + 'bc02';
    expect(decode('2A9C', all)).toEqual({
      bodyFatPct: 22.1,
      unit: 'lb',
      multiplePacket: false,
      timestamp: [2026, 9, 24, 14, 30, 5],
      userId: 2,
      basalKJ: 4050,
      musclePct: 40.1,
      muscleMass: 100,
      fatFreeMass: 100,
      softLeanMass: 100,
      bodyWaterMass: 100,
      impedanceOhm: 500,
      weight: 100,
      height: 70,
      unknownOctets: 0,
    });
    expect(decode('2A9C', '0000ffff')).toMatchObject({ bodyFatPct: 'unsuccessful', weight: null });
    expect(decode('2A9B', 'ff7f0000')).toMatchObject({ features: expect.arrayContaining(['timestamp', 'height']) });
    expect(decode('2A9B', '00380000')).toMatchObject({
      features: [],
      massResolutionKg: 0.005,
      heightResolutionM: null,
    });
  });

  it('is merged of two values that belong together', () => {
    const halves = [
      { ...EMPTY, muscleMass: kg(30_000), fatFreeMass: kg(50_000) },
      { ...EMPTY, weight: kg(70_000), height: { mantissa: 1754, exponent: -3 } },
    ].map((half) => decodeBodyCompositionMeasurement(encodeBodyCompositionMeasurement(half)));
    const [first, second] = halves as [BodyCompositionMeasurement, BodyCompositionMeasurement];
    expect(mergeBodyComposition(first, second)).toEqual({
      ...EMPTY,
      multiplePacket: false,
      muscleMass: kg(30_000),
      fatFreeMass: kg(50_000),
      weight: kg(70_000),
      height: { mantissa: 1754, exponent: -3 },
      unknownOctets: 0,
    });
    const strangers: Partial<BodyCompositionMeasurement>[] = [
      { multiplePacket: false },
      { unit: 'lb' },
      { bodyFatPct: tenths(222) },
      { bodyFatPct: 'unsuccessful' },
      { userId: 3 },
      { muscleMass: kg(30_000) },
    ];
    for (const stranger of strangers) expect(mergeBodyComposition(first, { ...second, ...stranger })).toBeUndefined();
    expect(mergeBodyComposition(first, { ...second, userId: null })?.userId).toBe(2);
  });
});

describe('Xiaomi scales', () => {
  it('read jin, and refuse what is no advertisement of theirs', () => {
    expect(decode('181D-adv', '32204ee607020e10293a')).toMatchObject({ weight: 200, unit: 'jin', stabilized: true });
    const value = { weight: { mantissa: 20_000, exponent: -2 }, unit: 'jin', stabilized: true, removed: true } as const;
    const bytes = encodeMiScaleComposition({ ...value, timestamp: [2022, 2, 14, 16, 41, 58], impedance: null });
    expect(decode('181B-adv', encodeHex(bytes))).toMatchObject({
      weight: 200,
      unit: 'jin',
      removed: true,
      impedance: null,
    });
    expect(decode('181D-adv', '223e30e607020e1029')).toEqual({ error: 'truncated' });
    expect(decode('181D-adv', '223e30e6070d0e10293a')).toEqual({ error: 'range' });
    expect(decode('181B-adv', '0226e607020e10293af7019a3800')).toEqual({ error: 'trailing' });
  });
});
