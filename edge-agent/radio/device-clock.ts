/** Reads the clock of a device against the transport's (HL7 PHD coincident timestamp). */
import type { ClockSetting } from '../../protocol/leaf.ts';
import { type Instant, type WallClock, wallClockToInstant } from '../../protocol/time.ts';
import { decodeClock, type ShownTime } from './clock-values.ts';
import type { Dialog, Found } from './dialog.ts';
import type { TransportClock } from './hci-transport.ts';
import type { ClockKind } from './profiles.ts';

/** What became of setting a clock; `no`: nobody tried. */
export type ClockOutcome = 'no' | ClockSetting;

/** A device's clock against ours at one instant. */
export interface ClockReading {
  /** Local time of the device; absent when it does not know the date. */
  readonly deviceClock?: WallClock;
  /** Minutes that its clock is east of UTC; absent unless the device says so. */
  readonly zoneMin?: number;
  /** Midway between asking and hearing, by the transport's clock. */
  readonly heardAt: Instant;
  /** Half the time from asking to hearing. That a clock shows whole seconds comes on top. */
  readonly uncertaintyMs: number;
}

export interface ClockEvent extends ClockReading {
  /** Address. */
  readonly device: string;
  readonly connection: number;
  readonly set: ClockOutcome;
}

/** Those that tell more come first. */
const PREFERENCE: readonly ClockKind[] = [
  'current-time',
  'contour',
  'elapsed-time',
  'device-time',
  'date-time',
  'care-sens',
];

/** A clock that a device has. */
export interface DeviceClock {
  readonly kind: ClockKind;
  readonly found: Found;
}

/** The clocks of a device, the best first. */
export function clocksOf(found: readonly Found[]): readonly DeviceClock[] {
  const clocks = found.flatMap((one) => {
    const { clock } = one.profile;
    return clock?.characteristic === one.uuid ? [{ kind: clock.kind, found: one }] : [];
  });
  return PREFERENCE.flatMap((kind) => clocks.filter((clock) => clock.kind === kind));
}

/** Asks a device what its clock shows. Undefined when the clock cannot be read. */
export async function readClock(
  dialog: Dialog,
  clock: TransportClock,
  { kind, found }: DeviceClock,
): Promise<ClockReading | undefined> {
  // Written only; and where many devices have something else of their makers.
  if (kind === 'care-sens' || !found.characteristic.properties.includes('read')) return undefined;
  const askedAt = clock.now();
  return dialog.read(found, (octets) => stamp(decodeClock(kind, octets), askedAt, clock.now()));
}

function stamp(shown: ShownTime | undefined, askedAt: Instant, answeredAt: Instant): ClockReading {
  const roundTrip = Math.max(0, answeredAt - askedAt);
  return {
    ...(shown && { deviceClock: shown.wallClock }),
    ...(shown?.zoneMin !== undefined && { zoneMin: shown.zoneMin }),
    heardAt: Math.round(answeredAt - roundTrip / 2),
    uncertaintyMs: Math.ceil(roundTrip / 2),
  };
}

/**
 * How far a clock is ahead of local time, ms, in the zone that it names or else in ours; undefined when it shows no date.
 */
export function clockErrorMs(reading: ClockReading, zoneOf: (instant: Instant) => number): number | undefined {
  const { deviceClock, zoneMin, heardAt } = reading;
  if (deviceClock === undefined) return undefined;
  return wallClockToInstant(deviceClock, zoneMin ?? zoneOf(heardAt)) - heardAt;
}
