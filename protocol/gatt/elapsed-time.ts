/** Elapsed Time service (ETS): Current Elapsed Time 2BF2, whose first nine octets also stamp GHS observations. */
import { ByteReader } from '../bytes.ts';
import type { Decimal } from '../decimal.ts';
import { Fault } from '../fault.ts';
import type { Instant } from '../time.ts';
import { hasBit } from './bits.ts';
import { codeOfName, type NameOf, nameOfCode } from './codes.ts';
import { ByteWriter } from './writer.ts';

// GSS Elapsed Time, Time Sync Source Type.
const SOURCES = {
  0: 'unknown',
  1: 'ntp',
  2: 'gps',
  3: 'radio',
  4: 'manual',
  5: 'atomic',
  6: 'cellular',
  7: 'notSynchronized',
} as const;

// Flags bits 2..3: 1 s, 100 ms, 1 ms, 100 us.
const RESOLUTIONS = [0, -1, -3, -4] as const;

/** 2000-01-01T00:00:00Z, from which a time of day is counted. */
const EPOCH: Instant = 946_684_800_000;
/** 10000-01-01T00:00:00Z, which no record of ours reaches. */
const END_OF_TIME: Instant = 253_402_300_800_000;

/** A time stamp: a date and time, or a counter of ticks since nobody knows when. */
export interface ElapsedTime {
  /** In steps of `resolutionS`; for a time of day since 2000-01-01T00:00:00. */
  readonly value: number;
  /** A counter, no time of day. */
  readonly tick: boolean;
  /** UTC, otherwise local time; means nothing for a counter. */
  readonly utc: boolean;
  readonly resolutionS: Decimal;
  /** Whether `offset15` is set. */
  readonly tzUsed: boolean;
  /** Taken since the clock was last set or reset, so it can be compared with what the clock shows now. */
  readonly currentTimeline: boolean;
  readonly source: NameOf<typeof SOURCES> | 'reserved';
  /** Local time minus UTC, daylight saving included, in 15 minutes. */
  readonly offset15: number;
}

/** Next nine octets. Throws `truncated`. */
export function readElapsedTime(reader: ByteReader): ElapsedTime {
  const flags = reader.u8();
  return {
    value: reader.uint(6),
    tick: hasBit(flags, 0),
    utc: hasBit(flags, 1),
    resolutionS: { mantissa: 1, exponent: RESOLUTIONS[((flags >>> 2) & 3) as 0] },
    tzUsed: hasBit(flags, 4),
    currentTimeline: hasBit(flags, 5),
    source: nameOfCode(SOURCES, reader.u8()),
    offset15: reader.s8(),
  };
}

/** Appends nine octets. Throws `range`, also on a reserved source. */
export function writeElapsedTime(writer: ByteWriter, time: ElapsedTime): ByteWriter {
  const resolution = (RESOLUTIONS as readonly number[]).indexOf(time.resolutionS.exponent);
  if (resolution < 0 || time.resolutionS.mantissa !== 1) throw new Fault('range', 'no such resolution');
  const kind = (time.tick ? 1 : 0) | (time.utc ? 2 : 0) | (resolution << 2);
  writer.u8(kind | (time.tzUsed ? 16 : 0) | (time.currentTimeline ? 32 : 0)).uint(6, time.value);
  return writer.u8(codeOfName(SOURCES, time.source)).s8(time.offset15);
}

/** Instant of a time stamp; undefined for a counter, for local time without its offset, and beyond the year 9999. */
export function elapsedTimeInstant(time: ElapsedTime): Instant | undefined {
  if (time.tick || (!time.utc && !time.tzUsed)) return undefined;
  const { exponent } = time.resolutionS;
  // Steps shorter than a millisecond are cut off, not rounded: an instant never lies after its time stamp.
  const sinceMs = exponent < -3 ? Math.floor(time.value / 10) : time.value * 10 ** (3 + exponent);
  const at = EPOCH + sinceMs - (time.utc ? 0 : time.offset15 * 15 * 60_000);
  return at < END_OF_TIME ? at : undefined;
}

/** 2BF2. The last three are null in what a client writes to set the clock. */
export interface CurrentElapsedTime extends ElapsedTime {
  /** The clock was never set, or lost its time. */
  readonly needsSet: boolean | null;
  /** The device changes to daylight saving by itself. */
  readonly appliesDst: boolean | null;
  /** The device changes its time zone by itself. */
  readonly managesTz: boolean | null;
}

/** Eleven octets as read and indicated, nine as written. Throws `truncated`, `trailing`. */
export function decodeCurrentElapsedTime(bytes: Uint8Array): CurrentElapsedTime {
  const reader = new ByteReader(bytes);
  const time = readElapsedTime(reader);
  if (reader.remaining === 0) return { ...time, needsSet: null, appliesDst: null, managesTz: null };
  const needsSet = hasBit(reader.u8(), 0);
  const capabilities = reader.u8();
  reader.end();
  return { ...time, needsSet, appliesDst: hasBit(capabilities, 0), managesTz: hasBit(capabilities, 1) };
}

/** The reverse of {@link decodeCurrentElapsedTime}. Throws `range`. */
export function encodeCurrentElapsedTime(value: CurrentElapsedTime): Uint8Array {
  const writer = writeElapsedTime(new ByteWriter(), value);
  if (value.needsSet === null) return writer.take();
  return writer
    .u8(value.needsSet ? 1 : 0)
    .u8((value.appliesDst ? 1 : 0) | (value.managesTz ? 2 : 0))
    .take();
}
