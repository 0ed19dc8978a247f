/**
 * Time as health devices give it: Date Time 2A08, DST Offset 2A0D, Time Zone 2A0E (GSS). A Date Time is the device's own
 * wall clock, without zone; its year, month and day may each be unknown.
 */
import { ByteReader } from '../bytes.ts';
import { Fault, isFault } from '../fault.ts';
import { type WallClock, wallClockToInstant } from '../time.ts';
import { ByteWriter } from './writer.ts';

/** Year 1582..9999, month 1..12, day 1..31 (null = the device does not know), hour, minute, second. */
export type DateTime = readonly [
  year: number | null,
  month: number | null,
  day: number | null,
  hour: number,
  minute: number,
  second: number,
];

/** Octets of a Date Time, alone or inside a measurement. */
export const DATE_TIME_OCTETS = 7;

function isValid([year, month, day, hour, minute, second]: DateTime): boolean {
  return (
    (year === null || (year >= 1582 && year <= 9999)) &&
    (month === null || (month >= 1 && month <= 12)) &&
    (day === null || (day >= 1 && day <= 31)) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59
  );
}

/**
 * Next seven octets. Each field is checked on its own (GSS Date Time), so 31 February is read; it never becomes an
 * instant, see {@link dateTimeToWallClock}. Throws `truncated`, `range`.
 */
export function readDateTime(reader: ByteReader): DateTime {
  const year = reader.u16();
  const [month, day, hour, minute, second] = [reader.u8(), reader.u8(), reader.u8(), reader.u8(), reader.u8()];
  // GSS Date Time: 0 means that the device does not know the year, month or day.
  const time: DateTime = [year || null, month || null, day || null, hour, minute, second];
  if (!isValid(time)) throw new Fault('range', 'date or time field out of range');
  return time;
}

/** Appends seven octets. Throws `range`. */
export function writeDateTime(writer: ByteWriter, time: DateTime): ByteWriter {
  if (!isValid(time)) throw new Fault('range', 'date or time field out of range');
  const [year, month, day, hour, minute, second] = time;
  writer.u16(year ?? 0);
  for (const field of [month ?? 0, day ?? 0, hour, minute, second]) writer.u8(field);
  return writer;
}

/** What the clock shows, or undefined when year, month or day is unknown or there is no such day. */
export function dateTimeToWallClock([year, month, day, ...clock]: DateTime): WallClock | undefined {
  if (year === null || month === null || day === null) return undefined;
  const [mm, dd, hour, minute, second] = [month, day, ...clock].map((field) => String(field).padStart(2, '0'));
  const wallClock = `${year}-${mm}-${dd}T${hour}:${minute}:${second}`;
  try {
    wallClockToInstant(wallClock, 0);
    return wallClock;
  } catch (error) {
    if (isFault(error, 'range')) return undefined;
    throw error;
  }
}

/** The fields of a wall clock. Throws `malformed`, or `range` on an impossible date. */
export function wallClockToDateTime(wallClock: WallClock): DateTime {
  wallClockToInstant(wallClock, 0);
  const [year, month, day, hour, minute, second] = wallClock.split(/[-T:]/).map(Number);
  return [year!, month!, day!, hour!, minute!, second!];
}

/** 2A08. */
export interface DateTimeValue {
  readonly time: DateTime;
}

/**
 * 2A08 alone. Its length is part of its definition: fewer than seven octets are `range` (the fields that are missing
 * have no value in range), more are `trailing`.
 */
export function decodeDateTime(bytes: Uint8Array): DateTimeValue {
  if (bytes.length < DATE_TIME_OCTETS) throw new Fault('range', 'a Date Time has seven octets');
  const reader = new ByteReader(bytes);
  const time = readDateTime(reader);
  reader.end();
  return { time };
}

/** The reverse of {@link decodeDateTime}. Throws `range`. */
export function encodeDateTime({ time }: DateTimeValue): Uint8Array {
  return writeDateTime(new ByteWriter(), time).take();
}

/** 2A0D: minutes that daylight saving adds to standard time; null = unknown. */
export interface DstOffset {
  readonly dstMin: number | null;
}

/** 2A0E: minutes east of UTC without daylight saving, in steps of 15; null = unknown. */
export interface TimeZone {
  readonly tzMin: number | null;
}

/** Next octet as minutes of daylight saving. Throws `range` on a reserved value. */
export function readDstOffset(reader: ByteReader): number | null {
  const raw = reader.u8();
  if (raw === 255) return null;
  // GSS DST Offset: 0, +30, +60, +120 minutes; all else is reserved.
  if (raw !== 0 && raw !== 2 && raw !== 4 && raw !== 8) throw new Fault('range', 'reserved daylight saving offset');
  return raw * 15;
}

/** Next octet as minutes east of UTC. Throws `range` beyond -12:00..+14:00. */
export function readTimeZone(reader: ByteReader): number | null {
  const raw = reader.s8();
  if (raw === -128) return null;
  // GSS Time Zone: steps of 15 minutes, -48..56.
  if (raw < -48 || raw > 56) throw new Fault('range', 'time zone out of range');
  return raw * 15;
}

/** Appends one octet. Throws `range`. */
export function writeDstOffset(writer: ByteWriter, dstMin: number | null): ByteWriter {
  if (dstMin === null) return writer.u8(255);
  if (![0, 30, 60, 120].includes(dstMin)) throw new Fault('range', 'no such daylight saving offset');
  return writer.u8(dstMin / 15);
}

/** Appends one octet. Throws `range`. */
export function writeTimeZone(writer: ByteWriter, tzMin: number | null): ByteWriter {
  if (tzMin === null) return writer.s8(-128);
  if (tzMin % 15 !== 0 || tzMin < -720 || tzMin > 840) throw new Fault('range', 'time zone out of range');
  return writer.s8(tzMin / 15);
}

/** Throws `truncated`, `trailing`, `range`. */
export function decodeDstOffset(bytes: Uint8Array): DstOffset {
  const reader = new ByteReader(bytes);
  const dstMin = readDstOffset(reader);
  reader.end();
  return { dstMin };
}

/** The reverse of {@link decodeDstOffset}. Throws `range`. */
export function encodeDstOffset({ dstMin }: DstOffset): Uint8Array {
  return writeDstOffset(new ByteWriter(), dstMin).take();
}

/** Throws `truncated`, `trailing`, `range`. */
export function decodeTimeZone(bytes: Uint8Array): TimeZone {
  const reader = new ByteReader(bytes);
  const tzMin = readTimeZone(reader);
  reader.end();
  return { tzMin };
}

/** The reverse of {@link decodeTimeZone}. Throws `range`. */
export function encodeTimeZone({ tzMin }: TimeZone): Uint8Array {
  return writeTimeZone(new ByteWriter(), tzMin).take();
}
