/**
 * One connection to one device: discover, read, subscribe, deliver. The way from an HCI packet to `onNotification` is
 * synchronous, so the transport's clock shows the time of that very packet.
 */
import { isShort, uuidOf } from './attribute-keys.ts';
import type { TransportClock } from './hci-transport.ts';
import type { NobleStack } from './load-noble.ts';
import type { NobleCharacteristic, NoblePeripheral } from './noble-internals.ts';
import { discoverCharacteristics, discoverServices, RadioError, readValue, subscribe } from './operations.ts';
import type { PairingError } from './pairing-error.ts';
import type { Profile, ReadPurpose } from './profiles.ts';
import type { RadioDevice, RadioLog, RadioNotification } from './radio-events.ts';
import { type RadioSecurity, SecureLink } from './secure-link.ts';

/** Most values that are kept while a device is still being asked who it is. */
const MAX_EARLY = 256;
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
  readonly security: RadioSecurity;
  readonly onDevice: (device: RadioDevice) => void;
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

interface Found {
  readonly number: number;
  readonly characteristic: NobleCharacteristic;
  readonly profile: Profile;
}

export class Link {
  /** Settles with the reason once the link has ended; never rejects. */
  readonly ended: Promise<string>;
  readonly #options: LinkOptions;
  #end: (reason: string) => void = () => undefined;
  #early: Arrival[] = [];
  /** 16-bit UUIDs of measurements by value handle; undefined until the device has been introduced. */
  #measurements: Map<number, number> | undefined;
  readonly #security: SecureLink;
  #found: Found[] = [];
  #sessionStart: Uint8Array | undefined;
  #feature: Uint8Array | undefined;
  #dropReason: string | undefined;
  #dropTimer: NodeJS.Timeout | undefined;

  /** Listens from here on, before the connection is made, so that nothing is missed. */
  constructor(options: LinkOptions) {
    this.#options = options;
    this.#security = new SecureLink(options);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    options.peripheral.on('handleNotify', this.#onValue);
    options.peripheral.on('disconnect', this.#onDisconnect);
  }

  /** Discovers, introduces the device and subscribes. Rejects with a {@link RadioError} when the link is of no use. */
  async setUp(): Promise<void> {
    await this.#security.begin();
    await this.#discover();
    const { id, peripheral, connection } = this.#options;
    const localName = cleanText(Buffer.from(peripheral.advertisement.localName ?? '', 'utf8'));
    const manufacturer = cleanText(await this.#read('manufacturer'));
    const model = cleanText(await this.#read('model'));
    const serial = cleanText(await this.#read('serial'));
    const firmware = cleanText(await this.#read('firmware'));
    this.#options.onDevice({
      id,
      addressType: peripheral.addressType,
      ...(localName && { localName }),
      ...(manufacturer && { manufacturer }),
      ...(model && { model }),
      ...(serial && { serial }),
      ...(firmware && { firmware }),
      connection,
      link: this.#security.link,
    });
    this.#feature = await this.#read('feature');
    this.#sessionStart = await this.#read('session-start');
    this.#startDelivery();
    await this.#subscribe();
  }

  /** Reads what is delivered as a value, e.g. the battery. After {@link setUp}: measurements come first. */
  async readValues(): Promise<void> {
    for (const { number, characteristic } of this.#toRead('value')) {
      await this.#attempt(() =>
        this.#readOne(characteristic, (value) => {
          const { clock, uptime } = this.#options;
          const arrival = { handle: 0, value, heardAt: clock.now(), uptimeMs: uptime(), confirm: undefined };
          this.#deliver(number, arrival);
        }),
      );
    }
  }

  /** Why the link could not be secured, where that was tried. */
  get pairingFailure(): PairingError | undefined {
    return this.#security.failure;
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
    this.#options.peripheral.off('handleNotify', this.#onValue);
    this.#options.peripheral.off('disconnect', this.#onDisconnect);
    this.#early = [];
    this.#end(reason);
  }

