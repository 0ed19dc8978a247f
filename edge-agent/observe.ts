/**
 * From what the radio hears to leaves: whose device it is, whether its patient lets us collect, what the value says,
 * whether a body could have it, and whose clock it goes by. The implausible is flagged and never dropped.
 */
import type { KeyObject } from 'node:crypto';
import { profileOf } from '../protocol/devices/device-profile.ts';
import { Fault, type FaultCode } from '../protocol/fault.ts';
import type { Carrier, MeasuredVital, NotAResult } from '../protocol/gatt/measured-vital.ts';
import { measurementOf } from '../protocol/gatt/readings.ts';
import type { ClockLeaf, ClockSetting, DeviceLeaf, LinkSecurity, ReadingLeaf } from '../protocol/leaf.ts';
import { type Coincidence, timeFlagsOf, timeOf } from '../protocol/measured-time.ts';
import { IMPLAUSIBLE, qualityOf } from '../protocol/recheck.ts';
import type { Instant, WallClock } from '../protocol/time.ts';
import type { Coverage } from './coverage.ts';
import { markOf } from './doubles.ts';
import type { Entry, Pending } from './pending.ts';

const CGM_MEASUREMENT = 0x2aa7;

/** A wearable that the agent speaks for. */
export interface AssignedDevice {
  /** Lower case. */
  readonly address: string;
  readonly addressType: 'public' | 'random';
  /** 32 octets. */
  readonly subject: Uint8Array;
  /** The device's handle within the subject's readings, 16 octets. */
  readonly device: Uint8Array;
  /** Where the device numbers its users: whose a user's measurements are. A user who is not in it is nobody's yet. */
  readonly users?: ReadonlyMap<number, DeviceUser>;
}

/** A patient as one user of a device. */
export interface DeviceUser {
  /** 32 octets. */
  readonly subject: Uint8Array;
  /** The device's handle within this subject's readings, 16 octets. */
  readonly device: Uint8Array;
}

/** One characteristic value as the radio heard it. */
export interface Notification {
  /** Address of the device. */
  readonly device: string;
  /** Tells connections of one device apart. */
  readonly connection: number | string;
  /** 16-bit UUID; with a carrier, of the service or the identifier of the company. */
  readonly characteristic: number;
  /** How it was advertised; absent for the value of a characteristic. */
  readonly carrier?: Carrier;
  readonly value: Uint8Array;
  /** CGM Session Start Time 2AAA of this connection. */
  readonly sessionStart?: Uint8Array;
  /** Value of the service's feature characteristic 2A49, 2A51, 2A60 or 2AA8, as read on this connection. */
  readonly feature?: Uint8Array;
  /** The other value that belongs to this one (assemble.ts). */
  readonly companion?: Uint8Array;
  /** Transport's clock. */
  readonly heardAt: Instant;
  /** Gateway's monotonic clock; absent where the transport brings its own time. */
  readonly uptimeMs?: number;
  /** The device kept it before: it was asked for its records. */
  readonly stored?: boolean;
  /** How it was heard, where the radio says. */
  readonly link?: LinkSecurity;
}

/** What a device says of itself when it is connected. */
export interface DeviceFacts {
  /** Address. */
  readonly id: string;
  readonly addressType: 'public' | 'random';
  readonly localName?: string;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly serial?: string;
  readonly firmware?: string;
  /** How the link is secured; `unbonded` where the radio does not say. */
  readonly link?: LinkSecurity;
}

/** What a device's own clock showed at a moment of ours. */
export interface HeardClock {
  /** Address. */
  readonly device: string;
  readonly connection: number | string;
  /** Absent when the device did not know the date. */
  readonly deviceClock?: WallClock;
  /** Minutes that its clock is east of UTC; absent unless the device said so. */
  readonly zoneMin?: number;
  readonly heardAt: Instant;
  /** Half of the time that asking took. */
  readonly uncertaintyMs: number;
  /** What became of setting it on this occasion. */
  readonly set: 'no' | ClockSetting;
}

