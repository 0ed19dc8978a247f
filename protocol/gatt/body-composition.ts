/** Body Composition service (BCS): Body Composition Measurement 2A9C and Body Composition Feature 2A9B. */
import { ByteReader } from '../bytes.ts';
import { type Decimal, sameSensorValue } from '../decimal.ts';
import { hasBit, namesOfBits } from './bits.ts';
import { type DateTime, readDateTime, writeDateTime } from './date-time.ts';
import { readScaledU16, type Scale, writeScaledU16 } from './fixed-point.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import {
  type Attempt,
  heightResolution,
  type MassUnit,
  massResolution,
  type Resolution,
  readAttempt,
  readHeight,
  readMass,
  writeAttempt,
  writeHeight,
  writeMass,
} from './weight-scale.ts';
import { ByteWriter } from './writer.ts';

const TENTHS: Scale = { step: 1, exponent: -1 };

/** 2A9C. Every field from `timestamp` on is null when not sent; masses are in `unit`. */
export interface BodyCompositionMeasurement extends Extensible {
  /** Body fat, %. */
  readonly bodyFatPct: Attempt;
  readonly unit: MassUnit;
  /** One of two values that make one measurement, see {@link mergeBodyComposition}. */
  readonly multiplePacket: boolean;
  /** The scale's wall clock. */
  readonly timestamp: DateTime | null;
  /** Which of the scale's users; 255 = unknown. */
  readonly userId: number | null;
  /** Basal metabolism, kJ. */
  readonly basalKJ: number | null;
  readonly musclePct: Decimal | null;
  readonly muscleMass: Decimal | null;
  readonly fatFreeMass: Decimal | null;
  readonly softLeanMass: Decimal | null;
  readonly bodyWaterMass: Decimal | null;
  readonly impedanceOhm: Decimal | null;
  readonly weight: Decimal | null;
  /** In meters where `unit` is kg, in inches where it is lb. */
  readonly height: Decimal | null;
}

type Optional = Omit<BodyCompositionMeasurement, 'bodyFatPct' | 'unit' | 'multiplePacket' | 'unknownOctets'>;

// BCS Body Composition Measurement: in the order of the flags (bit 1 up) and of the fields.
const OPTIONAL = [
  'timestamp',
  'userId',
  'basalKJ',
  'musclePct',
  'muscleMass',
  'fatFreeMass',
  'softLeanMass',
  'bodyWaterMass',
  'impedanceOhm',
  'weight',
  'height',
] as const satisfies readonly (keyof Optional)[];

const MULTIPLE_PACKET = 1 << 12;
const RESERVED_FLAGS = 0xe000;

/** Throws `truncated`, `trailing`, and `range` on an impossible timestamp field. */
export function decodeBodyCompositionMeasurement(bytes: Uint8Array): BodyCompositionMeasurement {
  const reader = new ByteReader(bytes);
  const flags = reader.u16();
  const unit = hasBit(flags, 0) ? 'lb' : 'kg';
  const mass = (bit: number) => (hasBit(flags, bit) ? readMass(reader, unit) : null);
  const tenths = (bit: number) => (hasBit(flags, bit) ? readScaledU16(reader, TENTHS) : null);
  return {
    bodyFatPct: readAttempt(reader, TENTHS),
    unit,
    multiplePacket: (flags & MULTIPLE_PACKET) !== 0,
    timestamp: hasBit(flags, 1) ? readDateTime(reader) : null,
    userId: hasBit(flags, 2) ? reader.u8() : null,
    basalKJ: hasBit(flags, 3) ? reader.u16() : null,
    musclePct: tenths(4),
    muscleMass: mass(5),
    fatFreeMass: mass(6),
    softLeanMass: mass(7),
    bodyWaterMass: mass(8),
    impedanceOhm: tenths(9),
    weight: mass(10),
    height: hasBit(flags, 11) ? readHeight(reader, unit) : null,
    unknownOctets: skipUnknown(reader, flags, RESERVED_FLAGS),
  };
}

