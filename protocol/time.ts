/**
 * Instants and wall clocks. An instant is milliseconds since 1970-01-01T00:00:00Z (an integer). A wall clock is what a
 * device shows: a date and time without zone. Pure: nothing here asks what time it is.
 */
import { Fault } from './fault.ts';

/** Milliseconds since the Unix epoch. */
export type Instant = number;

/** Reads the current instant; passed in from `main`, never global. */
export type Clock = () => Instant;

/** Date and time as a device shows it, without zone or daylight saving: `YYYY-MM-DDThh:mm:ss`. */
export type WallClock = string;

/** True for minutes east of UTC that some place has: -12:00 to +14:00, whole minutes. */
export function isZone(offsetMin: number): boolean {
  return Number.isInteger(offsetMin) && offsetMin >= -12 * 60 && offsetMin <= 14 * 60;
}

const WALL_CLOCK = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})$/;

/** Instant at which a wall clock `offsetMin` minutes east of UTC shows `wallClock`. Throws `range` on an impossible date. */
export function wallClockToInstant(wallClock: WallClock, offsetMin: number): Instant {
  const fields = WALL_CLOCK.exec(wallClock)?.slice(1).map(Number);
  if (!fields) throw new Fault('malformed', 'not YYYY-MM-DDThh:mm:ss');
  const [year, month, day, hour, minute, second] = fields as [number, number, number, number, number, number];
  const utc = Date.UTC(year, month - 1, day, hour, minute, second);
  if (instantToWallClock(utc, 0) !== wallClock) throw new Fault('range', 'no such date or time');
  return utc - offsetMin * 60_000;
}

/** What a wall clock `offsetMin` minutes east of UTC shows at an instant, to the second. */
export function instantToWallClock(instant: Instant, offsetMin: number): WallClock {
  return new Date(instant + offsetMin * 60_000).toISOString().slice(0, 19);
}

/** RFC 3339 / FHIR instant: with offset, seconds, and milliseconds only where they are not zero. */
export function formatInstant(instant: Instant, offsetMin = 0): string {
  const iso = new Date(instant + offsetMin * 60_000).toISOString();
  const time = iso.endsWith('.000Z') ? iso.slice(0, 19) : iso.slice(0, 23);
  if (offsetMin === 0) return `${time}Z`;
  const minutes = Math.abs(offsetMin);
  const hh = String(Math.trunc(minutes / 60)).padStart(2, '0');
  const mm = String(minutes % 60).padStart(2, '0');
  return `${time}${offsetMin < 0 ? '-' : '+'}${hh}:${mm}`;
}
