/** From what a value says to the leaf that is signed: whose it is, when it was measured, and all that a stranger needs. */
import type { MeasuredVital } from '../protocol/gatt/measured-vital.ts';
import type { ReadingLeaf } from '../protocol/leaf.ts';
import { CLOCK_TOLERANCE_MS, type Coincidence, timeFlagsOf, timeOf } from '../protocol/measured-time.ts';
import { qualityOf } from '../protocol/recheck.ts';
import { type Instant, wallClockToInstant } from '../protocol/time.ts';
import type { DeviceUser, Notification } from './observe.ts';

const CGM_MEASUREMENT = 0x2aa7;

export interface ReadingLeavesOptions {
  /** Minutes east of UTC here at an instant. */
  readonly zoneOf: (instant: Instant) => number;
  /** How far the gateway's clock may be wrong, ms; absent where nobody says. */
  readonly heardWithinMs?: number;
  /** Marks every leaf as test data. */
  readonly test: boolean;
}

/** Connections of one device, told apart. */
type Connection = number | string;

/** A device's clock against ours on one connection, as it is and, where it was shown twice, as it was before. */
interface Clocks {
  readonly connection: Connection;
  readonly latest: Required<Coincidence>;
  readonly before?: Required<Coincidence>;
}

export class ReadingLeaves {
  readonly #options: ReadingLeavesOptions;
  /** Repeats at the latest instant of each device, by address. */
  readonly #repeats = new Map<string, { connection: Connection; heardAt: Instant; seen: Map<string, number> }>();
  /** Clocks of devices against ours, by address. */
  readonly #clocks = new Map<string, Clocks>();

  constructor(options: ReadingLeavesOptions) {
    this.#options = options;
  }

  /** What a device's clock shows counts for this connection: what it showed before, for what was stamped before. */
  noteClock(address: string, connection: Connection, { deviceClock, zoneMin, heardAt }: Coincidence): void {
    const latest = { deviceClock, zoneMin: zoneMin ?? this.#options.zoneOf(heardAt), heardAt };
    const known = this.#clocks.get(address);
    const before = known?.connection === connection ? known.latest : undefined;
    this.#clocks.set(address, { connection, latest, ...(before && { before }) });
  }

  /** `address` in lower case. To be called once for each thing that was measured: a repeat is counted. */
  leafOf(whose: DeviceUser, address: string, notification: Notification, measured: MeasuredVital): ReadingLeaf {
    const { characteristic, carrier, sessionStart, heardAt, uptimeMs, stored, link } = notification;
    const { heardWithinMs, test } = this.#options;
    const times = {
      ...this.#timeOf(address, notification, measured),
      heardAt,
      ...(stored && { stored: true as const }),
    };
    return {
      kind: 'reading',
      subject: whose.subject,
      device: whose.device,
      vital: measured.vital,
      ...times,
      ...(uptimeMs === undefined ? {} : { uptimeMs }),
      ...(heardWithinMs === undefined ? {} : { heardWithinMs }),
      ...(link === undefined ? {} : { link }),
      ...(measured.value === undefined ? {} : { value: measured.value }),
      ...(measured.components === undefined ? {} : { components: measured.components }),
      unit: measured.unit,
      flags: qualityOf(measured, timeFlagsOf(times)),
      test: test || measured.isTest === true,
      characteristic,
      ...(carrier === undefined ? {} : { carrier }),
      raw: measured.raw,
      ...(sessionStart === undefined || characteristic !== CGM_MEASUREMENT ? {} : { sessionStart }),
      ...(measured.profile === undefined ? {} : { profile: measured.profile }),
      ...(measured.companion === undefined ? {} : { companion: measured.companion }),
      ...(measured.feature === undefined ? {} : { feature: measured.feature }),
      ordinal: measured.deviceClock === undefined ? this.#ordinalOf(address, notification, measured) : 0,
    };
  }

  /** The device's clock counts in the zone that it names, or else in ours. */
  #timeOf(address: string, { connection, heardAt }: Notification, measured: MeasuredVital) {
    const { deviceClock, zoneMin = this.#options.zoneOf(heardAt) } = measured;
    const known = this.#clocks.get(address);
    const clock = known?.connection === connection ? stampedBy(known, measured, zoneMin, heardAt) : undefined;
    // A reading that names no zone is in that of the clock, whichever it is.
    const coincidence = clock && {
      deviceClock: clock.deviceClock,
      heardAt: clock.heardAt,
      ...(measured.zoneMin !== undefined && { zoneMin: clock.zoneMin }),
    };
    return timeOf({ zoneMin, heardAt, ...(deviceClock && { deviceClock }), ...(coincidence && { coincidence }) });
  }

  /** 0, or n for the nth value that is the same in all that a device without a clock can tell. */
  #ordinalOf(address: string, { connection, characteristic, heardAt }: Notification, measured: MeasuredVital): number {
    let repeats = this.#repeats.get(address);
    if (repeats?.connection !== connection || repeats.heardAt !== heardAt) {
      repeats = { connection, heardAt, seen: new Map() };
      this.#repeats.set(address, repeats);
    }
    const same = `${characteristic} ${measured.vital} ${String.fromCharCode(...measured.raw)}`;
    const ordinal = repeats.seen.get(same) ?? 0;
    repeats.seen.set(same, ordinal + 1);
    return ordinal;
  }
}

/**
 * The clock by which a value was stamped. A device may go on sending what it has stored after its clock was set; what the
 * clock of now has stamped lies between the moment at which it was shown and the arrival.
 */
function stampedBy(
  { latest, before }: Clocks,
  { deviceClock, zoneMin: named }: MeasuredVital,
  zoneMin: number,
  heardAt: Instant,
): Required<Coincidence> {
  if (!before || deviceClock === undefined) return latest;
  const stamped = wallClockToInstant(deviceClock, zoneMin);
  const shown = wallClockToInstant(latest.deviceClock, named === undefined ? zoneMin : latest.zoneMin);
  const isSince = stamped >= shown - CLOCK_TOLERANCE_MS;
  return isSince && stamped <= shown + (heardAt - latest.heardAt) + CLOCK_TOLERANCE_MS ? latest : before;
}
