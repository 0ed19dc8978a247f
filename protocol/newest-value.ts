/** Which reading of one vital sign and device is shown as its newest: the record and the pages decide it alike. */
import type { QualityFlag } from './gatt/quality.ts';
import { CLOCK_TOLERANCE_MS } from './measured-time.ts';
import type { Instant } from './time.ts';

const DOUBTFUL: readonly QualityFlag[] = ['clock-ahead', 'clock-not-set', 'time-unknown'];
const NO_RESULT: readonly QualityFlag[] = ['demonstration', 'test'];

/** What the decision rests on. */
export interface Newness {
  readonly flags: readonly string[];
  readonly measuredAt: Instant;
  readonly heardAt: Instant;
}

/**
 * False where the time is that of arrival for want of a better one, so that the value may be of any age. A sensor that
 * counts from the start of its session has a better one, also while it says that its clock is not set. An agent may sign a
 * time after the arrival, which would be the newest for as long as nothing is newer.
 */
export function isTimeKnown({ flags, measuredAt, heardAt }: Newness): boolean {
  if (measuredAt > heardAt + CLOCK_TOLERANCE_MS) return false;
  return measuredAt !== heardAt || !DOUBTFUL.some((flag) => flags.includes(flag));
}

/** False for what a device calls a demonstration or a test of itself: it is kept, and is never a value of the patient. */
export function isResult(flags: readonly string[]): boolean {
  return !NO_RESULT.some((flag) => flags.includes(flag));
}

/** True when `next` takes the place of `shown`: what may be old never takes that of a value whose time is known. */
export function takesPlaceOf(next: Newness, shown: Newness): boolean {
  const isKnown = isTimeKnown(next);
  if (isKnown !== isTimeKnown(shown)) return isKnown;
  return next.measuredAt >= shown.measuredAt;
}
