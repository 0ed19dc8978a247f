/** Running Speed and Cadence service (RSCS) 2A53, Cycling Speed and Cadence service (CSCS) 2A5B. */
import { ByteReader } from '../bytes.ts';
import type { Decimal } from '../decimal.ts';
import { Fault } from '../fault.ts';
import { hasBit } from './bits.ts';
import { readScaledU16, type Scale, scaled, unscaled, writeScaledU16 } from './fixed-point.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

/** 1/256 m/s, as an exact decimal. */
const SPEED: Scale = { step: 390_625, exponent: -8 };
const STRIDE: Scale = { step: 1, exponent: -2 };
const DISTANCE: Scale = { step: 1, exponent: -1 };

/** 2A53. */
export interface RscMeasurement extends Extensible {
  /** Instantaneous speed, m/s, in steps of 1/256. */
  readonly speedMps: Decimal;
  /** Steps per minute of one foot. */
  readonly cadence: number;
  /** m; null when not sent. */
  readonly strideM: Decimal | null;
  /** Total distance, m; null when not sent. */
  readonly distanceM: Decimal | null;
  /** Running, otherwise walking (or the sensor cannot tell). */
  readonly running: boolean;
}

const RSC_RESERVED_FLAGS = 0b1111_1000;

/** Throws `truncated`, `trailing`. */
export function decodeRscMeasurement(bytes: Uint8Array): RscMeasurement {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const speedMps = readScaledU16(reader, SPEED);
  const cadence = reader.u8();
  const strideM = hasBit(flags, 0) ? readScaledU16(reader, STRIDE) : null;
  const distanceM = hasBit(flags, 1) ? scaled(reader.u32(), DISTANCE) : null;
  const unknownOctets = skipUnknown(reader, flags, RSC_RESERVED_FLAGS);
  return { speedMps, cadence, strideM, distanceM, running: hasBit(flags, 2), unknownOctets };
}

/** The reverse of {@link decodeRscMeasurement}. Throws `range`. */
export function encodeRscMeasurement(measurement: Omit<RscMeasurement, 'unknownOctets'>): Uint8Array {
  const { speedMps, cadence, strideM, distanceM, running } = measurement;
  const writer = new ByteWriter().u8((strideM ? 1 : 0) | (distanceM ? 2 : 0) | (running ? 4 : 0));
  writeScaledU16(writer, speedMps, SPEED).u8(cadence);
  if (strideM) writeScaledU16(writer, strideM, STRIDE);
  if (distanceM) writer.u32(unscaled(distanceM, DISTANCE));
  return writer.take();
}

/** 2A5B: counters and when they last changed. Those of a wheel or crank that was not sent are null. */
export interface CscMeasurement extends Extensible {
  /** Revolutions since some beginning; may go down. */
  readonly wheelRevs: number | null;
  /** Time of the last revolution, 1/1024 s, modulo 64 s. */
  readonly wheelTime1024: number | null;
  /** Revolutions modulo 65536. */
  readonly crankRevs: number | null;
  /** Time of the last revolution, 1/1024 s, modulo 64 s. */
  readonly crankTime1024: number | null;
}

const CSC_RESERVED_FLAGS = 0b1111_1100;

/** Throws `truncated`, `trailing`. */
export function decodeCscMeasurement(bytes: Uint8Array): CscMeasurement {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const wheelRevs = hasBit(flags, 0) ? reader.u32() : null;
  const wheelTime1024 = hasBit(flags, 0) ? reader.u16() : null;
  const crankRevs = hasBit(flags, 1) ? reader.u16() : null;
  const crankTime1024 = hasBit(flags, 1) ? reader.u16() : null;
  const unknownOctets = skipUnknown(reader, flags, CSC_RESERVED_FLAGS);
  return { wheelRevs, wheelTime1024, crankRevs, crankTime1024, unknownOctets };
}

/** The reverse of {@link decodeCscMeasurement}. Throws `range`, also on a counter without its time. */
export function encodeCscMeasurement(measurement: Omit<CscMeasurement, 'unknownOctets'>): Uint8Array {
  const { wheelRevs, wheelTime1024, crankRevs, crankTime1024 } = measurement;
  if ((wheelRevs === null) !== (wheelTime1024 === null) || (crankRevs === null) !== (crankTime1024 === null)) {
    throw new Fault('range', 'a counter and its time are sent together');
  }
  const writer = new ByteWriter().u8((wheelRevs === null ? 0 : 1) | (crankRevs === null ? 0 : 2));
  if (wheelRevs !== null && wheelTime1024 !== null) writer.u32(wheelRevs).u16(wheelTime1024);
  if (crankRevs !== null && crankTime1024 !== null) writer.u16(crankRevs).u16(crankTime1024);
  return writer.take();
}
