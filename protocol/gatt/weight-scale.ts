/** Weight Scale service (WSS): Weight Measurement 2A9D and Weight Scale Feature 2A9E. */
import { ByteReader } from '../bytes.ts';
import type { Decimal } from '../decimal.ts';
import { Fault } from '../fault.ts';
import { hasBit } from './bits.ts';
import { type DateTime, readDateTime, writeDateTime } from './date-time.ts';
import { readScaledU16, type Scale, scaled, unscaled, writeScaledU16 } from './fixed-point.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

/** `kg` goes with lengths in meters, `lb` with inches. */
export type MassUnit = 'kg' | 'lb';

// GSS Weight Measurement, Body Composition Measurement: the scale of the fields is fixed by the unit. What the feature
// value says is how accurate the device is, and no factor.
const MASS: Readonly<Record<MassUnit, Scale>> = { kg: { step: 5, exponent: -3 }, lb: { step: 1, exponent: -2 } };
const HEIGHT: Readonly<Record<MassUnit, Scale>> = { kg: { step: 1, exponent: -3 }, lb: { step: 1, exponent: -1 } };
const BMI: Scale = { step: 1, exponent: -1 };
const UNSUCCESSFUL = 0xffff;

/** Next two octets as a mass, 0.005 kg or 0.01 lb. */
export function readMass(reader: ByteReader, unit: MassUnit): Decimal {
  return readScaledU16(reader, MASS[unit]);
}

/** Appends two octets. Throws `range`. */
export function writeMass(writer: ByteWriter, value: Decimal, unit: MassUnit): ByteWriter {
  return writeScaledU16(writer, value, MASS[unit]);
}

/** Next two octets as a length, 0.001 m or 0.1 in. */
export function readHeight(reader: ByteReader, unit: MassUnit): Decimal {
  return readScaledU16(reader, HEIGHT[unit]);
}

/** Appends two octets. Throws `range`. */
export function writeHeight(writer: ByteWriter, value: Decimal, unit: MassUnit): ByteWriter {
  return writeScaledU16(writer, value, HEIGHT[unit]);
}

/** A value that the scale tried to measure: its number, or the news that it failed. */
export type Attempt = Decimal | 'unsuccessful';

/** Next two octets, of which all bits set mean that the measurement failed. */
export function readAttempt(reader: ByteReader, scale: Scale): Attempt {
  const raw = reader.u16();
  return raw === UNSUCCESSFUL ? 'unsuccessful' : scaled(raw, scale);
}

/** Appends two octets. Throws `range`. */
export function writeAttempt(writer: ByteWriter, value: Attempt, scale: Scale): ByteWriter {
  if (value === 'unsuccessful') return writer.u16(UNSUCCESSFUL);
  const raw = unscaled(value, scale);
  if (raw === UNSUCCESSFUL) throw new Fault('range', 'means an unsuccessful measurement');
  return writer.u16(raw);
}

/** 2A9D. */
export interface WeightMeasurement extends Extensible {
  /** In `unit`. */
  readonly weight: Attempt;
  readonly unit: MassUnit;
  /** The scale's wall clock; null when not sent. */
  readonly timestamp: DateTime | null;
  /** Which of the scale's users; 255 = unknown; null when not sent. */
  readonly userId: number | null;
  /** Body mass index, kg/m2; sent and null together with the height. */
  readonly bmi: Decimal | null;
  /** In meters where `unit` is kg, in inches where it is lb. */
  readonly height: Decimal | null;
}

const RESERVED_FLAGS = 0b1111_0000;

/** Throws `truncated`, `trailing`, and `range` on an impossible timestamp field. */
export function decodeWeightMeasurement(bytes: Uint8Array): WeightMeasurement {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const unit = hasBit(flags, 0) ? 'lb' : 'kg';
  const weight = readAttempt(reader, MASS[unit]);
  const timestamp = hasBit(flags, 1) ? readDateTime(reader) : null;
  const userId = hasBit(flags, 2) ? reader.u8() : null;
  const bmi = hasBit(flags, 3) ? readScaledU16(reader, BMI) : null;
  const height = hasBit(flags, 3) ? readHeight(reader, unit) : null;
  const unknownOctets = skipUnknown(reader, flags, RESERVED_FLAGS);
  return { weight, unit, timestamp, userId, bmi, height, unknownOctets };
}

/** The reverse of {@link decodeWeightMeasurement}. Throws `range`, also on one of BMI and height without the other. */
export function encodeWeightMeasurement(measurement: Omit<WeightMeasurement, 'unknownOctets'>): Uint8Array {
  const { weight, unit, timestamp, userId, bmi, height } = measurement;
  if ((bmi === null) !== (height === null)) throw new Fault('range', 'BMI and height are sent together');
  const writer = new ByteWriter();
  writer.u8((unit === 'lb' ? 1 : 0) | (timestamp ? 2 : 0) | (userId === null ? 0 : 4) | (bmi ? 8 : 0));
  writeAttempt(writer, weight, MASS[unit]);
  if (timestamp) writeDateTime(writer, timestamp);
  if (userId !== null) writer.u8(userId);
  if (bmi) writeScaledU16(writer, bmi, BMI);
  if (height) writeHeight(writer, height, unit);
  return writer.take();
}

/** An accuracy that a feature value states; null when it states none. */
export type Resolution = Decimal | 'reserved' | null;

const thousandths = (mantissa: number): Decimal => ({ mantissa, exponent: -3 });

// WSS Weight Scale Feature, BCS Body Composition Feature: code 0 states nothing.
const MASS_RESOLUTIONS: readonly Resolution[] = [null, ...[500, 200, 100, 50, 20, 10, 5].map(thousandths)];
const HEIGHT_RESOLUTIONS: readonly Resolution[] = [null, ...[10, 5, 1].map(thousandths)];

/** Accuracy of a mass, kg, by its code 0..15. */
export function massResolution(code: number): Resolution {
  const resolution = MASS_RESOLUTIONS[code];
  return resolution === undefined ? 'reserved' : resolution;
}

/** Accuracy of a height, m, by its code 0..7. */
export function heightResolution(code: number): Resolution {
  const resolution = HEIGHT_RESOLUTIONS[code];
  return resolution === undefined ? 'reserved' : resolution;
}

/** 2A9E: what the scale can do, and how accurate it is. */
export interface WeightScaleFeature {
  /** All 32 bits as sent. */
  readonly raw: number;
  readonly timestamp: boolean;
  readonly multipleUsers: boolean;
  readonly bmi: boolean;
  /** kg; the scale's imperial accuracy goes with it. */
  readonly weightResolutionKg: Resolution;
  /** m. */
  readonly heightResolutionM: Resolution;
}

/** Throws `truncated`, `trailing`. */
export function decodeWeightScaleFeature(bytes: Uint8Array): WeightScaleFeature {
  const reader = new ByteReader(bytes);
  const raw = reader.u32();
  reader.end();
  return {
    raw,
    timestamp: hasBit(raw, 0),
    multipleUsers: hasBit(raw, 1),
    bmi: hasBit(raw, 2),
    weightResolutionKg: massResolution((raw >>> 3) & 0b1111),
    heightResolutionM: heightResolution((raw >>> 7) & 0b111),
  };
}

/** The reverse of {@link decodeWeightScaleFeature}; `raw` is written. */
export function encodeWeightScaleFeature({ raw }: Pick<WeightScaleFeature, 'raw'>): Uint8Array {
  return new ByteWriter().u32(raw).take();
}