/** What was observed since the start. */
export interface ObservedCounts {
  /** Readings, doubles included. */
  heard: number;
  doubles: number;
  implausible: number;
  /** Values that did not decode, by the code of the fault. */
  readonly undecodable: Partial<Record<FaultCode, number>>;
  /** What was in values and is no reading, by why. */
  readonly notResults: Partial<Record<NotAResult, number>>;
  /** Values of devices that nobody assigned to this agent. */
  unknownDevice: number;
  /** Values that were not looked at, because their patient does not consent to collect. */
  paused: number;
}

export interface ObserverOptions {
  /** By address in lower case. */
  readonly devices: ReadonlyMap<string, AssignedDevice>;
  readonly isPermitted: (subject: Uint8Array) => boolean;
  /** Minutes east of UTC here at an instant. */
  readonly zoneOf: (instant: Instant) => number;
  /** How far the gateway's clock may be wrong, ms; absent where nobody says. */
  readonly heardWithinMs?: number;
  /** Marks every leaf as test data. */
  readonly test: boolean;
  readonly doublesKey: KeyObject;
  readonly pending: Pending;
  readonly coverage: Coverage;
}

export class Observer {
  readonly counts: ObservedCounts = {
    heard: 0,
    doubles: 0,
    implausible: 0,
    undecodable: {},
    notResults: {},
    unknownDevice: 0,
    paused: 0,
  };
  readonly #options: ObserverOptions;
  /** Repeats at the latest instant of each device. */
  readonly #repeats = new Map<string, { connection: number | string; heardAt: Instant; seen: Map<string, number> }>();

  /** Clocks of devices against ours, by address. */
  readonly #clocks = new Map<string, Coincidence & { readonly connection: number | string }>();

  /** Names of device profiles by address, as found by what the devices said of themselves. */
  readonly #profiles = new Map<string, string>();

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /**
   * Takes in one value. Resolves when its readings are durable, or when there is nothing to keep: unknown device,
   * collecting paused, bytes that are no value (hearing them again would not help). Rejects `unavailable` only.
   */
  async hear(notification: Notification): Promise<void> {
    const { pending, coverage } = this.#options;
    const assigned = this.#assignedOf(notification.device);
    if (!assigned) {
      this.counts.unknownDevice++;
      return;
    }
    if (!this.#options.isPermitted(assigned.subject)) {
      this.counts.paused++;
      return;
    }
    const entries = this.#read(assigned, notification);
    if (entries.length === 0) return;
    coverage.received(assigned.address);
    this.counts.heard += entries.length;
    const appended = await pending.append(entries);
    this.counts.doubles += appended.doubles;
  }

