/**
 * One connection to one device: discover, subscribe, read, deliver, and then fetch what it has stored and see to its
 * clock. The way from an HCI packet to `onNotification` is synchronous, so the transport's clock shows the time of that
 * very packet.
 */
import { type Policies, STANDARD } from '../../protocol/devices/policies.ts';
import type { Instant } from '../../protocol/time.ts';
import { type ClockEvent, type ClockOutcome, type ClockReading, clocksOf, readClock } from './device-clock.ts';
import { type Found, type OpenDialog, openDialog } from './dialog.ts';
import { byHandle, discoverFound } from './gatt-table.ts';
import type { TransportClock } from './hci-transport.ts';
import { profileOfFound, readFirst, readIdentity, toRead } from './identity.ts';
import type { NobleStack } from './load-noble.ts';
import type { NoblePeripheral } from './noble-internals.ts';
import { RadioError } from './operations.ts';
import type { PairingError } from './pairing-error.ts';
import type { Profile } from './profiles.ts';
import type { RadioDevice, RadioLog, RadioNotification } from './radio-events.ts';
import type { RecordCursors } from './record-progress.ts';
import { type RadioSecurity, SecureLink } from './secure-link.ts';
import { synchronizeSession } from './session-start.ts';
import { Subscriptions } from './subscriptions.ts';
import type { DeviceUsers } from './user-consent.ts';
import { visit } from './visit.ts';

/** Most values that are kept, while a device is still being asked who it is, of what nobody subscribed to. */
const MAX_EARLY = 256;
/** As many of what was subscribed to: a device may send its whole memory at once, and that is what we want. */
const MAX_EARLY_MEASUREMENTS = 65_536;
const BATTERY = 0x180f;
/** How long a controller may take to say that a link has ended. */
const DISCONNECT_MS = 2_000;

export interface LinkOptions {
  readonly stack: NobleStack;
  readonly peripheral: NoblePeripheral;
  readonly id: string;
  readonly connection: number;
  readonly profiles: readonly Profile[];
  readonly clock: TransportClock;
  readonly uptime: () => number;
  readonly operationTimeoutMs: number;
  /** Longest silence while records are fetched. */
  readonly recordIdleMs: number;
  /** Waits before a subscription that was refused is asked for again: the first, and the longest. */
  readonly subscribeAgainMs: readonly [first: number, longest: number];
  readonly cursors: RecordCursors | undefined;
  readonly users: DeviceUsers | undefined;
  readonly random: () => number;
  /** Minutes east of UTC here; without it no clock is set. */
  readonly zoneOf: ((instant: Instant) => number) | undefined;
  readonly security: RadioSecurity;
  readonly onDevice: (device: RadioDevice) => void;
  readonly onClock: (event: ClockEvent) => void;
  readonly onNotification: (notification: RadioNotification) => Promise<void> | undefined;
  readonly log: RadioLog;
}

interface Arrival {
  readonly handle: number;
  readonly value: Uint8Array;
  readonly heardAt: number;
  readonly uptimeMs: number;
  /** Confirms an indication; undefined for a notification. */
  readonly confirm: (() => void) | undefined;
}

export class Link {
  /** Settles with the reason once the link has ended; never rejects. */
  readonly ended: Promise<string>;
  readonly #options: LinkOptions;
  readonly #dialog: OpenDialog;
  readonly #security: SecureLink;
  readonly #subscriptions: Subscriptions;
  #end: (reason: string) => void = () => undefined;
  #early: Arrival[] = [];
  readonly #onDelivered: (() => void)[] = [];
  #isIntroduced = false;
  #isDelivering = false;
  /** By value handle. */
  #handles: ReadonlyMap<number, Found> = new Map();
  #policies: Policies = STANDARD;
  #sessionStart: Uint8Array | undefined;
  #features = new Map<Profile, Uint8Array>();
  /** Values that came by themselves. */
  #arrived = 0;
  #isMute = false;
  #dropReason: string | undefined;
  #dropTimer: NodeJS.Timeout | undefined;
  #heardAtMs = Number.NEGATIVE_INFINITY;

