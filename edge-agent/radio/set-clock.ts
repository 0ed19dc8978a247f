/** Sets the clock of a device to local time, where its profile says how, and looks whether that worked. */
import type { ClockPolicy } from '../../protocol/devices/policies.ts';
import type { Instant } from '../../protocol/time.ts';
import { encodeClock } from './clock-values.ts';
import {
  type ClockOutcome,
  type ClockReading,
  clockErrorMs,
  clocksOf,
  type DeviceClock,
  readClock,
} from './device-clock.ts';
import { type Dialog, type Found, isWritable } from './dialog.ts';
import type { TransportClock } from './hci-transport.ts';
import type { ClockKind } from './profiles.ts';

/**
 * A clock within this much of ours is left alone. Clocks show whole seconds and a read over a slow link takes up to
 * some more, so less would set a right clock again and again; no decision in care hangs on five seconds.
 */
export const TOLERANCE_MS = 5_000;
/** Below this, a cuff with the policy `current-time-if-off-by-10-min` refuses to be set. */
const COARSE_TOLERANCE_MS = 10 * 60_000;

const KINDS: Readonly<Record<ClockPolicy, readonly ClockKind[]>> = {
  none: [],
  'date-time-in-service': ['date-time'],
  'current-time': ['current-time'],
  'current-time-if-off-by-10-min': ['current-time'],
  vendor: ['contour', 'care-sens'],
};

export interface SetClockOptions {
  readonly dialog: Dialog;
  readonly clock: TransportClock;
  readonly policy: ClockPolicy;
  readonly zoneOf: (instant: Instant) => number;
}

/** The clock that a policy sets, where the device has it and lets it be written. */
export function settableClock(found: readonly Found[], policy: ClockPolicy): DeviceClock | undefined {
  const kinds = KINDS[policy];
  return clocksOf(found).find((clock) => kinds.includes(clock.kind) && isWritable(clock.found));
}

/**
 * Sets the clock where it is wrong. Undefined when there was nothing to do; else what the clock shows afterwards, and how
 * it ended. Throws a RadioError when the link ends.
 */
export async function setClock(
  options: SetClockOptions,
): Promise<(ClockReading & { readonly set: ClockOutcome }) | undefined> {
  const { dialog, clock, policy, zoneOf } = options;
  const target = settableClock(dialog.found, policy);
  if (!target) return undefined;
  const before = await readClock(dialog, clock, target);
  const tolerance = policy === 'current-time-if-off-by-10-min' ? COARSE_TOLERANCE_MS : TOLERANCE_MS;
  if (before && isRight(before, tolerance, zoneOf)) return undefined;
  const now = clock.now();
  const octets = encodeClock(target.kind, now, zoneOf(now));
  if (!octets) return undefined;
  const refusal = await dialog.write(target.found, octets);
  const after = (await readClock(dialog, clock, target)) ?? { heardAt: clock.now(), uncertaintyMs: 0 };
  if (refusal !== undefined) return { ...after, set: 'refused' };
  return { ...after, set: isRight(after, TOLERANCE_MS, zoneOf) ? 'set' : 'not-verified' };
}

function isRight(reading: ClockReading, tolerance: number, zoneOf: SetClockOptions['zoneOf']): boolean {
  const error = clockErrorMs(reading, zoneOf);
  return error !== undefined && Math.abs(error) <= tolerance + reading.uncertaintyMs;
}
