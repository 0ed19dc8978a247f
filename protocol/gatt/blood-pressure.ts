/**
 * Blood Pressure service (BLS): Blood Pressure Measurement 2A35, Intermediate Cuff Pressure 2A36, Blood Pressure Feature
 * 2A49. 2A35 and 2A36 share one layout; 2A36 uses the first pressure only.
 */
import { ByteReader } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { hasBit, namesOfBits } from './bits.ts';
import { type DateTime, readDateTime, writeDateTime } from './date-time.ts';
import { readSfloat, writeSfloat } from './sfloat.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

/** Measurement Status. A bit says something only if Blood Pressure Feature says that the cuff can detect it. */
export interface BloodPressureStatus {
  /** All 16 bits as sent; the other fields are derived from it. */
  readonly raw: number;
  readonly bodyMovement: boolean;
  readonly cuffTooLoose: boolean;
  readonly irregularPulse: boolean;
  /** Pulse against the range that the cuff can measure. */
  readonly pulseRateRange: 'in' | 'above' | 'below' | 'reserved';
  readonly improperPosition: boolean;
}

interface CuffFields extends Extensible {
  readonly unit: 'mmHg' | 'kPa';
  /** The cuff's wall clock; null when not sent. */
  readonly timestamp: DateTime | null;
  /** Beats per minute; null when not sent. */
  readonly pulseRate: SensorValue | null;
  /** Which of the cuff's users; 255 = unknown; null when not sent. */
  readonly userId: number | null;
  /** null when not sent. */
  readonly status: BloodPressureStatus | null;
}

/** 2A35. Any of the numbers may be special: cuffs report a failed measurement as NaN throughout. */
export interface BloodPressureMeasurement extends CuffFields {
  readonly systolic: SensorValue;
  readonly diastolic: SensorValue;
  /** Mean arterial pressure. */
  readonly map: SensorValue;
}

/** 2A36: the pressure while the cuff is still measuring; for display, not a reading. */
export interface IntermediateCuffPressure extends CuffFields {
  readonly cuffPressure: SensorValue;
}

const RESERVED_FLAGS = 0b1110_0000;
const PULSE_RANGES = ['in', 'above', 'below', 'reserved'] as const;

/** The fields of a Measurement Status word (BLS Blood Pressure Measurement). */
export function parseBloodPressureStatus(raw: number): BloodPressureStatus {
  return {
    raw,
    bodyMovement: hasBit(raw, 0),
    cuffTooLoose: hasBit(raw, 1),
    irregularPulse: hasBit(raw, 2),
    pulseRateRange: PULSE_RANGES[(raw >>> 3) & 3]!,
    improperPosition: hasBit(raw, 5),
  };
}

function readCuff(bytes: Uint8Array): [pressures: [SensorValue, SensorValue, SensorValue], fields: CuffFields] {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const unit = hasBit(flags, 0) ? 'kPa' : 'mmHg';
  const first = readSfloat(reader);
  const second = readSfloat(reader);
  const third = readSfloat(reader);
  const timestamp = hasBit(flags, 1) ? readDateTime(reader) : null;
  const pulseRate = hasBit(flags, 2) ? readSfloat(reader) : null;
  const userId = hasBit(flags, 3) ? reader.u8() : null;
  const status = hasBit(flags, 4) ? parseBloodPressureStatus(reader.u16()) : null;
  const unknownOctets = skipUnknown(reader, flags, RESERVED_FLAGS);
  return [[first, second, third], { unit, timestamp, pulseRate, userId, status, unknownOctets }];
}

function writeCuff(pressures: readonly SensorValue[], fields: Omit<CuffFields, 'unknownOctets'>): Uint8Array {
  const { unit, timestamp, pulseRate, userId, status } = fields;
  const writer = new ByteWriter();
  const optional = [timestamp, pulseRate, userId, status];
  const present = optional.reduce<number>((bits, field, i) => (field === null ? bits : bits | (2 << i)), 0);
  writer.u8((unit === 'kPa' ? 1 : 0) | present);
  for (const pressure of pressures) writeSfloat(writer, pressure);
  if (timestamp !== null) writeDateTime(writer, timestamp);
  if (pulseRate !== null) writeSfloat(writer, pulseRate);
  if (userId !== null) writer.u8(userId);
  if (status !== null) writer.u16(status.raw);
  return writer.take();
}

/** Throws `truncated`, `trailing`, and `range` on an impossible timestamp field. */
export function decodeBloodPressureMeasurement(bytes: Uint8Array): BloodPressureMeasurement {
  const [[systolic, diastolic, map], fields] = readCuff(bytes);
  return { systolic, diastolic, map, ...fields };
}

/** The reverse of {@link decodeBloodPressureMeasurement}; of the status, `raw` is written. Throws `range`. */
export function encodeBloodPressureMeasurement(
  measurement: Omit<BloodPressureMeasurement, 'unknownOctets'>,
): Uint8Array {
  return writeCuff([measurement.systolic, measurement.diastolic, measurement.map], measurement);
}

/** The second and third pressure are unused and not looked at. Throws `truncated`, `trailing`, `range`. */
export function decodeIntermediateCuffPressure(bytes: Uint8Array): IntermediateCuffPressure {
  const [[cuffPressure], fields] = readCuff(bytes);
  return { cuffPressure, ...fields };
}

/** The reverse of {@link decodeIntermediateCuffPressure}; the unused pressures are NaN (GSS). Throws `range`. */
export function encodeIntermediateCuffPressure(
  measurement: Omit<IntermediateCuffPressure, 'unknownOctets'>,
): Uint8Array {
  return writeCuff([measurement.cuffPressure, 'NaN', 'NaN'], measurement);
}

const FEATURES = [
  'bodyMovement',
  'cuffFit',
  'irregularPulse',
  'pulseRateRange',
  'position',
  'multipleBonds',
  'e2eCrc',
  'userData',
  'userFacingTime',
] as const;

/** 2A49: what the cuff can detect. */
export interface BloodPressureFeature {
  /** All 16 bits as sent. */
  readonly raw: number;
  readonly features: readonly (typeof FEATURES)[number][];
}

/** Throws `truncated`, `trailing`. */
export function decodeBloodPressureFeature(bytes: Uint8Array): BloodPressureFeature {
  const reader = new ByteReader(bytes);
  const raw = reader.u16();
  reader.end();
  return { raw, features: namesOfBits(raw, FEATURES) };
}

/** The reverse of {@link decodeBloodPressureFeature}; `raw` is written. */
export function encodeBloodPressureFeature({ raw }: Pick<BloodPressureFeature, 'raw'>): Uint8Array {
  return new ByteWriter().u16(raw).take();
}
