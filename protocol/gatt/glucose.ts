/** Glucose service (GLS): Glucose Measurement 2A18 and Glucose Feature 2A51. The context 2A34 is in glucose-context.ts. */
import { ByteReader } from '../bytes.ts';
import { isDecimal, type SensorValue } from '../decimal.ts';
import { instantToWallClock, type WallClock, wallClockToInstant } from '../time.ts';
import { bitsOfNames, hasBit, namesOfBits } from './bits.ts';
import { type DateTime, dateTimeToWallClock, readDateTime, writeDateTime } from './date-time.ts';
import {
  type GlucoseSampleLocation,
  type GlucoseSampleType,
  isControlSolution,
  readSample,
  writeSample,
} from './glucose-sample.ts';
import { readSfloat, writeSfloat } from './sfloat.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

// GLS Sensor Status Annunciation: bits 12..15 are reserved.
const STATUS = [
  'batteryLow',
  'sensorMalfunction',
  'sampleInsufficient',
  'stripInsertion',
  'stripType',
  'resultHigh',
  'resultLow',
  'tempHigh',
  'tempLow',
  'readInterrupted',
  'deviceFault',
  'timeFault',
] as const;

export type GlucoseStatusFlag = (typeof STATUS)[number];

/** 2A18. */
export interface GlucoseMeasurement extends Extensible {
  /** Number of the record, 0..65535; the context of the same number belongs to it. */
  readonly sequence: number;
  /** The meter's wall clock that its owner cannot turn back. */
  readonly baseTime: DateTime;
  /** Minutes from the base time to the clock that the owner sees; null when not sent. */
  readonly offsetMin: number | null;
  /** In `unit`, as sent; null when not sent. */
  readonly concentration: SensorValue | null;
  /** null when no concentration was sent. */
  readonly unit: 'kg/L' | 'mol/L' | null;
  /** The concentration x 10^5 where its unit is kg/L, else null: a shift of the exponent, no conversion. */
  readonly mgPerDl: SensorValue | null;
  /** The concentration x 10^3 where its unit is mol/L, else null. */
  readonly mmolPerL: SensorValue | null;
  /** Both null when no concentration was sent. */
  readonly type: GlucoseSampleType | null;
  readonly location: GlucoseSampleLocation | null;
  /** True when the meter measured control solution: never a result of a patient. */
  readonly controlSolution: boolean;
  /** Set bits of Sensor Status Annunciation; null when not sent. */
  readonly status: readonly GlucoseStatusFlag[] | null;
  /** A context 2A34 with the same sequence number follows. */
  readonly contextFollows: boolean;
}

const RESERVED_FLAGS = 0b1110_0000;

function shifted(value: SensorValue | null, by: number): SensorValue | null {
  if (value === null || !isDecimal(value)) return value;
  return { mantissa: value.mantissa, exponent: value.exponent + by };
}

/** Throws `truncated`, `trailing`, and `range` on an impossible field of the base time. */
export function decodeGlucoseMeasurement(bytes: Uint8Array): GlucoseMeasurement {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const sequence = reader.u16();
  const baseTime = readDateTime(reader);
  const offsetMin = hasBit(flags, 0) ? reader.s16() : null;
  const concentration = hasBit(flags, 1) ? readSfloat(reader) : null;
  const sample = hasBit(flags, 1) ? readSample(reader) : null;
  const unit = concentration === null ? null : hasBit(flags, 2) ? 'mol/L' : 'kg/L';
  const status = hasBit(flags, 3) ? namesOfBits(reader.u16(), STATUS) : null;
  return {
    sequence,
    baseTime,
    offsetMin,
    concentration,
    unit,
    mgPerDl: unit === 'kg/L' ? shifted(concentration, 5) : null,
    mmolPerL: unit === 'mol/L' ? shifted(concentration, 3) : null,
    type: sample?.type ?? null,
    location: sample?.location ?? null,
    controlSolution: sample !== null && isControlSolution(sample),
    status,
    contextFollows: hasBit(flags, 4),
    unknownOctets: skipUnknown(reader, flags, RESERVED_FLAGS),
  };
}

/** What {@link encodeGlucoseMeasurement} needs; the rest of a measurement follows from it. */
export type GlucoseMeasurementToWrite = Omit<
  GlucoseMeasurement,
  'mgPerDl' | 'mmolPerL' | 'controlSolution' | 'unknownOctets'
>;

/** The reverse of {@link decodeGlucoseMeasurement}. Throws `range`, also on a reserved type or location. */
export function encodeGlucoseMeasurement(measurement: GlucoseMeasurementToWrite): Uint8Array {
  const { sequence, baseTime, offsetMin, concentration, unit, type, location, status, contextFollows } = measurement;
  const fields = (offsetMin === null ? 0 : 1) | (concentration === null ? 0 : 2) | (status === null ? 0 : 8);
  const writer = new ByteWriter();
  writer.u8(fields | (unit === 'mol/L' ? 4 : 0) | (contextFollows ? 16 : 0)).u16(sequence);
  writeDateTime(writer, baseTime);
  if (offsetMin !== null) writer.s16(offsetMin);
  if (concentration !== null) {
    writeSfloat(writer, concentration);
    writeSample(writer, { type: type ?? 'reserved', location: location ?? 'reserved' });
  }
  if (status !== null) writer.u16(bitsOfNames(status, STATUS));
  return writer.take();
}

/**
 * What the meter's clock showed its owner at the measurement: base time plus offset. Undefined when the base time is no
 * full date or the result lies beyond the year 9999.
 */
export function glucoseWallClock({
  baseTime,
  offsetMin,
}: Pick<GlucoseMeasurement, 'baseTime' | 'offsetMin'>): WallClock | undefined {
  const base = dateTimeToWallClock(baseTime);
  if (base === undefined) return undefined;
  const shown = instantToWallClock(wallClockToInstant(base, 0), offsetMin ?? 0);
  return shown.startsWith('+') ? undefined : shown;
}

const FEATURES = [
  'lowBattery',
  'sensorMalfunction',
  'sampleSize',
  'stripInsertion',
  'stripType',
  'highLow',
  'temperature',
  'readInterrupted',
  'deviceFault',
  'timeFault',
  'multipleBonds',
] as const;

/** 2A51: what the meter can detect. */
export interface GlucoseFeature {
  /** All 16 bits as sent. */
  readonly raw: number;
  readonly features: readonly (typeof FEATURES)[number][];
}

/** Throws `truncated`, `trailing`. */
export function decodeGlucoseFeature(bytes: Uint8Array): GlucoseFeature {
  const reader = new ByteReader(bytes);
  const raw = reader.u16();
  reader.end();
  return { raw, features: namesOfBits(raw, FEATURES) };
}

/** The reverse of {@link decodeGlucoseFeature}; `raw` is written. */
export function encodeGlucoseFeature({ raw }: Pick<GlucoseFeature, 'raw'>): Uint8Array {
  return new ByteWriter().u16(raw).take();
}
