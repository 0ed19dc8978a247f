/**
 * When a reading was measured, from four facts that stay apart in its leaf: what the device's clock showed, what the
 * gateway's showed when the bytes came, how far the two were apart on that connection, and whether the device kept the
 * value before it sent it. Pure, because a stranger repeats it on a leaf (docs/format.md §4.1).
 */
import type { ReadingLeaf } from './leaf.ts';
import { type Instant, type WallClock, wallClockToInstant } from './time.ts';

/** A device's clock against the gateway's at one instant (HL7 PHD coincident timestamp). */
export interface Coincidence {
  readonly deviceClock: WallClock;
  /** Minutes that this clock is east of UTC; absent where that is the zone of the reading. */
  readonly zoneMin?: number;
  /** Gateway clock at that instant. */
  readonly heardAt: Instant;
}

/** A device clock that is this close, ms, is right: wearables show whole seconds, and drift by seconds a day. */
export const CLOCK_TOLERANCE_MS = 60_000;

/** The facts of one value. */
export interface TimeFacts {
  /** Absent when the device sent no full date and time. */
  readonly deviceClock?: WallClock;
  /** Minutes east of UTC of the device's clock. */
  readonly zoneMin: number;
  readonly heardAt: Instant;
  /** Newest of the connection, before its clock was set; absent where the device does not tell its clock. */
  readonly coincidence?: Coincidence;
}

export type MeasuredTime = Pick<ReadingLeaf, 'measuredAt' | 'measuredBy' | 'zoneMin' | 'deviceClock' | 'clockOffsetMs'>;

/**
 * The device's clock, where it is right; put right by its offset where that is known and beyond the tolerance (`reported
 * + (gateway - device)`, PHD); else the gateway's. A time of measurement is never later than the arrival.
 */
export function timeOf({ deviceClock, zoneMin, heardAt, coincidence }: TimeFacts): MeasuredTime {
  if (deviceClock === undefined) return { measuredAt: heardAt, measuredBy: 'gateway', zoneMin };
  const offset = coincidence && offsetOf(coincidence, zoneMin);
  const clockOffsetMs = offset !== undefined && Math.abs(offset) > CLOCK_TOLERANCE_MS ? offset : undefined;
  const measuredAt = wallClockToInstant(deviceClock, zoneMin) + (clockOffsetMs ?? 0);
  if (measuredAt > heardAt) return { measuredAt: heardAt, measuredBy: 'gateway', zoneMin, deviceClock };
  const corrected = clockOffsetMs === undefined ? {} : { clockOffsetMs };
  return { measuredAt, measuredBy: 'device', zoneMin, deviceClock, ...corrected };
}

/** How far the gateway's clock was ahead of the device's, ms; `zoneMin` is the zone of the reading. */
export function offsetOf({ deviceClock, zoneMin: own, heardAt }: Coincidence, zoneMin: number): number {
  return heardAt - wallClockToInstant(deviceClock, own ?? zoneMin);
}

/** Flags that follow from the times of a leaf alone. */
export type TimeFlag = 'clock-ahead' | 'clock-corrected' | 'time-unknown';

/** Sorted. */
export function timeFlagsOf(
  leaf: Pick<ReadingLeaf, 'measuredBy' | 'deviceClock' | 'zoneMin' | 'heardAt' | 'clockOffsetMs' | 'stored'>,
): TimeFlag[] {
  const { measuredBy, deviceClock, zoneMin, heardAt, clockOffsetMs, stored } = leaf;
  if (clockOffsetMs !== undefined) return ['clock-corrected'];
  if (deviceClock === undefined) return stored ? ['time-unknown'] : [];
  const isAhead = measuredBy === 'gateway' && wallClockToInstant(deviceClock, zoneMin) > heardAt + CLOCK_TOLERANCE_MS;
  return isAhead ? ['clock-ahead'] : [];
}

/** What is wrong with the time of a leaf, in words without values; `undefined` when it follows from its facts. */
export function explainTime(
  leaf: Pick<ReadingLeaf, 'measuredBy' | 'measuredAt' | 'heardAt' | 'deviceClock' | 'zoneMin' | 'clockOffsetMs'>,
): string | undefined {
  const { measuredBy, measuredAt, heardAt, deviceClock, zoneMin, clockOffsetMs } = leaf;
  if (measuredBy === 'gateway') {
    if (clockOffsetMs !== undefined) return 'the gateway clock needs no offset';
    return measuredAt === heardAt ? undefined : 'the time differs from the gateway clock';
  }
  if (deviceClock === undefined) return 'there is no device clock to measure by';
  const shown = wallClockToInstant(deviceClock, zoneMin) + (clockOffsetMs ?? 0);
  return shown === measuredAt ? undefined : 'the time differs from the device clock';
}