  /** Notes who a device says it is, once per connection. */
  async meet(facts: DeviceFacts, heardAt: Instant): Promise<void> {
    const assigned = this.#assignedOf(facts.id);
    if (assigned) this.#recognize(assigned, facts);
    if (!assigned || !this.#options.isPermitted(assigned.subject)) return;
    const { localName: name, manufacturer, model, serial, firmware } = facts;
    const texts = Object.entries({ name, manufacturer, model, serial, firmware }).filter(([, text]) => text);
    const leaf: DeviceLeaf = {
      kind: 'device',
      subject: assigned.subject,
      device: assigned.device,
      heardAt,
      address: assigned.address,
      addressType: assigned.addressType,
      link: facts.link ?? 'unbonded',
      test: this.#options.test,
      ...Object.fromEntries(texts),
    };
    await this.#options.pending.append([{ leaf }]);
  }

  /**
   * Notes what a device's clock shows against ours; one that shows no date says nothing that could be noted. It counts
   * for this connection, from before the clock is set: the times of what the device has stored are put right by it.
   */
  async noteClock({ device, connection, deviceClock, heardAt, uncertaintyMs, set }: HeardClock): Promise<void> {
    const assigned = this.#assignedOf(device);
    if (!assigned || deviceClock === undefined || !this.#options.isPermitted(assigned.subject)) return;
    this.#clocks.set(assigned.address, { deviceClock, heardAt, connection });
    const leaf: ClockLeaf = {
      kind: 'clock',
      subject: assigned.subject,
      device: assigned.device,
      deviceClock,
      heardAt,
      uncertaintyMs,
      ...(set !== 'no' && { set }),
      test: this.#options.test,
    };
    await this.#options.pending.append([{ leaf }]);
  }

  #assignedOf(address: string): AssignedDevice | undefined {
    return this.#options.devices.get(address.toLowerCase());
  }

  /** A device that says less of itself on a later connection is still the same. */
  #recognize({ address }: AssignedDevice, { localName, manufacturer }: DeviceFacts): void {
    const { name } = profileOf({ name: localName, manufacturer });
    if (name !== 'generic' || !this.#profiles.has(address)) this.#profiles.set(address, name);
  }

  #read(assigned: AssignedDevice, notification: Notification): Entry[] {
    const { characteristic, value, sessionStart, companion, feature, carrier } = notification;
    try {
      const profile = this.#profiles.get(assigned.address);
      const { readings, notResults } = measurementOf(characteristic, value, {
        ...(sessionStart && { sessionStart }),
        ...(profile !== undefined && { profile }),
        ...(companion && { companion }),
        ...(feature && { feature }),
        ...(carrier !== undefined && { carrier }),
      });
      for (const why of notResults) this.counts.notResults[why] = (this.counts.notResults[why] ?? 0) + 1;
      return readings.map((vital) => this.#entryOf(assigned, notification, vital));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.counts.undecodable[error.code] = (this.counts.undecodable[error.code] ?? 0) + 1;
      return [];
    }
  }

  #entryOf(assigned: AssignedDevice, notification: Notification, measured: MeasuredVital): Entry {
    const { characteristic, carrier, sessionStart, heardAt, uptimeMs, stored, link } = notification;
    const { heardWithinMs, test, doublesKey } = this.#options;
    const times = {
      ...this.#timeOf(assigned, notification, measured),
      heardAt,
      ...(stored && { stored: true as const }),
    };
    const flags = qualityOf(measured, timeFlagsOf(times));
    if (flags.includes(IMPLAUSIBLE)) this.counts.implausible++;
    const leaf: ReadingLeaf = {
      kind: 'reading',
      subject: assigned.subject,
      device: assigned.device,
      vital: measured.vital,
      ...times,
      ...(uptimeMs === undefined ? {} : { uptimeMs }),
      ...(heardWithinMs === undefined ? {} : { heardWithinMs }),
      ...(link === undefined ? {} : { link }),
      ...(measured.value === undefined ? {} : { value: measured.value }),
      ...(measured.components === undefined ? {} : { components: measured.components }),
      unit: measured.unit,
      flags,
      test: test || measured.isTest === true,
      characteristic,
      ...(carrier === undefined ? {} : { carrier }),
      raw: measured.raw,
      ...(sessionStart === undefined || characteristic !== CGM_MEASUREMENT ? {} : { sessionStart }),
      ...(measured.profile === undefined ? {} : { profile: measured.profile }),
      ...(measured.companion === undefined ? {} : { companion: measured.companion }),
      ...(measured.feature === undefined ? {} : { feature: measured.feature }),
      ordinal: measured.deviceClock === undefined ? this.#ordinalOf(assigned, notification, measured) : 0,
    };
    return { leaf, mark: markOf(leaf, doublesKey) };
  }

  /** The device's clock counts in the zone that it names, or else in ours. */
  #timeOf({ address }: AssignedDevice, { connection, heardAt }: Notification, measured: MeasuredVital) {
    const { deviceClock, zoneMin = this.#options.zoneOf(heardAt) } = measured;
    const clock = this.#clocks.get(address);
    const coincidence = clock?.connection === connection ? clock : undefined;
    return timeOf({ zoneMin, heardAt, ...(deviceClock && { deviceClock }), ...(coincidence && { coincidence }) });
  }

  /** 0, or n for the nth value that is the same in all that a device without a clock can tell. */
  #ordinalOf(
    { address }: AssignedDevice,
    { connection, characteristic, heardAt }: Notification,
    measured: MeasuredVital,
  ) {
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
