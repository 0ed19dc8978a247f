/**
 * Generic Health Sensor service (GHSS): what a sensor observes and how it is told to. Health Sensor Features 2BF3,
 * Observation Schedule Changed 2BF1, GHS Control Point 2BF4.
 */
import { ByteReader } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { hasBit } from './bits.ts';
import { type NameOf, nameOfCode } from './codes.ts';
import { readCodes, writeCodes } from './ghs-value.ts';
import { readFloat, writeFloat } from './sfloat.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

/** A specialization that a sensor keeps to: the term of its code in partition 8, and which version. */
export interface Specialization {
  readonly term: number;
  readonly version: number;
}

/** 2BF3. */
export interface GhsFeatures extends Extensible {
  /** Codes of what it observes. */
  readonly types: readonly number[];
  /** null when not sent. */
  readonly specializations: readonly Specialization[] | null;
}

const RESERVED_FLAGS = 0b1111_1110;

/** Throws `truncated`, `trailing`. */
export function decodeGhsFeatures(bytes: Uint8Array): GhsFeatures {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const types = readCodes(reader);
  const specializations = hasBit(flags, 0)
    ? Array.from({ length: reader.u8() }, () => ({ term: reader.u16(), version: reader.u8() }))
    : null;
  return { types, specializations, unknownOctets: skipUnknown(reader, flags, RESERVED_FLAGS) };
}

/** The reverse of {@link decodeGhsFeatures}. Throws `range`. */
export function encodeGhsFeatures({ types, specializations }: Omit<GhsFeatures, 'unknownOctets'>): Uint8Array {
  const writer = writeCodes(new ByteWriter().u8(specializations ? 1 : 0), types);
  if (specializations) {
    writer.u8(specializations.length);
    for (const { term, version } of specializations) writer.u16(term).u8(version);
  }
  return writer.take();
}

/** 2BF1: how often a sensor observes one thing. */
export interface ObservationSchedule {
  /** Code of what is observed. */
  readonly type: number;
  /** How long one observation takes, s. */
  readonly measurementPeriodS: SensorValue;
  /** Time from one observation to the next, s. */
  readonly updateIntervalS: SensorValue;
}

/** Throws `truncated`, `trailing`. */
export function decodeObservationSchedule(bytes: Uint8Array): ObservationSchedule {
  const reader = new ByteReader(bytes);
  const type = reader.u32();
  const measurementPeriodS = readFloat(reader);
  const updateIntervalS = readFloat(reader);
  reader.end();
  return { type, measurementPeriodS, updateIntervalS };
}

/** The reverse of {@link decodeObservationSchedule}. Throws `range`. */
export function encodeObservationSchedule(schedule: ObservationSchedule): Uint8Array {
  const writer = new ByteWriter().u32(schedule.type);
  return writeFloat(writeFloat(writer, schedule.measurementPeriodS), schedule.updateIntervalS).take();
}

// GHSS GHS Control Point: what is asked, and from 128 on what is answered.
const PROCEDURES = { 1: 'startLive', 2: 'stopLive', 128: 'success' } as const;

/** 2BF4. */
export interface GhsControlPoint {
  /** All eight bits as sent. */
  readonly raw: number;
  readonly procedure: NameOf<typeof PROCEDURES> | 'reserved';
}

/** One octet. Throws `truncated`, `trailing`. */
export function decodeGhsControlPoint(bytes: Uint8Array): GhsControlPoint {
  const reader = new ByteReader(bytes);
  const raw = reader.u8();
  reader.end();
  return { raw, procedure: nameOfCode(PROCEDURES, raw) };
}

/** The reverse of {@link decodeGhsControlPoint}; `raw` is written. */
export function encodeGhsControlPoint({ raw }: Pick<GhsControlPoint, 'raw'>): Uint8Array {
  return new ByteWriter().u8(raw).take();
}
