/**
 * Pulse Oximeter service (PLXS): PLX Continuous Measurement 2A5F, PLX Spot-Check Measurement 2A5E, PLX Features 2A60.
 * The flags of 2A5F and 2A5E are numbered differently.
 */
import { ByteReader } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { bitsOfNames, hasBit, namesOfBits } from './bits.ts';
import { DATE_TIME_OCTETS, type DateTime, readDateTime, writeDateTime } from './date-time.ts';
import { readSfloat, writeSfloat } from './sfloat.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

// PLXS Measurement Status: bits 0..4 are reserved.
const MEASUREMENT_STATUS = [
  null,
  null,
  null,
  null,
  null,
  'ongoing',
  'earlyEstimate',
  'validated',
  'fullyQualified',
  'fromStorage',
  'demonstration',
  'testing',
  'calibrationOngoing',
  'unavailable',
  'questionable',
  'invalid',
] as const;

// PLXS Device and Sensor Status: bits 16..23 are reserved.
const SENSOR_STATUS = [
  'extendedDisplayUpdate',
  'equipmentMalfunction',
  'signalProcessingIrregularity',
  'inadequateSignal',
  'poorSignal',
  'lowPerfusion',
  'erraticSignal',
  'nonPulsatile',
  'questionablePulse',
  'signalAnalysisOngoing',
  'sensorInterference',
  'sensorUnconnected',
  'unknownSensor',
  'sensorDisplaced',
  'sensorMalfunctioning',
  'sensorDisconnected',
] as const;

export type PlxMeasurementStatus = NonNullable<(typeof MEASUREMENT_STATUS)[number]>;
export type PlxSensorStatus = (typeof SENSOR_STATUS)[number];

/** Oxygen saturation in % and pulse rate in beats per minute, of one averaging speed. */
export interface SpO2AndPulse {
  readonly spo2: SensorValue;
  readonly pr: SensorValue;
}

interface PlxFields extends SpO2AndPulse, Extensible {
  /** Set bits of Measurement Status; null when not sent. */
  readonly measurementStatus: readonly PlxMeasurementStatus[] | null;
  /** Set bits of Device and Sensor Status; null when not sent. */
  readonly sensorStatus: readonly PlxSensorStatus[] | null;
  /** Pulse amplitude index, %; null when not sent. */
  readonly pai: SensorValue | null;
}

/** 2A5F. It carries no time: the receiver's clock counts. */
export interface PlxContinuousMeasurement extends PlxFields {
  /** Fast averaging; null when not sent. */
  readonly fast: SpO2AndPulse | null;
  /** Slow averaging; null when not sent. */
  readonly slow: SpO2AndPulse | null;
}

/** 2A5E. */
export interface PlxSpotCheckMeasurement extends PlxFields {
  /** The oximeter's wall clock; null when not sent, and when the device says that its clock is not set. */
  readonly timestamp: DateTime | null;
  readonly clockNotSet: boolean;
}

const RESERVED_FLAGS = 0b1110_0000;

function readPair(reader: ByteReader): SpO2AndPulse {
  return { spo2: readSfloat(reader), pr: readSfloat(reader) };
}

function writePair(writer: ByteWriter, { spo2, pr }: SpO2AndPulse): void {
  writeSfloat(writeSfloat(writer, spo2), pr);
}

/** Status, sensor status and PAI follow each other in both layouts; `bit` is the flag of the first. */
function readTail(reader: ByteReader, flags: number, bit: number): Omit<PlxFields, 'spo2' | 'pr'> {
  const measurementStatus = hasBit(flags, bit) ? namesOfBits(reader.u16(), MEASUREMENT_STATUS) : null;
  const sensorStatus = hasBit(flags, bit + 1) ? namesOfBits(reader.u24(), SENSOR_STATUS) : null;
  const pai = hasBit(flags, bit + 2) ? readSfloat(reader) : null;
  return { measurementStatus, sensorStatus, pai, unknownOctets: skipUnknown(reader, flags, RESERVED_FLAGS) };
}

type Tail = Pick<PlxFields, 'measurementStatus' | 'sensorStatus' | 'pai'>;

function tailFlags({ measurementStatus, sensorStatus, pai }: Tail, bit: number): number {
  return ((measurementStatus ? 1 : 0) | (sensorStatus ? 2 : 0) | (pai === null ? 0 : 4)) << bit;
}

function writeTail(writer: ByteWriter, { measurementStatus, sensorStatus, pai }: Tail): Uint8Array {
  if (measurementStatus) writer.u16(bitsOfNames(measurementStatus, MEASUREMENT_STATUS));
  if (sensorStatus) writer.u24(bitsOfNames(sensorStatus, SENSOR_STATUS));
  if (pai !== null) writeSfloat(writer, pai);
  return writer.take();
}

