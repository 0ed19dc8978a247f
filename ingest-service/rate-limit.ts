/** How often one person may ask for something that costs others: a gateway's time, a command on the air. */
import { Fault } from '../protocol/fault.ts';
import type { Clock, Instant } from '../protocol/time.ts';

const MINUTE_MS = 60_000;

/** Counts one more; throws `unavailable` when it is more than `perMinute` in the last minute. */
export function createRateLimit(clock: Clock, perMinute: number): (who: string) => void {
  const asked = new Map<string, Instant[]>();
  return (who) => {
    const now = clock();
    const recent = (asked.get(who) ?? []).filter((at) => now - at < MINUTE_MS);
    if (recent.length >= perMinute) throw new Fault('unavailable', 'too often; try again in a minute', 'later');
    asked.set(who, [...recent, now]);
    for (const [other, times] of asked) if (now - times.at(-1)! >= MINUTE_MS) asked.delete(other);
  };
}
