/**
 * Health Thermometer service (HTS): Temperature Measurement 2A1C, Intermediate Temperature 2A1E (same layout),
 * Temperature Type 2A1D and Measurement Interval 2A21.
 */
import { ByteReader } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { Fault } from '../fault.ts';
import { hasBit } from './bits.ts';
import { type DateTime, readDateTime, writeDateTime } from './date-time.ts';
import { readFloat, writeFloat } from './sfloat.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

/** 2A1D in the order of its codes; 0 and 10 up are reserved. */
const TYPES = [
  'reserved',
  'armpit',
  'body',
  'ear',
  'finger',
  'gastrointestinal',
  'mouth',
  'rectum',
  'toe',
  'tympanum',
] as const;

/** Where the temperature was taken. */
export type TemperatureType = (typeof TYPES)[number];

/** 2A1C and 2A1E. */
export interface TemperatureMeasurement extends Extensible {
  readonly value: SensorValue;
  /** Degrees Celsius or Fahrenheit. */
  readonly unit: 'C' | 'F';
  /** The thermometer's wall clock; null when not sent. */
  readonly timestamp: DateTime | null;
  /** null when not sent: then Temperature Type 2A1D, where the device has it, applies. */
  readonly type: TemperatureType | null;
}

const RESERVED_FLAGS = 0b1111_1000;

/** Throws `truncated`, `trailing`, `range`. A reserved type does not cost the measurement: it reads as `reserved`. */
export function decodeTemperatureMeasurement(bytes: Uint8Array): TemperatureMeasurement {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const unit = hasBit(flags, 0) ? 'F' : 'C';
  const value = readFloat(reader);
  const timestamp = hasBit(flags, 1) ? readDateTime(reader) : null;
  const type = hasBit(flags, 2) ? (TYPES[reader.u8()] ?? 'reserved') : null;
  const unknownOctets = skipUnknown(reader, flags, RESERVED_FLAGS);
  return { value, unit, timestamp, type, unknownOctets };
}

/** The reverse of {@link decodeTemperatureMeasurement}. Throws `range`. */
export function encodeTemperatureMeasurement(measurement: Omit<TemperatureMeasurement, 'unknownOctets'>): Uint8Array {
  const { value, unit, timestamp, type } = measurement;
  const writer = new ByteWriter();
  writer.u8((unit === 'F' ? 1 : 0) | (timestamp === null ? 0 : 2) | (type === null ? 0 : 4));
  writeFloat(writer, value);
  if (timestamp !== null) writeDateTime(writer, timestamp);
  if (type !== null) writer.u8(TYPES.indexOf(type));
  return writer.take();
}

/** 2A1D: where this thermometer always measures. */
export interface TemperatureTypeValue {
  readonly type: Exclude<TemperatureType, 'reserved'>;
}

/** Throws `truncated`, `trailing`, and `range` on a reserved code. */
export function decodeTemperatureType(bytes: Uint8Array): TemperatureTypeValue {
  const reader = new ByteReader(bytes);
  const type = TYPES[reader.u8()] ?? 'reserved';
  reader.end();
  if (type === 'reserved') throw new Fault('range', 'reserved temperature type');
  return { type };
}

/** The reverse of {@link decodeTemperatureType}. */
export function encodeTemperatureType({ type }: TemperatureTypeValue): Uint8Array {
  return Uint8Array.of(TYPES.indexOf(type));
}

/** 2A21: time between two measurements. */
export interface MeasurementInterval {
  /** Seconds; 0 = the thermometer does not measure by itself. */
  readonly intervalS: number;
}

/** Throws `truncated`, `trailing`. */
export function decodeMeasurementInterval(bytes: Uint8Array): MeasurementInterval {
  const reader = new ByteReader(bytes);
  const intervalS = reader.u16();
  reader.end();
  return { intervalS };
}

/** The reverse of {@link decodeMeasurementInterval}. Throws `range`. */
export function encodeMeasurementInterval({ intervalS }: MeasurementInterval): Uint8Array {
  return new ByteWriter().u16(intervalS).take();
}
