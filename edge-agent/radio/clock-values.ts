/** What the octets of a device's clock show, and the octets that set it. */
import { ByteReader } from '../../protocol/bytes.ts';
import { Fault } from '../../protocol/fault.ts';
import { decodeCurrentTime, encodeCurrentTime } from '../../protocol/gatt/current-time.ts';
import {
  dateTimeToWallClock,
  decodeDateTime,
  encodeDateTime,
  readDateTime,
  wallClockToDateTime,
  writeDateTime,
} from '../../protocol/gatt/date-time.ts';
import { decodeDeviceTime } from '../../protocol/gatt/device-time.ts';
import { decodeCurrentElapsedTime } from '../../protocol/gatt/elapsed-time.ts';
import { ByteWriter } from '../../protocol/gatt/writer.ts';
import { type Instant, instantToWallClock, isZone, type WallClock, wallClockToInstant } from '../../protocol/time.ts';
import type { ClockKind } from './profiles.ts';

/** What a clock shows. */
export interface ShownTime {
  /** Local time of the device. */
  readonly wallClock: WallClock;
  /** Minutes east of UTC, daylight saving included; absent unless the device says so. */
  readonly zoneMin?: number;
}

/** Undefined when the device does not know its date, or the octets do not decode. */
export function decodeClock(kind: keyof typeof DECODERS, octets: Uint8Array): ShownTime | undefined {
  try {
    return DECODERS[kind](octets);
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

/** Octets that set a clock to what is shown at an instant in a zone; undefined for a kind that is not set by a write. */
export function encodeClock(kind: ClockKind, instant: Instant, zoneMin: number): Uint8Array | undefined {
  const wallClock = instantToWallClock(instant, zoneMin);
  switch (kind) {
    case 'current-time': {
      const local = new Date(instant + zoneMin * 60_000);
      return encodeCurrentTime({
        time: wallClockToDateTime(wallClock),
        dayOfWeek: local.getUTCDay() || 7,
        fraction256: Math.floor((local.getUTCMilliseconds() * 256) / 1000),
        adjust: ['externalReference'],
      });
    }
    case 'date-time':
      return encodeDateTime({ time: wallClockToDateTime(wallClock) });
    case 'contour':
      return encodeContourClock(instant, zoneMin);
    case 'care-sens':
      return writeDateTime(new ByteWriter().bytes(CARE_SENS_SET), wallClockToDateTime(wallClock)).take();
    default:
      return undefined;
  }
}

type Decoder = (octets: Uint8Array) => ShownTime | undefined;

const DECODERS: Readonly<Record<Exclude<ClockKind, 'care-sens'>, Decoder>> = {
  'current-time': (octets) => shown(dateTimeToWallClock(decodeCurrentTime(octets).time)),
  'date-time': (octets) => shown(dateTimeToWallClock(decodeDateTime(octets).time)),
  'device-time': decodeDeviceClock,
  'elapsed-time': decodeElapsedClock,
  contour: decodeContourClock,
};

function shown(wallClock: WallClock | undefined, zoneMin?: number): ShownTime | undefined {
  if (wallClock === undefined || wallClock.startsWith('+')) return undefined;
  return { wallClock, ...(zoneMin !== undefined && isZone(zoneMin) && { zoneMin }) };
}

/** DTS: what the user sees is the base time plus zone and daylight saving; only an aligned base time is UTC. */
function decodeDeviceClock(octets: Uint8Array): ShownTime | undefined {
  const { baseTime, epoch, tzMin, dstMin, status } = decodeDeviceTime(octets);
  if (status.includes('timeFault')) return undefined;
  const zoneMin = (tzMin ?? 0) + (dstMin ?? 0);
  const base = Date.UTC(epoch, 0, 1) + baseTime * 1000;
  const isKnown = tzMin !== null && dstMin !== null && status.includes('utcAligned');
  return shown(instantToWallClock(base, zoneMin), isKnown ? zoneMin : undefined);
}

/** ETS: UTC, or local time whose offset may be told; a counter of ticks shows no date. */
function decodeElapsedClock(octets: Uint8Array): ShownTime | undefined {
  const { value, tick, utc, resolutionS, tzUsed, offset15, needsSet } = decodeCurrentElapsedTime(octets);
  if (tick || needsSet) return undefined;
  const zoneMin = tzUsed ? offset15 * 15 : utc ? 0 : undefined;
  // Far beyond any date: what Date cannot show is no time of day.
  const sinceMs = Math.floor(value * 1000 * 10 ** resolutionS.exponent);
  const instant = Date.UTC(2000, 0, 1) + sinceMs;
  if (instant > Date.UTC(9999, 0, 1)) return undefined;
  return shown(instantToWallClock(instant, utc ? (zoneMin ?? 0) : 0), zoneMin);
}

/** Operation, operator, operand, reserved; then the local date and time. As hosts of several makers write it. */
const CARE_SENS_SET = Uint8Array.of(0xc0, 0x03, 0x01, 0x00);

/** 01, then date and time in UTC, then the minutes of the zone, two octets. */
const CONTOUR_SET = 1;

function decodeContourClock(octets: Uint8Array): ShownTime | undefined {
  const reader = new ByteReader(octets);
  if (reader.u8() !== CONTOUR_SET) return undefined;
  const utc = dateTimeToWallClock(readDateTime(reader));
  const zoneMin = reader.s16();
  reader.end();
  if (utc === undefined || !isZone(zoneMin)) return undefined;
  return shown(instantToWallClock(wallClockToInstant(utc, 0), zoneMin), zoneMin);
}

function encodeContourClock(instant: Instant, zoneMin: number): Uint8Array {
  const writer = new ByteWriter().u8(CONTOUR_SET);
  return writeDateTime(writer, wallClockToDateTime(instantToWallClock(instant, 0)))
    .s16(zoneMin)
    .take();
}