/** The reverse of {@link decodeBodyCompositionMeasurement}. Throws `range`. */
export function encodeBodyCompositionMeasurement(
  measurement: Omit<BodyCompositionMeasurement, 'unknownOctets'>,
): Uint8Array {
  const { unit, bodyFatPct, timestamp, userId, basalKJ, musclePct, impedanceOhm, height } = measurement;
  const { muscleMass, fatFreeMass, softLeanMass, bodyWaterMass, weight } = measurement;
  const present = OPTIONAL.reduce((bits, name, i) => (measurement[name] === null ? bits : bits | (2 << i)), 0);
  const writer = new ByteWriter();
  writer.u16((unit === 'lb' ? 1 : 0) | present | (measurement.multiplePacket ? MULTIPLE_PACKET : 0));
  writeAttempt(writer, bodyFatPct, TENTHS);
  if (timestamp !== null) writeDateTime(writer, timestamp);
  if (userId !== null) writer.u8(userId);
  if (basalKJ !== null) writer.u16(basalKJ);
  if (musclePct !== null) writeScaledU16(writer, musclePct, TENTHS);
  for (const mass of [muscleMass, fatFreeMass, softLeanMass, bodyWaterMass]) {
    if (mass !== null) writeMass(writer, mass, unit);
  }
  if (impedanceOhm !== null) writeScaledU16(writer, impedanceOhm, TENTHS);
  if (weight !== null) writeMass(writer, weight, unit);
  if (height !== null) writeHeight(writer, height, unit);
  return writer.take();
}

/**
 * One measurement of two consecutive values with `multiplePacket` set, which a scale sends when all fields do not fit
 * one. Undefined when they do not belong together: not both flagged, another unit, body fat or user, or a field that
 * both have.
 */
export function mergeBodyComposition(
  first: BodyCompositionMeasurement,
  second: BodyCompositionMeasurement,
): BodyCompositionMeasurement | undefined {
  if (!first.multiplePacket || !second.multiplePacket || first.unit !== second.unit) return undefined;
  if (!sameAttempt(first.bodyFatPct, second.bodyFatPct)) return undefined;
  // The user may be named in both, so that neither half is ever another user's.
  if (first.userId !== null && second.userId !== null && first.userId !== second.userId) return undefined;
  const others = OPTIONAL.filter((name) => name !== 'userId');
  if (others.some((name) => first[name] !== null && second[name] !== null)) return undefined;
  const filled = Object.fromEntries(OPTIONAL.map((name) => [name, first[name] ?? second[name]])) as unknown as Optional;
  const unknownOctets = first.unknownOctets + second.unknownOctets;
  return { bodyFatPct: first.bodyFatPct, unit: first.unit, multiplePacket: false, ...filled, unknownOctets };
}

function sameAttempt(a: Attempt, b: Attempt): boolean {
  return a === 'unsuccessful' || b === 'unsuccessful' ? a === b : sameSensorValue(a, b);
}

const FEATURES = [
  'timestamp',
  'multipleUsers',
  'basalMetabolism',
  'musclePercentage',
  'muscleMass',
  'fatFreeMass',
  'softLeanMass',
  'bodyWaterMass',
  'impedance',
  'weight',
  'height',
] as const;

/** 2A9B: what the scale can measure, and how accurate it is. */
export interface BodyCompositionFeature {
  /** All 32 bits as sent. */
  readonly raw: number;
  readonly features: readonly (typeof FEATURES)[number][];
  /** kg; the scale's imperial accuracy goes with it. */
  readonly massResolutionKg: Resolution;
  /** m. */
  readonly heightResolutionM: Resolution;
}

/** Throws `truncated`, `trailing`. */
export function decodeBodyCompositionFeature(bytes: Uint8Array): BodyCompositionFeature {
  const reader = new ByteReader(bytes);
  const raw = reader.u32();
  reader.end();
  return {
    raw,
    features: namesOfBits(raw, FEATURES),
    massResolutionKg: massResolution((raw >>> 11) & 0b1111),
    heightResolutionM: heightResolution((raw >>> 15) & 0b111),
  };
}

/** The reverse of {@link decodeBodyCompositionFeature}; `raw` is written. */
export function encodeBodyCompositionFeature({ raw }: Pick<BodyCompositionFeature, 'raw'>): Uint8Array {
  return new ByteWriter().u32(raw).take();
}
