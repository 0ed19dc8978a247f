/** Leaves of every kind, for properties. */
import fc from 'fast-check';
import { CORRECTION_REASONS, type CorrectionLeaf } from '../../protocol/correction-leaf.ts';
import type { SensorValue } from '../../protocol/decimal.ts';
import { CARRIERS } from '../../protocol/gatt/measured-vital.ts';
import {
  CLOCK_SETTINGS,
  type ClockLeaf,
  COVERAGE_STATES,
  type CoverageLeaf,
  type DeviceLeaf,
  type Leaf,
  LINK_SECURITIES,
  type ReadingLeaf,
} from '../../protocol/leaf.ts';

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const instant = fc.integer({ min: -8e15, max: 8e15 });
const code = fc.nat({ max: 0xffffffff });
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !value.startsWith('\ufeff'));
const twoDigits = (max: number) => fc.nat({ max }).map((n) => String(n).padStart(2, '0'));
const wallClock = fc
  .tuple(fc.integer({ min: 1582, max: 9999 }), twoDigits(12), twoDigits(28), twoDigits(23), twoDigits(59))
  .map(([year, month, day, hour, minute]) => `${year}-${month}-${day}T${hour}:${minute}:00`);

export const sensorValues: fc.Arbitrary<SensorValue> = fc.oneof(
  fc.record({ mantissa: fc.maxSafeInteger(), exponent: fc.integer({ min: -128, max: 127 }) }),
  fc.constantFrom('NaN', 'NRes', '+INF', '-INF', 'RFU'),
);

const common = { subject: octets(32), device: octets(16), test: fc.boolean() };
const flags = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/), { maxLength: 4 }).map((set) => set.sort());

const readingFields = {
  kind: fc.constant('reading' as const),
  ...common,
  vital: code,
  measuredAt: instant,
  measuredBy: fc.constantFrom('device' as const, 'gateway' as const),
  heardAt: instant,
  zoneMin: fc.integer({ min: -720, max: 840 }),
  unit: text,
  flags,
  characteristic: fc.nat({ max: 0xffff }),
  raw: fc.uint8Array({ maxLength: 64 }),
  ordinal: fc.nat({ max: 1000 }),
};
const readingOptions = {
  uptimeMs: fc.maxSafeNat(),
  deviceClock: wallClock,
  sessionStart: fc.uint8Array({ maxLength: 11 }),
  profile: fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/),
  heardWithinMs: fc.maxSafeNat(),
  clockOffsetMs: fc.integer({ min: -1e14, max: 1e14 }).filter((offset) => offset !== 0),
  stored: fc.constant(true as const),
  link: fc.constantFrom(...LINK_SECURITIES),
  companion: fc.uint8Array({ maxLength: 20 }),
  feature: fc.uint8Array({ maxLength: 7 }),
  carrier: fc.constantFrom(...CARRIERS),
};
const requiredReading = [
  ...(Object.keys(readingFields) as (keyof typeof readingFields)[]),
  'value' as const,
  'components' as const,
];

export const readings: fc.Arbitrary<ReadingLeaf> = fc.oneof(
  fc.record(
    { ...readingFields, ...readingOptions, value: sensorValues },
    { requiredKeys: requiredReading.filter((key) => key !== 'components') },
  ),
  fc.record(
    {
      ...readingFields,
      ...readingOptions,
      components: fc.array(fc.record({ vital: code, value: sensorValues }), { maxLength: 4 }),
    },
    { requiredKeys: requiredReading.filter((key) => key !== 'value') },
  ),
);

const coverages: fc.Arbitrary<CoverageLeaf> = fc.record({
  kind: fc.constant('coverage'),
  ...common,
  from: instant,
  to: instant,
  state: fc.constantFrom(...COVERAGE_STATES),
});

const clocks: fc.Arbitrary<ClockLeaf> = fc.record(
  {
    kind: fc.constant('clock' as const),
    ...common,
    deviceClock: wallClock,
    heardAt: instant,
    uncertaintyMs: fc.nat(),
    set: fc.constantFrom(...CLOCK_SETTINGS),
  },
  { requiredKeys: ['kind', 'subject', 'device', 'test', 'deviceClock', 'heardAt'] },
);

const devices: fc.Arbitrary<DeviceLeaf> = fc.record(
  {
    kind: fc.constant('device' as const),
    ...common,
    heardAt: instant,
    address: text,
    addressType: fc.constantFrom('public' as const, 'random' as const),
    link: fc.constantFrom(...LINK_SECURITIES),
    name: text,
    manufacturer: text,
    model: text,
    serial: text,
    firmware: text,
  },
  { requiredKeys: ['kind', 'subject', 'device', 'test', 'heardAt', 'address', 'addressType', 'link'] },
);

const replacements = [
  { value: sensorValues },
  { components: fc.array(fc.record({ vital: code, value: sensorValues }), { maxLength: 4 }), measuredAt: instant },
  { measuredAt: instant },
  {},
];

const corrections = fc.oneof(
  ...replacements.map((replaced) =>
    fc.record({
      kind: fc.constant('correction' as const),
      ...common,
      batch: octets(32),
      index: fc.nat(),
      act: fc.constant(Object.keys(replaced).length > 0 ? ('amend' as const) : ('withdraw' as const)),
      reason: fc.constantFrom(...CORRECTION_REASONS),
      correctedAt: instant,
      ...(replaced as { value?: fc.Arbitrary<SensorValue> }),
    }),
  ),
) as fc.Arbitrary<CorrectionLeaf>;

export const leaves: fc.Arbitrary<Leaf> = fc.oneof(readings, coverages, clocks, devices, corrections);
