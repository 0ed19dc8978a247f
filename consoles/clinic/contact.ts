/** Whether a patient's wearables are still heard. */
import type { Instant } from '../../protocol/time.ts';

/** Silence beyond this is lost contact. Real time, by when the gateway heard something: late data never looks fresh. */
export const LOST_CONTACT_MS = 60_000;

export type Contact = 'never' | 'heard' | 'lost';

export function contactOf(heardAt: Instant | undefined, now: Instant): Contact {
  if (heardAt === undefined) return 'never';
  return now - heardAt > LOST_CONTACT_MS ? 'lost' : 'heard';
}
