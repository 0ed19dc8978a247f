/** Ages and instants in words. */
import type { Instant } from '../../protocol/time.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;

/** A length of time in its largest fitting unit, rounded down: "12 s", "3 min", "5 h", "12 days", "2 years". */
export function durationText(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h`;
  if (ms < 2 * YEAR) return `${Math.floor(ms / DAY)} days`;
  return `${Math.floor(ms / YEAR)} years`;
}

/** How long ago; a clock that runs ahead by more than a minute is told and not hidden. */
export function ageText(at: Instant, now: Instant): string {
  const age = now - at;
  if (age < -MINUTE) return `dated ${durationText(-age)} ahead`;
  return age < 2 * SECOND ? 'just now' : `${durationText(age)} ago`;
}

export interface Place {
  readonly locale?: string;
  readonly timeZone?: string;
}

/** "today, 14:02" or "23 Nov 2025, 14:02", in the reader's zone. */
export function instantText(at: Instant, now: Instant, { locale = 'en-GB', timeZone }: Place = {}): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric', ...zone });
  const time = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', ...zone });
  const date = day.format(at);
  return `${date === day.format(now) ? 'today' : date}, ${time.format(at)}`;
}
