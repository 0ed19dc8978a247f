/**
 * From what the radio hears to leaves: whose device it is, whether its patient lets us collect, what the value says,
 * whether a body could have it, and whose clock it goes by. The implausible is flagged and never dropped.
 */
import type { KeyObject } from 'node:crypto';
import { profileOf } from '../protocol/devices/device-profile.ts';
import { Fault, type FaultCode } from '../protocol/fault.ts';
import { type MeasuredVital, readingsOf } from '../protocol/gatt/readings.ts';
import type { DeviceLeaf, LinkSecurity, ReadingLeaf } from '../protocol/leaf.ts';
import { IMPLAUSIBLE, qualityOf } from '../protocol/recheck.ts';
import { type Instant, wallClockToInstant } from '../protocol/time.ts';
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
  /** 16-bit UUID. */
  readonly characteristic: number;
  readonly value: Uint8Array;
  /** CGM Session Start Time 2AAA of this connection. */
  readonly sessionStart?: Uint8Array;
  /** Transport's clock. */
  readonly heardAt: Instant;
  /** Gateway's monotonic clock; absent where the transport brings its own time. */
  readonly uptimeMs?: number;
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

/** What was observed since the start. */
export interface ObservedCounts {
  /** Readings, doubles included. */
  heard: number;
  doubles: number;
  implausible: number;
  /** Values that did not decode, by the code of the fault. */
  readonly undecodable: Partial<Record<FaultCode, number>>;
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
    unknownDevice: 0,
    paused: 0,
  };
  readonly #options: ObserverOptions;
  /** Repeats at the latest instant of each device. */
  readonly #repeats = new Map<string, { connection: number | string; heardAt: Instant; seen: Map<string, number> }>();

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

  #assignedOf(address: string): AssignedDevice | undefined {
    return this.#options.devices.get(address.toLowerCase());
  }

  /** A device that says less of itself on a later connection is still the same. */
  #recognize({ address }: AssignedDevice, { localName, manufacturer }: DeviceFacts): void {
    const { name } = profileOf({ name: localName, manufacturer });
    if (name !== 'generic' || !this.#profiles.has(address)) this.#profiles.set(address, name);
  }

  #read(assigned: AssignedDevice, notification: Notification): Entry[] {
    const { characteristic, value, sessionStart } = notification;
    try {
      const profile = this.#profiles.get(assigned.address);
      const context = { ...(sessionStart && { sessionStart }), ...(profile !== undefined && { profile }) };
      const measured = readingsOf(characteristic, value, context);
      return measured.map((vital) => this.#entryOf(assigned, notification, vital));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.counts.undecodable[error.code] = (this.counts.undecodable[error.code] ?? 0) + 1;
      return [];
    }
  }

  #entryOf(assigned: AssignedDevice, notification: Notification, measured: MeasuredVital): Entry {
    const { characteristic, sessionStart, heardAt, uptimeMs } = notification;
    const flags = qualityOf(measured);
    if (flags.includes(IMPLAUSIBLE)) this.counts.implausible++;
    const leaf: ReadingLeaf = {
      kind: 'reading',
      subject: assigned.subject,
      device: assigned.device,
      vital: measured.vital,
      ...this.#clockOf(measured, heardAt),
      heardAt,
      ...(uptimeMs === undefined ? {} : { uptimeMs }),
      ...(measured.value === undefined ? {} : { value: measured.value }),
      ...(measured.components === undefined ? {} : { components: measured.components }),
      unit: measured.unit,
      flags,
      test: this.#options.test,
      characteristic,
      raw: measured.raw,
      ...(sessionStart === undefined || characteristic !== CGM_MEASUREMENT ? {} : { sessionStart }),
      ...(measured.profile === undefined ? {} : { profile: measured.profile }),
      ordinal: measured.deviceClock === undefined ? this.#ordinalOf(assigned, notification, measured) : 0,
    };
    return { leaf, mark: markOf(leaf, this.#options.doublesKey) };
  }

  /** The device's clock where it has one, in the zone that it names or else in ours; else the gateway's. */
  #clockOf(
    { deviceClock, zoneMin }: MeasuredVital,
    heardAt: Instant,
  ): Pick<ReadingLeaf, 'measuredAt' | 'measuredBy' | 'zoneMin' | 'deviceClock'> {
    const here = this.#options.zoneOf(heardAt);
    if (deviceClock === undefined) return { measuredAt: heardAt, measuredBy: 'gateway', zoneMin: here };
    const zone = zoneMin ?? here;
    return { measuredAt: wallClockToInstant(deviceClock, zone), measuredBy: 'device', zoneMin: zone, deviceClock };
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
