/**
 * Blood Pressure service (BLS) from 1.1 on: Enhanced Blood Pressure Measurement 2B34 and Enhanced Intermediate Cuff
 * Pressure 2B35. Unlike 2A36, 2B35 sends one pressure only.
 */
import { ByteReader } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { hasBit } from './bits.ts';
import { type BloodPressureStatus, parseBloodPressureStatus } from './blood-pressure.ts';
import { readSfloat, writeSfloat } from './sfloat.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

interface EnhancedCuffFields extends Extensible {
  readonly unit: 'mmHg' | 'kPa';
  /** Both times count seconds from the first of January of this year, 00:00:00. */
  readonly epoch: 1900 | 2000;
  /** UTC; null when not sent. */
  readonly timestampS: number | null;
  /** Beats per minute; null when not sent. */
  readonly pulseRate: SensorValue | null;
  /** Which of the cuff's users; 255 = unknown; null when not sent. */
  readonly userId: number | null;
  /** null when not sent. */
  readonly status: BloodPressureStatus | null;
  /** The time that the cuff shows, local; null when not sent. */
  readonly userFacingTimeS: number | null;
}

/** 2B34. Any of the numbers may be special. */
export interface EnhancedBloodPressureMeasurement extends EnhancedCuffFields {
  readonly systolic: SensorValue;
  readonly diastolic: SensorValue;
  /** Mean arterial pressure. */
  readonly map: SensorValue;
}

/** 2B35: the pressure while the cuff is still measuring; for display, not a reading. */
export interface EnhancedIntermediateCuffPressure extends EnhancedCuffFields {
  readonly cuffPressure: SensorValue;
}

const RESERVED_FLAGS = 0b1000_0000;

function readEnhanced(bytes: Uint8Array, count: number): [pressures: SensorValue[], fields: EnhancedCuffFields] {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const pressures: SensorValue[] = [];
  while (pressures.length < count) pressures.push(readSfloat(reader));
  const fields: EnhancedCuffFields = {
    unit: hasBit(flags, 0) ? 'kPa' : 'mmHg',
    epoch: hasBit(flags, 6) ? 2000 : 1900,
    timestampS: hasBit(flags, 1) ? reader.u32() : null,
    pulseRate: hasBit(flags, 2) ? readSfloat(reader) : null,
    userId: hasBit(flags, 3) ? reader.u8() : null,
    status: hasBit(flags, 4) ? parseBloodPressureStatus(reader.u16()) : null,
    userFacingTimeS: hasBit(flags, 5) ? reader.u32() : null,
    unknownOctets: skipUnknown(reader, flags, RESERVED_FLAGS),
  };
  return [pressures, fields];
}

function writeEnhanced(
  pressures: readonly SensorValue[],
  fields: Omit<EnhancedCuffFields, 'unknownOctets'>,
): Uint8Array {
  const { unit, epoch, timestampS, pulseRate, userId, status, userFacingTimeS } = fields;
  const optional = [timestampS, pulseRate, userId, status, userFacingTimeS];
  const present = optional.reduce<number>((bits, field, i) => (field === null ? bits : bits | (2 << i)), 0);
  const writer = new ByteWriter().u8((unit === 'kPa' ? 1 : 0) | present | (epoch === 2000 ? 64 : 0));
  for (const pressure of pressures) writeSfloat(writer, pressure);
  if (timestampS !== null) writer.u32(timestampS);
  if (pulseRate !== null) writeSfloat(writer, pulseRate);
  if (userId !== null) writer.u8(userId);
  if (status !== null) writer.u16(status.raw);
  if (userFacingTimeS !== null) writer.u32(userFacingTimeS);
  return writer.take();
}

/** Throws `truncated`, `trailing`. */
export function decodeEnhancedBloodPressureMeasurement(bytes: Uint8Array): EnhancedBloodPressureMeasurement {
  const [pressures, fields] = readEnhanced(bytes, 3);
  const [systolic, diastolic, map] = pressures as [SensorValue, SensorValue, SensorValue];
  return { systolic, diastolic, map, ...fields };
}

/** The reverse of {@link decodeEnhancedBloodPressureMeasurement}; of the status, `raw` is written. Throws `range`. */
export function encodeEnhancedBloodPressureMeasurement(
  measurement: Omit<EnhancedBloodPressureMeasurement, 'unknownOctets'>,
): Uint8Array {
  return writeEnhanced([measurement.systolic, measurement.diastolic, measurement.map], measurement);
}

/** Throws `truncated`, `trailing`. */
export function decodeEnhancedIntermediateCuffPressure(bytes: Uint8Array): EnhancedIntermediateCuffPressure {
  const [pressures, fields] = readEnhanced(bytes, 1);
  return { cuffPressure: pressures[0]!, ...fields };
}

/** The reverse of {@link decodeEnhancedIntermediateCuffPressure}; of the status, `raw` is written. Throws `range`. */
export function encodeEnhancedIntermediateCuffPressure(
  measurement: Omit<EnhancedIntermediateCuffPressure, 'unknownOctets'>,
): Uint8Array {
  return writeEnhanced([measurement.cuffPressure], measurement);
}