  /** Listens from here on, before the connection is made, so that nothing is missed. */
  constructor(options: LinkOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#security = new SecureLink(options);
    const { peripheral, operationTimeoutMs: timeoutMs, log } = options;
    this.#dialog = openDialog({ peripheral, timeoutMs, ended: this.ended, log });
    const [againMs, againMaxMs] = options.subscribeAgainMs;
    const onFailed = () => this.drop('silent');
    this.#subscriptions = new Subscriptions({ dialog: this.#dialog, againMs, againMaxMs, onFailed });
    peripheral.on('handleNotify', this.#onValue);
    peripheral.on('disconnect', this.#onDisconnect);
  }

  /**
   * Secures the link, discovers, subscribes, reads the clock and who the device is, introduces it and starts to deliver. Subscribing comes
   * first, since some devices are there for seconds only; what they send meanwhile is kept. Rejects with a
   * {@link RadioError} when the link is of no use.
   */
  async setUp(): Promise<void> {
    const { peripheral, profiles, operationTimeoutMs, stack } = this.#options;
    await this.#security.begin();
    this.#dialog.found = await discoverFound(peripheral, profiles, operationTimeoutMs);
    this.#handles = byHandle(stack, peripheral.id, this.#dialog.found);
    const atOnce = await this.#subscribe((profile) => !needsSession(profile));
    const clock = await this.#readClock();
    await this.#introduce();
    await this.#readContext();
    const afterwards = await this.#subscribe(needsSession);
    this.#isMute = !this.#dialog.found.some((one) => isVital(one) && !this.#subscriptions.isRefused(one));
    if (atOnce + afterwards === 0) throw new RadioError('refused', 'subscribe');
    if (clock) this.#reportClock(clock, 'no');
    this.#startDelivery();
  }

  /**
   * After {@link setUp}: fetches what is stored, then sets the clock (what is stored was stamped by the old one), then
   * reads what is delivered as a value, e.g. the battery. Rejects when the link hangs, not when it ends.
   */
  async converse(): Promise<void> {
    const { id: device, clock, zoneOf, cursors, recordIdleMs, users, random, log } = this.#options;
    try {
      await visit({
        dialog: this.#dialog,
        device,
        policies: this.#policies,
        session: this.#sessionStart,
        clock,
        zoneOf,
        cursors,
        recordIdleMs,
        users,
        random,
        arrived: () => this.#arrived,
        readValues: () => this.#readValues(),
        onClock: (reading, set) => this.#reportClock(reading, set),
        drop: (reason) => this.drop(reason),
        log,
      });
    } catch (error) {
      if (!(error instanceof RadioError) || error.kind !== 'disconnected') throw error;
    }
  }

  /** Why the link could not be secured, where that was tried. */
  get pairingFailure(): PairingError | undefined {
    return this.#security.failure;
  }

  /** It was asked for what it measures, and gives none of it, though nothing went wrong with securing the link. */
  get isMute(): boolean {
    return this.#isMute && this.pairingFailure === undefined;
  }

  /** Uptime at which the last value came. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** The end was asked for and has not come yet. */
  get isDropped(): boolean {
    return this.#dropReason !== undefined;
  }

  /** Asks a silent device for anything; any answer will do. Without one the link is dropped. */
  async probe(): Promise<void> {
    const readable = this.#dialog.found.find(({ characteristic }) => characteristic.properties.includes('read'));
    if (!readable) return;
    try {
      await this.#dialog.read(readable, (octets) => octets);
      this.#heardAtMs = this.#options.uptime();
    } catch {
      this.drop('silent');
    }
  }

  /** Resolves when nothing waits for the device to be introduced any more. */
  async delivered(): Promise<void> {
    if (this.#early.length > 0) await new Promise<void>((resolve) => this.#onDelivered.push(resolve));
  }

  /** Ends the link; `reason` is what {@link ended} settles with. */
  drop(reason: string): void {
    if (this.#dropReason !== undefined) return;
    this.#dropReason = reason;
    const { peripheral } = this.#options;
    if (peripheral.state === 'connected') {
      this.#dropTimer = setTimeout(() => this.dispose(reason), DISCONNECT_MS);
      peripheral.disconnect();
    } else {
      this.dispose(reason);
    }
  }

  /** Stops listening. For a link that never came about; others come here by their end. */
  dispose(reason: string): void {
    clearTimeout(this.#dropTimer);
    this.#subscriptions.stop();
    this.#options.peripheral.off('handleNotify', this.#onValue);
    this.#options.peripheral.off('disconnect', this.#onDisconnect);
    this.#deliverUnintroduced();
    this.#end(reason);
  }

  /** Number of measurements of these services that were subscribed to. */
  #subscribe(isWanted: (profile: Profile) => boolean): Promise<number> {
    return this.#subscriptions.add(this.#dialog.found.filter((one) => isMeasurement(one) && isWanted(one.profile)));
  }

  async #introduce(): Promise<void> {
    const { id, peripheral, connection, onDevice } = this.#options;
    const identity = await readIdentity(this.#dialog, peripheral);
    this.#policies = profileOfFound(identity, this.#dialog.found);
    this.#isIntroduced = true;
    onDevice({ id, ...identity, connection, link: this.#security.link });
  }

  /** What goes with each notification: the feature of its service, the start of the session. */
  async #readContext(): Promise<void> {
    const { clock, zoneOf } = this.#options;
    if (zoneOf && this.#policies.clock !== 'none') await synchronizeSession(this.#dialog, clock, zoneOf);
    for (const found of toRead(this.#dialog, 'feature')) {
      const value = await this.#dialog.read(found, (octets) => octets);
      if (value) this.#features.set(found.profile, value);
    }
    this.#sessionStart = await readFirst(this.#dialog, 'session-start');
  }

  async #readValues(): Promise<void> {
    const { clock, uptime } = this.#options;
    for (const found of toRead(this.#dialog, 'value')) {
      await this.#dialog.read(found, (value) => {
        this.#deliver(found, { handle: 0, value, heardAt: clock.now(), uptimeMs: uptime(), confirm: undefined });
      });
    }
  }

  async #readClock(): Promise<ClockReading | undefined> {
    for (const deviceClock of clocksOf(this.#dialog.found)) {
      const reading = await readClock(this.#dialog, this.#options.clock, deviceClock);
      if (reading) return reading;
    }
    return undefined;
  }

  #reportClock(reading: ClockReading, set: ClockOutcome): void {
    const { id: device, connection, onClock } = this.#options;
    onClock({ device, connection, ...reading, set });
  }

  /** The link ended early. What was notified will not come again, so it is handed on; what was indicated will. */
  #deliverUnintroduced(): void {
    const { id, peripheral, connection, onDevice } = this.#options;
    const isLast = ({ handle, confirm }: Arrival) => !confirm && this.#handles.has(handle);
    const values = this.#early.splice(0).filter(isLast);
    if (values.length > 0 && !this.#isIntroduced)
      onDevice({ id, addressType: peripheral.addressType, connection, link: this.#security.link });
    for (const value of values) this.#sortOut(value);
    for (const resolve of this.#onDelivered.splice(0)) resolve();
  }

  #startDelivery(): void {
    this.#isDelivering = true;
    for (const arrival of this.#early.splice(0)) this.#sortOut(arrival);
    for (const resolve of this.#onDelivered.splice(0)) resolve();
  }

  readonly #onDisconnect = (code?: number): void => {
    this.dispose(this.#dropReason ?? (code === undefined ? 'disconnected' : `disconnected 0x${code.toString(16)}`));
  };

  readonly #onValue = (handle: number, data: Buffer): void => {
    const { clock, uptime, stack, peripheral } = this.#options;
    const confirm = stack.holdIndication(peripheral.id);
    const arrival = { handle, value: Uint8Array.from(data), heardAt: clock.now(), uptimeMs: uptime(), confirm };
    this.#heardAtMs = arrival.uptimeMs;
    this.#arrived++;
    if (this.#isDelivering) this.#sortOut(arrival);
    else if (this.#early.length < this.#mostEarly(handle)) this.#early.push(arrival);
    else this.drop('too much before it was asked');
  };

  #mostEarly(handle: number): number {
    const found = this.#handles.get(handle);
    return found && isMeasurement(found) ? MAX_EARLY_MEASUREMENTS : MAX_EARLY;
  }

  #sortOut(arrival: Arrival): void {
    const found = this.#handles.get(arrival.handle);
    let stored: Promise<unknown> = Promise.resolve();
    // What is no measurement is confirmed and, unless a procedure waits for it, forgotten; or the device would wait.
    if (found && isMeasurement(found)) stored = this.#deliver(found, arrival);
    else arrival.confirm?.();
    if (found) this.#dialog.tell({ found, value: arrival.value, stored });
  }

  /** Resolves when the value is durable, or the caller says nothing of that; rejects when it is not. */
  #deliver(found: Found, { value, heardAt, uptimeMs, confirm }: Arrival): Promise<unknown> {
    const { uuid, profile } = found;
    const { id, connection, onNotification } = this.#options;
    const feature = this.#features.get(profile);
    let stored: Promise<void> | undefined;
    try {
      stored = onNotification({
        device: id,
        connection,
        link: this.#security.link,
        characteristic: uuid as number,
        value,
        ...(this.#sessionStart && { sessionStart: this.#sessionStart }),
        ...(feature && { feature }),
        ...(this.#dialog.asked.has(found) && { stored: true as const }),
        heardAt,
        uptimeMs,
      });
    } catch (error) {
      stored = Promise.reject(error);
    }
    // Durable, or so the caller says, from here on: only now does the device hear that it may forget the value.
    if (stored) stored.then(confirm, () => this.#notStored(confirm));
    else confirm?.();
    return stored ?? Promise.resolve();
  }

  /** The value was not stored: an indication stays unconfirmed, and the device offers it again on the next link. */
  #notStored(confirm: (() => void) | undefined): void {
    this.#options.log({ event: 'delivery-failed' });
    if (confirm) this.drop('not stored');
  }
}

function isMeasurement({ uuid, profile }: Found): boolean {
  return profile.subscribe.some((characteristic) => characteristic === uuid);
}

/** What is measured at a person, and not the device's own battery. */
function isVital(found: Found): boolean {
  return isMeasurement(found) && found.profile.service !== BATTERY;
}

/** Values that mean nothing without the start of the session are asked for only once it is known. */
function needsSession({ read }: Profile): boolean {
  return read.some(({ purpose }) => purpose === 'session-start');
}