  async #discover(): Promise<void> {
    const { peripheral, profiles, operationTimeoutMs } = this.#options;
    const wanted = new Map(profiles.map((profile) => [profile.service.toString(16), profile]));
    for (const service of await discoverServices(peripheral, [...wanted.keys()], operationTimeoutMs)) {
      const profile = wanted.get(uuidOf(service.uuid));
      if (!profile) continue;
      for (const characteristic of await discoverCharacteristics(peripheral, service, operationTimeoutMs)) {
        this.#found.push({ number: Number.parseInt(characteristic.uuid, 16), characteristic, profile });
      }
    }
  }

  #toRead(purpose: ReadPurpose): Found[] {
    return this.#found.filter(({ number, profile, characteristic }) => {
      const asked = profile.read.some((read) => read.characteristic === number && read.purpose === purpose);
      return asked && isShort(characteristic.uuid) && characteristic.properties.includes('read');
    });
  }

  /** First value for a purpose, or undefined when the device has none or keeps it to itself. */
  async #read(purpose: ReadPurpose): Promise<Uint8Array | undefined> {
    for (const { characteristic } of this.#toRead(purpose)) {
      const value = await this.#attempt(() => this.#readOne(characteristic, (octets) => octets));
      if (value) return value;
    }
    return undefined;
  }

  #readOne<T>(characteristic: NobleCharacteristic, take: (value: Uint8Array) => T): Promise<T> {
    return readValue(this.#options.peripheral, characteristic, this.#options.operationTimeoutMs, take);
  }

  /** A refusal by the device is undefined; a link that is gone or hangs is an error. */
  async #attempt<T>(operation: () => Promise<T>): Promise<T | undefined> {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof RadioError) || error.kind !== 'att-error') throw error;
      this.#options.log({ event: 'operation-refused', ...(error.code !== undefined && { code: error.code }) });
      return undefined;
    }
  }

  #startDelivery(): void {
    const { stack, peripheral } = this.#options;
    const measurements = new Map<number, number>();
    for (const [handle, uuids] of stack.valueHandles(peripheral.id)) {
      const found = this.#found.find(
        ({ characteristic: c }) => c.uuid === uuids.characteristic && c._serviceUuid === uuids.service,
      );
      if (found?.profile.subscribe.includes(found.number)) measurements.set(handle, found.number);
    }
    this.#measurements = measurements;
    for (const arrival of this.#early.splice(0)) this.#sortOut(arrival, measurements);
  }

  async #subscribe(): Promise<void> {
    let subscribed = 0;
    for (const { number, characteristic, profile } of this.#found) {
      if (!isShort(characteristic.uuid) || !profile.subscribe.includes(number)) continue;
      const { peripheral, operationTimeoutMs } = this.#options;
      const done = await this.#attempt(async () => {
        await subscribe(peripheral, characteristic, operationTimeoutMs);
        return true;
      });
      if (done) subscribed++;
    }
    if (subscribed === 0) throw new RadioError('refused', 'subscribe');
  }

  readonly #onDisconnect = (code?: number): void => {
    this.dispose(this.#dropReason ?? (code === undefined ? 'disconnected' : `disconnected 0x${code.toString(16)}`));
  };

  readonly #onValue = (handle: number, data: Buffer): void => {
    const { clock, uptime, stack, peripheral } = this.#options;
    const confirm = stack.holdIndication(peripheral.id);
    const arrival = { handle, value: Uint8Array.from(data), heardAt: clock.now(), uptimeMs: uptime(), confirm };
    if (this.#measurements) this.#sortOut(arrival, this.#measurements);
    else if (this.#early.length < MAX_EARLY) this.#early.push(arrival);
    else this.drop('too much before it was asked');
  };

  #sortOut(arrival: Arrival, measurements: ReadonlyMap<number, number>): void {
    const number = measurements.get(arrival.handle);
    // What nobody asked for is confirmed and forgotten, or the device would wait for us.
    if (number === undefined) arrival.confirm?.();
    else this.#deliver(number, arrival);
  }

  #deliver(characteristic: number, { value, heardAt, uptimeMs, confirm }: Arrival): void {
    const { id, connection, onNotification } = this.#options;
    let stored: Promise<void> | undefined;
    try {
      stored = onNotification({
        device: id,
        connection,
        link: this.#security.link,
        characteristic,
        value,
        ...(this.#sessionStart && { sessionStart: this.#sessionStart }),
        ...(this.#feature && { feature: this.#feature }),
        heardAt,
        uptimeMs,
      });
    } catch {
      this.#notStored(confirm);
      return;
    }
    // Durable, or so the caller says, from here on: only now does the device hear that it may forget the value.
    if (stored) stored.then(confirm, () => this.#notStored(confirm));
    else confirm?.();
  }

  /** The value was not stored: an indication stays unconfirmed, and the device offers it again on the next link. */
  #notStored(confirm: (() => void) | undefined): void {
    this.#options.log({ event: 'delivery-failed' });
    if (confirm) this.drop('not stored');
  }
}

/** Text of a device: UTF-8 without control characters, or undefined when nothing is left. */
function cleanText(value: Uint8Array | undefined): string | undefined {
  const text = new TextDecoder().decode(value).replaceAll(/\p{C}/gu, '').trim();
  return text === '' ? undefined : text;
}
