/** Minutes east of UTC at an instant, for devices whose clock has no zone. */
import type { Instant } from '../protocol/time.ts';

const SLOT_MS = 15 * 60_000; // no zone changes its offset within a quarter of an hour of UTC

/** Offsets of an IANA zone such as `Europe/Vienna`, or of the machine's own. Throws RangeError for an unknown zone. */
export function createZone(name: string | undefined): (instant: Instant) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  let slot = Number.NaN;
  let minutes = 0;
  return (instant) => {
    const asked = Math.floor(instant / SLOT_MS);
    if (asked !== slot) {
      minutes = readOffset(format, asked * SLOT_MS);
      slot = asked;
    }
    return minutes;
  };
}

function readOffset(format: Intl.DateTimeFormat, instant: Instant): number {
  const text = format.formatToParts(instant).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
  const match = /^GMT(?:([+-])(\d{2}):(\d{2}))?/.exec(text);
  if (!match?.[1]) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return match[1] === '-' ? -minutes : minutes;
}
