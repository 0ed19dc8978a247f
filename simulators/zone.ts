/** Which offset from UTC a wall clock had: recordings give local time without zone. */
import { Fault } from '../protocol/fault.ts';
import { type Instant, type WallClock, wallClockToInstant } from '../protocol/time.ts';

const DAY_MS = 86_400_000;
const OFFSET = /^([+-])(\d{2}):(\d{2})$/;

/** Minutes east of UTC that a wall clock was set to when it showed this. Throws `malformed` or `range` on no date. */
export type ZoneOffset = (wallClock: WallClock) => number;

/**
 * The zone named `UTC`, an offset such as `+02:00`, or an IANA name such as `Europe/Vienna`. Throws `malformed` on any
 * other name, `range` on an offset that no place has.
 *
 * An hour that daylight saving repeats is taken as its first pass, and an hour that it skips as if the clock had not yet
 * been moved: in both cases the offset from before the change counts, so that a wearable set by hand goes on evenly.
 */
export function resolveZone(zone: string): ZoneOffset {
  if (zone === 'UTC') return () => 0;
  const [, sign, hours, minutes] = OFFSET.exec(zone) ?? [];
  if (sign) {
    const offsetMin = Number(hours) * 60 + Number(minutes);
    const limit = sign === '-' ? 12 * 60 : 14 * 60;
    if (Number(minutes) > 59 || offsetMin > limit) throw new Fault('range', 'no place has this offset from UTC');
    return () => (sign === '-' ? -offsetMin : offsetMin);
  }
  const offsetAt = openZone(zone);
  return (wallClock) => {
    const asUtc = wallClockToInstant(wallClock, 0);
    // No zone is further than 14 hours from UTC, so these two lie on either side of any change near the wall clock.
    const before = offsetAt(asUtc - DAY_MS);
    const after = offsetAt(asUtc + DAY_MS);
    const fits = (offsetMin: number) => offsetAt(asUtc - offsetMin * 60_000) === offsetMin;
    return !fits(before) && fits(after) ? after : before;
  };
}

/** Offset of an IANA zone at an instant, minutes east of UTC; seconds of old local mean times are rounded away. */
function openZone(zone: string): (at: Instant) => number {
  const format = formatFor(zone);
  return (at) => {
    const name = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    // ECMA-402 `longOffset`: GMT, GMT+02:00 or GMT-00:44:30.
    const [, sign, hours, minutes, seconds = '0'] = /^GMT([+-])(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(name) ?? [];
    if (!sign) return 0;
    const offsetMin = Number(hours) * 60 + Number(minutes) + Math.round(Number(seconds) / 60);
    return sign === '-' ? -offsetMin : offsetMin;
  };
}

function formatFor(zone: string): Intl.DateTimeFormat {
  // Intl also takes offsets such as +0200, which this project writes in one form only.
  if (/^[A-Za-z]/.test(zone)) {
    try {
      return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    } catch {
      // reported below
    }
  }
  throw new Fault('malformed', 'not UTC, an offset such as +02:00, or an IANA time zone');
}