/** Throws `truncated`, `trailing`. */
export function decodePlxContinuousMeasurement(bytes: Uint8Array): PlxContinuousMeasurement {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const normal = readPair(reader);
  const fast = hasBit(flags, 0) ? readPair(reader) : null;
  const slow = hasBit(flags, 1) ? readPair(reader) : null;
  return { ...normal, fast, slow, ...readTail(reader, flags, 2) };
}

/** The reverse of {@link decodePlxContinuousMeasurement}. Throws `range`. */
export function encodePlxContinuousMeasurement(
  measurement: Omit<PlxContinuousMeasurement, 'unknownOctets'>,
): Uint8Array {
  const { fast, slow } = measurement;
  const writer = new ByteWriter().u8((fast ? 1 : 0) | (slow ? 2 : 0) | tailFlags(measurement, 2));
  for (const pair of [measurement, fast, slow]) if (pair) writePair(writer, pair);
  return writeTail(writer, measurement);
}

/** Throws `truncated`, `trailing`, and `range` on an impossible timestamp field. */
export function decodePlxSpotCheckMeasurement(bytes: Uint8Array): PlxSpotCheckMeasurement {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const pair = readPair(reader);
  const clockNotSet = hasBit(flags, 4);
  let timestamp: DateTime | null = null;
  if (hasBit(flags, 0)) {
    // PLXS: a clock that is not set may show anything, so these octets are skipped unseen.
    if (clockNotSet) reader.bytes(DATE_TIME_OCTETS);
    else timestamp = readDateTime(reader);
  }
  return { ...pair, timestamp, clockNotSet, ...readTail(reader, flags, 1) };
}

/** The reverse of {@link decodePlxSpotCheckMeasurement}. Throws `range`. */
export function encodePlxSpotCheckMeasurement(measurement: Omit<PlxSpotCheckMeasurement, 'unknownOctets'>): Uint8Array {
  const { timestamp, clockNotSet } = measurement;
  const writer = new ByteWriter().u8((timestamp ? 1 : 0) | tailFlags(measurement, 1) | (clockNotSet ? 16 : 0));
  writePair(writer, measurement);
  if (timestamp) writeDateTime(writer, timestamp);
  return writeTail(writer, measurement);
}

const FEATURES = [
  'measurementStatus',
  'sensorStatus',
  'storage',
  'timestamp',
  'fast',
  'slow',
  'pai',
  'multipleBonds',
] as const;

/** 2A60. */
export interface PlxFeatures extends Extensible {
  /** All 16 feature bits as sent. */
  readonly raw: number;
  readonly features: readonly (typeof FEATURES)[number][];
  /** Measurement Status bits that the device can set; null when not sent. */
  readonly measurementStatusSupport: readonly PlxMeasurementStatus[] | null;
  /** Device and Sensor Status bits that the device can set; null when not sent. */
  readonly sensorStatusSupport: readonly PlxSensorStatus[] | null;
}

/**
 * Throws `truncated`, `trailing`. Devices are seen that announce the support fields and end after the feature bits: that
 * one short form is accepted, since nothing in it is ambiguous.
 */
export function decodePlxFeatures(bytes: Uint8Array): PlxFeatures {
  const reader = new ByteReader(bytes);
  const raw = reader.u16();
  const features = namesOfBits(raw, FEATURES);
  const short = reader.remaining === 0;
  const measurementStatusSupport = !short && hasBit(raw, 0) ? namesOfBits(reader.u16(), MEASUREMENT_STATUS) : null;
  const sensorStatusSupport = !short && hasBit(raw, 1) ? namesOfBits(reader.u24(), SENSOR_STATUS) : null;
  const unknownOctets = skipUnknown(reader, raw, 0xff00);
  return { raw, features, measurementStatusSupport, sensorStatusSupport, unknownOctets };
}

/** The reverse of {@link decodePlxFeatures}; of the features, `raw` is written. Throws `range`. */
export function encodePlxFeatures(value: Omit<PlxFeatures, 'features' | 'unknownOctets'>): Uint8Array {
  const writer = new ByteWriter().u16(value.raw);
  if (value.measurementStatusSupport) writer.u16(bitsOfNames(value.measurementStatusSupport, MEASUREMENT_STATUS));
  if (value.sensorStatusSupport) writer.u24(bitsOfNames(value.sensorStatusSupport, SENSOR_STATUS));
  return writer.take();
}
