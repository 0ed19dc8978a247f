/** Which reading of one vital sign and device is shown as its newest: the record and the pages decide it alike. */
import type { QualityFlag } from './gatt/quality.ts';
import type { Instant } from './time.ts';

const DOUBTFUL: readonly QualityFlag[] = ['clock-ahead', 'clock-not-set', 'time-unknown'];
const NO_RESULT: readonly QualityFlag[] = ['demonstration', 'test'];

/** False where the time is that of arrival, or of a clock that was never set, so that the value may be of any age. */
export function isTimeKnown(flags: readonly string[]): boolean {
  return !DOUBTFUL.some((flag) => flags.includes(flag));
}

/** False for what a device calls a demonstration or a test of itself: it is kept, and is never a value of the patient. */
export function isResult(flags: readonly string[]): boolean {
  return !NO_RESULT.some((flag) => flags.includes(flag));
}

/** What the decision rests on. */
export interface Newness {
  readonly flags: readonly string[];
  readonly measuredAt: Instant;
}

/** True when `next` takes the place of `shown`: what may be old never takes that of a value whose time is known. */
export function takesPlaceOf(next: Newness, shown: Newness): boolean {
  const isKnown = isTimeKnown(next.flags);
  if (isKnown !== isTimeKnown(shown.flags)) return isKnown;
  return next.measuredAt >= shown.measuredAt;
}
