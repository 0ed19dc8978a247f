/** Continuous Glucose Monitoring service (CGMS): Feature 2AA8, Session Start Time 2AAA, Session Run Time 2AAB. */
import { ByteReader } from '../bytes.ts';
import { instantToWallClock, type WallClock, wallClockToInstant } from '../time.ts';
import { bitsOfNames, hasBit, namesOfBits } from './bits.ts';
import { appendCrc, type CheckedCrc, type CrcToWrite, crc16, readOptionalCrc } from './crc16.ts';
import {
  type DateTime,
  dateTimeToWallClock,
  readDateTime,
  readDstOffset,
  readTimeZone,
  writeDateTime,
  writeDstOffset,
  writeTimeZone,
} from './date-time.ts';
import { type GlucoseSample, readSample, writeSample } from './glucose-sample.ts';
import { ByteWriter } from './writer.ts';

// CGMS CGM Feature: 24 bits, 17 up are reserved.
const FEATURES = [
  'calibration',
  'patientHighLow',
  'hypo',
  'hyper',
  'rate',
  'deviceSpecific',
  'sensorMalfunction',
  'temperature',
  'highLow',
  'lowBattery',
  'sensorTypeError',
  'deviceFault',
  'e2eCrc',
  'multipleBonds',
  'multipleSessions',
  'trend',
  'quality',
] as const;

/** The CRC that a sensor without E2E-CRC puts into 2AA8. */
const NO_CRC = 0xffff;

/** 2AA8: what the sensor can do. */
export interface CgmFeature extends GlucoseSample {
  readonly features: readonly (typeof FEATURES)[number][];
  /** As sent; 65535 where CRCs are not supported. */
  readonly crc: number;
  /** Without E2E-CRC support only 65535 is valid. */
  readonly crcValid: boolean;
}

/** Six octets, always with the CRC field. Throws `truncated`, `trailing`; a wrong CRC is reported in the value. */
export function decodeCgmFeature(bytes: Uint8Array): CgmFeature {
  const reader = new ByteReader(bytes);
  const raw = reader.u24();
  const sample = readSample(reader);
  const crc = reader.u16();
  reader.end();
  const expected = hasBit(raw, 12) ? crc16(bytes.subarray(0, 4)) : NO_CRC;
  return {
    features: namesOfBits(raw, FEATURES),
    ...sample,
    crc,
    crcValid: crc === expected,
  };
}

/** The reverse of {@link decodeCgmFeature}, with the right CRC. Throws `range` on a reserved type or location. */
export function encodeCgmFeature({ features, type, location }: Omit<CgmFeature, 'crc' | 'crcValid'>): Uint8Array {
  const writer = new ByteWriter().u24(bitsOfNames(features, FEATURES));
  writeSample(writer, { type, location });
  return appendCrc(writer.take(), features.includes('e2eCrc') ? 'compute' : NO_CRC);
}

/** 2AAA: when the session began by the sensor's clock. */
export interface CgmSessionStartTime extends CheckedCrc {
  readonly time: DateTime;
  /** Minutes east of UTC without daylight saving; null = unknown. */
  readonly tzMin: number | null;
  /** Minutes of daylight saving; null = unknown. */
  readonly dstMin: number | null;
}

/** Nine octets, or eleven with a CRC. Throws `truncated`, `trailing`, `range`; a wrong CRC is reported in the value. */
export function decodeCgmSessionStartTime(bytes: Uint8Array): CgmSessionStartTime {
  const reader = new ByteReader(bytes);
  const time = readDateTime(reader);
  const tzMin = readTimeZone(reader);
  const dstMin = readDstOffset(reader);
  return { time, tzMin, dstMin, ...readOptionalCrc(reader, bytes) };
}

/** The reverse of {@link decodeCgmSessionStartTime}. Throws `range`. */
export function encodeCgmSessionStartTime(
  value: Omit<CgmSessionStartTime, 'crc' | 'crcValid'> & { readonly crc: CrcToWrite },
): Uint8Array {
  const writer = new ByteWriter();
  writeDateTime(writer, value.time);
  writeTimeZone(writer, value.tzMin);
  writeDstOffset(writer, value.dstMin);
  return appendCrc(writer.take(), value.crc);
}

/**
 * What the sensor's wall clock shows `offsetMin` minutes into the session, or undefined when its start is no full date,
 * its CRC is wrong, or the result lies beyond the year 9999.
 */
export function sessionWallClock(start: CgmSessionStartTime, offsetMin: number): WallClock | undefined {
  const wallClock = start.crcValid === false ? undefined : dateTimeToWallClock(start.time);
  if (wallClock === undefined) return undefined;
  const shown = instantToWallClock(wallClockToInstant(wallClock, 0), offsetMin);
  return shown.startsWith('+') ? undefined : shown;
}

/** 2AAB: how long a session lasts. */
export interface CgmSessionRunTime extends CheckedCrc {
  /** Expected duration of the session, h. */
  readonly hours: number;
}

/** Two octets, or four with a CRC. Throws `truncated`, `trailing`; a wrong CRC is reported in the value. */
export function decodeCgmSessionRunTime(bytes: Uint8Array): CgmSessionRunTime {
  const reader = new ByteReader(bytes);
  const hours = reader.u16();
  return { hours, ...readOptionalCrc(reader, bytes) };
}

/** The reverse of {@link decodeCgmSessionRunTime}. Throws `range`. */
export function encodeCgmSessionRunTime(value: { readonly hours: number; readonly crc: CrcToWrite }): Uint8Array {
  return appendCrc(new ByteWriter().u16(value.hours).take(), value.crc);
}
