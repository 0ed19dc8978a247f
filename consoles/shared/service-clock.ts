/**
 * Now, as the service sees it. Ages and lost contact must not depend on a browser whose clock is wrong, so the `Date` of
 * answers corrects it.
 */
import type { Instant } from '../../protocol/time.ts';

/** `Date` counts whole seconds, and answers take time: a smaller difference is no error of the clock. */
const TOLERANCE_MS = 3000;

let correctionMs = 0;

/** How far a browser's clock is behind, given an answer's `Date` header and when it came; 0 when it says nothing. */
export function clockCorrection(dateHeader: string | null, answeredAt: Instant): number {
  const difference = dateHeader === null ? Number.NaN : Date.parse(dateHeader) - answeredAt;
  return Math.abs(difference) > TOLERANCE_MS ? difference : 0;
}

export function noteServiceDate(dateHeader: string | null): void {
  correctionMs = clockCorrection(dateHeader, Date.now());
}

export function serviceNow(): Instant {
  return Date.now() + correctionMs;
}
