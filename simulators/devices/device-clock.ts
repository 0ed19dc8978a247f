/**
 * Clocks of simulated devices: right, drifting, slow, set back, reset to no date, deaf to being set. And how they show
 * and let themselves be set: a Current Time service (CTS), Date Time in a measurement service, or as Contour and CareSens meters do.
 */

import { encodeHex } from '../../protocol/bytes.ts';
import { isFault } from '../../protocol/fault.ts';
import { decodeCurrentTime, encodeCurrentTime } from '../../protocol/gatt/current-time.ts';
import {
  type DateTime,
  dateTimeToWallClock,
  decodeDateTime,
  encodeDateTime,
  wallClockToDateTime,
} from '../../protocol/gatt/date-time.ts';
import { ByteWriter } from '../../protocol/gatt/writer.ts';
import { type Instant, instantToWallClock, type WallClock, wallClockToInstant } from '../../protocol/time.ts';
import type { CharacteristicDeclaration, ServiceDeclaration } from '../hci/gatt-database.ts';

/** ATT error of a Current Time service that ignores a field (CTS). */
export const DATA_FIELD_IGNORED = 0x80;
const DAY_MS = 86_400_000;
/** ATT error for octets that are no time: Value Not Allowed (Core Specification Supplement Part B §1.2). */
const VALUE_NOT_ALLOWED = 0x13;

export interface DeviceClockOptions {
  /** True time. */
  readonly now: () => Instant;
  /** Minutes east of UTC of the local time that it shows. */
  readonly zoneMin?: number;
  /** How much it is ahead of that; negative: behind. */
  readonly aheadMs?: number;
  /** Millionths by which it runs fast. */
  readonly driftPpm?: number;
  /** `refuses`: answers a write with ATT error 0x80. `ignores`: accepts it without effect. */
  readonly whenSet?: 'obeys' | 'refuses' | 'ignores';
}

export interface DeviceClock {
  /** What it shows; null in the date after a factory reset. */
  time(): DateTime;
  /** As a wall clock; undefined while it does not know the date. */
  wallClock(): WallClock | undefined;
  /** What was written to it, in order, whether it obeyed or not. */
  readonly written: readonly WallClock[];
  /** Somebody sets it on the device itself. */
  turn(byMs: number): void;
  setBackADay(): void;
  /** Daylight saving begins or ends, and the device knows. */
  changeZone(zoneMin: number): void;
  /** Year, month and day are unknown from here on. */
  resetToFactory(): void;
  /** A write by the central; an ATT error code refuses it. */
  write(shown: WallClock): number | undefined;
  readonly zoneMin: number;
}

export function createDeviceClock(options: DeviceClockOptions): DeviceClock {
  const { now, driftPpm = 0, whenSet = 'obeys' } = options;
  let { zoneMin = 0, aheadMs = 0 } = options;
  let setAt = now();
  let isReset = false;
  const written: WallClock[] = [];
  /** In UTC. */
  const reads = () => Math.round(now() + aheadMs + ((now() - setAt) * driftPpm) / 1e6);
  return {
    written,
    get zoneMin() {
      return zoneMin;
    },
    time() {
      const [year, month, day, ...clock] = wallClockToDateTime(instantToWallClock(reads(), zoneMin));
      return isReset ? [null, null, null, ...clock] : [year, month, day, ...clock];
    },
    wallClock: () => (isReset ? undefined : instantToWallClock(reads(), zoneMin)),
    turn(byMs) {
      aheadMs += byMs;
    },
    setBackADay() {
      aheadMs -= DAY_MS;
    },
    changeZone(minutes) {
      zoneMin = minutes;
    },
    resetToFactory() {
      isReset = true;
    },
    write(shown) {
      written.push(shown);
      if (whenSet === 'refuses') return DATA_FIELD_IGNORED;
      if (whenSet === 'ignores') return undefined;
      aheadMs = wallClockToInstant(shown, zoneMin) - now();
      setAt = now();
      isReset = false;
      return undefined;
    },
  };
}

/** Current Time service 1805. */
export function declareCurrentTime(clock: DeviceClock): ServiceDeclaration {
  return {
    uuid: 0x1805,
    characteristics: [
      {
        uuid: 0x2a2b,
        properties: ['read', 'write', 'notify'],
        value: () => encodeCurrentTime({ time: clock.time(), dayOfWeek: 0, fraction256: 0, adjust: [] }),
        onWrite: (value) => writeTime(clock, () => dateTimeToWallClock(decodeCurrentTime(value).time)),
      },
    ],
  };
}

/** Date Time 2A08, to be put into a measurement service. */
export function declareDateTime(clock: DeviceClock): CharacteristicDeclaration {
  return {
    uuid: 0x2a08,
    properties: ['read', 'write'],
    value: () => encodeDateTime({ time: clock.time() }),
    onWrite: (value) => writeTime(clock, () => dateTimeToWallClock(decodeDateTime(value).time)),
  };
}

/** The clock of Contour meters: 01, date and time in UTC, minutes of the zone. */
export function declareContourClock(clock: DeviceClock): ServiceDeclaration {
  return {
    uuid: '00000000-0002-11e2-9e96-0800200c9a66',
    characteristics: [
      {
        uuid: '00001026-0002-11e2-9e96-0800200c9a66',
        properties: ['read', 'write'],
        value: () => encodeContour(clock),
        onWrite: (value) => writeTime(clock, () => decodeContour(value)),
      },
    ],
  };
}

const CARE_SENS_SET = 'c0030100';

/** The clock of CareSens meters, which can be written and not read: C0 03 01 00, local date and time. */
export function declareCareSensClock(clock: DeviceClock): ServiceDeclaration {
  return {
    uuid: 'c4dea010-5a9d-11e9-8647-d663bd873d93',
    characteristics: [
      {
        uuid: 'c4dea3bc-5a9d-11e9-8647-d663bd873d93',
        properties: ['write', 'notify'],
        onWrite: (value) =>
          encodeHex(value.subarray(0, 4)) === CARE_SENS_SET
            ? writeTime(clock, () => dateTimeToWallClock(decodeDateTime(value.subarray(4)).time))
            : VALUE_NOT_ALLOWED,
      },
    ],
  };
}

function encodeContour(clock: DeviceClock): Uint8Array {
  const shown = clock.wallClock();
  const utc = shown === undefined ? undefined : instantToWallClock(wallClockToInstant(shown, clock.zoneMin), 0);
  const time = utc === undefined ? clock.time() : wallClockToDateTime(utc);
  return new ByteWriter().u8(1).bytes(encodeDateTime({ time })).s16(clock.zoneMin).take();
}

function decodeContour(value: Uint8Array): WallClock | undefined {
  if (value.length !== 10 || value[0] !== 1) return undefined;
  const utc = dateTimeToWallClock(decodeDateTime(value.subarray(1, 8)).time);
  const zoneMin = new DataView(value.buffer, value.byteOffset).getInt16(8, true);
  return utc === undefined ? undefined : instantToWallClock(wallClockToInstant(utc, 0), zoneMin);
}

function writeTime(clock: DeviceClock, decode: () => WallClock | undefined): number | undefined {
  try {
    const shown = decode();
    return shown === undefined ? VALUE_NOT_ALLOWED : clock.write(shown);
  } catch (error) {
    if (isFault(error)) return VALUE_NOT_ALLOWED;
    throw error;
  }
}
