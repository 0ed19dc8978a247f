/**
 * From what the radio hears to leaves: whose device it is, whether its patient lets us collect, what the value says,
 * whether a body could have it, and whose clock it goes by. The implausible is flagged and never dropped.
 */
import type { KeyObject } from 'node:crypto';
import { isDecimal } from '../protocol/decimal.ts';
import { profileOf } from '../protocol/devices/device-profile.ts';
import { Fault, type FaultCode } from '../protocol/fault.ts';
import type { Carrier, MeasuredVital, NotAResult } from '../protocol/gatt/measured-vital.ts';
import { measurementOf } from '../protocol/gatt/readings.ts';
import type { ClockLeaf, ClockSetting, DeviceLeaf, LinkSecurity } from '../protocol/leaf.ts';
import { IMPLAUSIBLE } from '../protocol/recheck.ts';
import type { Instant, WallClock } from '../protocol/time.ts';
import { vitalSignByName } from '../protocol/vital-signs.ts';
import type { Coverage } from './coverage.ts';
import { markOf } from './doubles.ts';
import { type MarkedLeaf, patientsOf, UNKNOWN_USER, whoseIs } from './owners.ts';
import type { Entry, Pending } from './pending.ts';
import type { ReadingLeaves } from './reading-leaves.ts';

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
  /** Readings of users whom no patient has claimed. */
  unclaimed: number;
}

export interface ObserverOptions {
  /** By address in lower case. */
  readonly devices: ReadonlyMap<string, AssignedDevice>;
  readonly isPermitted: (subject: Uint8Array) => boolean;
  readonly leaves: ReadingLeaves;
  /** Marks every leaf as test data. */
  readonly test: boolean;
  readonly doublesKey: KeyObject;
  readonly pending: Pending;
  readonly coverage: Coverage;
  /** Keeps what is nobody's yet; durable when it returns. */
  readonly hold: (assigned: AssignedDevice, user: number, readings: readonly MarkedLeaf[]) => void;
}

const BATTERY = vitalSignByName('battery')!.mdc;

export class Observer {
  readonly counts: ObservedCounts = {
    heard: 0,
    doubles: 0,
    implausible: 0,
    undecodable: {},
    notResults: {},
    unknownDevice: 0,
    paused: 0,
    unclaimed: 0,
  };
  readonly #options: ObserverOptions;
  readonly #leaves: ReadingLeaves;

  /** Names of device profiles by address, as found by what the devices said of themselves. */
  readonly #profiles = new Map<string, string>();
  readonly #names = new Map<string, string>();

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.#leaves = options.leaves;
  }

  /**
   * Takes in one value. Resolves when its readings are durable, or when there is nothing to keep: unknown device,
   * collecting paused, bytes that are no value (hearing them again would not help). Rejects `unavailable` only.
   */
  async hear(notification: Notification): Promise<void> {
    const { pending, coverage, isPermitted, hold } = this.#options;
    const assigned = this.#assignedOf(notification.device);
    if (!assigned) {
      this.counts.unknownDevice++;
      return;
    }
    if (!patientsOf(assigned).some((subject) => isPermitted(subject))) {
      this.counts.paused++;
      return;
    }
    const measured = this.#read(assigned, notification);
    if (measured.length === 0) return;
    coverage.received(assigned.address);
    const battery = measured.find(({ vital }) => vital === BATTERY)?.value;
    if (battery && isDecimal(battery))
      coverage.batterySaid(assigned.address, battery.mantissa * 10 ** battery.exponent);
    this.counts.heard += measured.length;
    const entries: Entry[] = [];
    const unclaimed: MarkedLeaf[] = [];
    const user = measured[0]!.userIndex;
    const whose = whoseIs(assigned, measured[0]!);
    for (const vital of measured) {
      const marked = this.#markedLeaf(whose ?? assigned, assigned.address, notification, vital);
      if (!whose) unclaimed.push(marked);
      else if (isPermitted(whose.subject)) entries.push(marked);
      else this.counts.paused++;
    }
    if (unclaimed.length > 0) {
      hold(assigned, user ?? UNKNOWN_USER, unclaimed);
      this.counts.unclaimed += unclaimed.length;
    }
    if (entries.length === 0) return;
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
  async noteClock(clock: HeardClock): Promise<void> {
    const { device, connection, deviceClock, zoneMin, heardAt, uncertaintyMs, set } = clock;
    const assigned = this.#assignedOf(device);
    if (!assigned || deviceClock === undefined || !this.#options.isPermitted(assigned.subject)) return;
    const zone = zoneMin === undefined ? {} : { zoneMin };
    this.#leaves.noteClock(assigned.address, connection, { deviceClock, heardAt, ...zone });
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

  /** What a device called itself last. */
  nameOf(address: string): string | undefined {
    return this.#names.get(address);
  }

  /** A device that says less of itself on a later connection is still the same. */
  #recognize({ address }: AssignedDevice, { localName, manufacturer }: DeviceFacts): void {
    if (localName !== undefined) this.#names.set(address, localName);
    const { name } = profileOf({ name: localName, manufacturer });
    if (name !== 'generic' || !this.#profiles.has(address)) this.#profiles.set(address, name);
  }

  #read(assigned: AssignedDevice, notification: Notification): readonly MeasuredVital[] {
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
      return readings;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.counts.undecodable[error.code] = (this.counts.undecodable[error.code] ?? 0) + 1;
      return [];
    }
  }

  #markedLeaf(whose: DeviceUser, address: string, notification: Notification, measured: MeasuredVital): MarkedLeaf {
    const leaf = this.#leaves.leafOf(whose, address, notification, measured);
    if (leaf.flags.includes(IMPLAUSIBLE)) this.counts.implausible++;
    return { leaf, mark: markOf(leaf, this.#options.doublesKey) };
  }
}
