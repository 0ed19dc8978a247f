/**
 * The radio: scans without end, connects to the devices that are wanted, one at a time, hears them, and comes back to
 * them when they were lost. All above it is told by callbacks; nothing above it knows noble.
 */
import { type Policies, STANDARD } from '../../protocol/devices/policies.ts';
import { describeAdvertised } from './advertised.ts';
import { connectPeripheral } from './connect.ts';
import { hardenNoble } from './harden-noble.ts';
import type { HciTransport } from './hci-transport.ts';
import { type KnownDevice, KnownDevices } from './known-devices.ts';
import { Link } from './link.ts';
import { loadNobleClasses, type NobleStack, openNoble } from './load-noble.ts';
import type { NoblePeripheral } from './noble-internals.ts';
import { RadioError } from './operations.ts';
import { outward } from './outward.ts';
import type { PairingError } from './pairing-error.ts';
import type { Profile } from './profiles.ts';
import type { Advertised, LinkChange, RadioDevice, RadioLog, RadioNotification } from './radio-events.ts';
import { ScanKeeper } from './scan-keeper.ts';
import type { RadioSecurity } from './secure-link.ts';
import { SMP_TIMEOUT_MS } from './smp-initiator.ts';

export interface RadioTimings {
  readonly connectTimeoutMs: number;
  /** For each ATT operation; below the 30 s after which ATT itself gives up (Core 5.2 Vol 3 Part F §3.3.3). */
  readonly operationTimeoutMs: number;
  /** Wait before connecting again; doubled by each failure in a row up to the maximum, and varied by half. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** A scan that hears nothing for so long is started anew. */
  readonly scanWatchdogMs: number;
  /** For each step of a pairing (Core 5.2 Vol 3 Part H §3.4). */
  readonly pairingTimeoutMs: number;
}

export const DEFAULT_TIMINGS: RadioTimings = {
  connectTimeoutMs: 10_000,
  operationTimeoutMs: 10_000,
  backoffMs: 1_000,
  backoffMaxMs: 30_000,
  scanWatchdogMs: 60_000,
  pairingTimeoutMs: SMP_TIMEOUT_MS,
};

export interface RadioOptions extends Omit<RadioSecurity, 'policies' | 'pairingTimeoutMs'> {
  /** Open; the radio closes it. */
  readonly transport: HciTransport;
  readonly profiles: readonly Profile[];
  /** Asked for every advertisement of a device that is not connected. */
  readonly wants: (advertised: Advertised) => boolean;
  /**
   * Least wait, ms, before connecting again to a device whose measurements could come and whose link has ended; without
   * it, or where it is shorter, the backoff alone counts. Some devices go on advertising when they have sent everything.
   */
  readonly holdOffMs?: (advertised: Advertised) => number;
  /** How a device is paired and subscribed to; as standard ones are without. */
  readonly policiesOf?: (advertised: Advertised) => Pick<Policies, 'pairing' | 'cccd'>;
  readonly onDevice: (device: RadioDevice) => void;
  /**
   * Takes a value. An indication is confirmed to the device when the returned promise resolves, or at once without
   * one. If it rejects or throws, there is no confirmation and the link is dropped: the device keeps the value.
   */
  readonly onNotification: (notification: RadioNotification) => Promise<void> | undefined;
  readonly onLink: (change: LinkChange) => void;
  /** Monotonic milliseconds. */
  readonly uptime: () => number;
  /** 0 up to 1, for the jitter of reconnections. */
  readonly random: () => number;
  readonly log?: RadioLog;
  readonly timings?: Partial<RadioTimings>;
}

export interface Radio {
  /** How many devices it remembers. */
  readonly remembered: number;
  /** Ends all links, within a second and for good, and closes the transport. */
  close(): Promise<void>;
}

/** How long links may take to end when the radio closes. */
const CLOSE_MS = 500;

/** How many devices may wait to be connected to, and for how long after they were last heard. */
const MAX_QUEUED = 64;
const QUEUED_MS = 30_000;

/** Starts the radio. It is ready at once; the first devices are heard when the adapter is up. */
export function openRadio(options: RadioOptions): Radio {
  return new ScanningRadio(options);
}

class ScanningRadio implements Radio {
  readonly #options: RadioOptions;
  readonly #timings: RadioTimings;
  readonly #log: RadioLog;
  readonly #stack: NobleStack;
  readonly #scan: ScanKeeper;
  readonly #devices: KnownDevices;
  #queue: KnownDevice[] = [];
  #connecting = false;
  #powered = false;
  #closing: Promise<void> | undefined;

  constructor(options: RadioOptions) {
    this.#options = options;
    this.#timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.#log = options.log ?? (() => undefined);
    const classes = loadNobleClasses();
    hardenNoble(classes);
    this.#stack = openNoble(classes, options.transport);
    this.#devices = new KnownDevices(({ id, address }) => this.#stack.forget(id, address));
    const { noble } = this.#stack;
    noble._bindings._hci.on('malformed', () => this.#log({ event: 'malformed-packet' }));
    noble.on('warning', () => undefined);
    noble.on('discover', (peripheral: NoblePeripheral) => this.#onDiscover(peripheral));
    this.#scan = new ScanKeeper(noble, this.#timings.scanWatchdogMs, () => this.#log({ event: 'scan-restarted' }));
    noble.on('stateChange', (state: string) => this.#onAdapter(state === 'poweredOn'));
  }

  get remembered(): number {
    return this.#devices.size;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#queue = [];
    this.#scan.close();
    const links = this.#devices.all().flatMap(({ link }) => link ?? []);
    for (const link of links) link.drop('closed');
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([Promise.all(links.map((link) => link.ended)), patience]);
    clearTimeout(timer);
    this.#stack.close();
    await this.#options.transport.close();
  }

  #onAdapter(powered: boolean): void {
    if (this.#closing || powered === this.#powered) return;
    this.#powered = powered;
    this.#log({ event: powered ? 'adapter-on' : 'adapter-off' });
    if (powered) {
      this.#connectNext();
    } else {
      this.#scan.forget();
      for (const device of this.#queue.splice(0)) device.phase = 'heard';
    }
  }

  #onDiscover(peripheral: NoblePeripheral): void {
    if (this.#closing) return;
    this.#scan.heard();
    const { bonds, uptime, wants } = this.#options;
    const address = peripheral.address.toLowerCase();
    // A bonded device that goes by ever new addresses stays the same device.
    const id = bonds?.resolve(address) ?? address;
    const advertised = describeAdvertised(peripheral, id);
    let device = this.#devices.get(id);
    if (device && device.phase !== 'lost' && device.phase !== 'heard') return;
    if (!outward(() => wants(advertised))) {
      if (device?.peripheral.id !== peripheral.id) this.#stack.forget(peripheral.id, peripheral.address);
      return;
    }
    device ??= this.#devices.add(id, peripheral, uptime());
    this.#devices.heard(device, peripheral, uptime());
    if (device.phase === 'lost') {
      device.phase = 'heard';
      this.#report(device, 'heard');
    }
    if (!peripheral.connectable || uptime() < device.notBeforeMs || this.#queue.length >= MAX_QUEUED) return;
    if (!this.#mayConnect(id, advertised)) return;
    device.phase = 'queued';
    this.#queue.push(device);
    this.#connectNext();
  }

  /** A device that is to be paired before anybody connects is left alone until somebody pairs it. */
  #mayConnect(id: string, advertised: Advertised): boolean {
    const { bonds, mayPair } = this.#options;
    const { pairing } = this.#policiesOf(advertised);
    if (pairing !== 'bond-before-connect' || bonds?.find(id) || !mayPair) return true;
    return outward(() => mayPair(id, 'policy')) ?? false;
  }

  #policiesOf(advertised: Advertised): Pick<Policies, 'pairing' | 'cccd'> {
    return outward(() => this.#options.policiesOf?.(advertised)) ?? STANDARD;
  }

  /** One connection in the making at a time; scanning goes on when nobody waits. */
  #connectNext(): void {
    if (this.#connecting || this.#closing || !this.#powered) return;
    const device = this.#nextInQueue();
    if (!device) {
      this.#scan.resume();
      return;
    }
    this.#scan.pause();
    this.#connecting = true;
    void this.#connect(device).finally(() => {
      this.#connecting = false;
      this.#connectNext();
    });
  }

  #nextInQueue(): KnownDevice | undefined {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      if (this.#options.uptime() - next.heardAtMs <= QUEUED_MS) return next;
      next.phase = 'heard';
    }
    return undefined;
  }

  /** Resolves when the connection is made or has failed; then the link looks after itself. */
  async #connect(device: KnownDevice): Promise<void> {
    const { peripheral } = device;
    const { transport, profiles, uptime, onDevice, onNotification } = this.#options;
    device.phase = 'connecting';
    this.#report(device, 'connecting');
    const link = new Link({
      stack: this.#stack,
      peripheral,
      id: device.id,
      connection: device.connections + 1,
      profiles,
      clock: transport.clock,
      uptime,
      operationTimeoutMs: this.#timings.operationTimeoutMs,
      security: this.#securityOf(device),
      onDevice: (introduced) => outward(() => onDevice(introduced)),
      onNotification,
      log: this.#log,
    });
    device.link = link;
    try {
      await connectPeripheral(this.#stack, peripheral, this.#timings.connectTimeoutMs);
    } catch (error) {
      const reason = describeFailure(error);
      link.dispose(reason);
      this.#lose(device, reason);
      return;
    }
    device.phase = 'connected';
    device.connections++;
    this.#report(device, 'connected');
    void this.#serve(device, link);
  }

  #securityOf({ id, peripheral }: KnownDevice): RadioSecurity {
    const { onSecurity } = this.#options;
    return {
      ...this.#options,
      policies: this.#policiesOf(describeAdvertised(peripheral, id)),
      pairingTimeoutMs: this.#timings.pairingTimeoutMs,
      onSecurity: (change) => outward(() => onSecurity?.(change)),
    };
  }

  async #serve(device: KnownDevice, link: Link): Promise<void> {
    let failed: PairingError | undefined;
    device.failures++;
    try {
      await link.setUp();
      device.failures = 0;
      this.#report(device, 'subscribed');
      await link.readValues();
    } catch (error) {
      this.#log({
        event: 'set-up-failed',
        ...(error instanceof RadioError && error.code !== undefined && { code: error.code }),
      });
      failed = link.pairingFailure;
      link.drop(describeFailure(error));
    }
    this.#lose(device, await link.ended, failed);
  }

  #lose(device: KnownDevice, reason: string, failure?: PairingError): void {
    const { backoffMs, backoffMaxMs } = this.#timings;
    if (device.phase === 'connecting') device.failures++;
    const wait = Math.min(backoffMaxMs, backoffMs * 2 ** Math.min(device.failures, 16));
    const backoff = wait * (0.5 + this.#options.random());
    device.notBeforeMs = this.#options.uptime() + Math.max(backoff, this.#holdOff(device));
    device.phase = 'lost';
    device.link = undefined;
    this.#report(device, 'lost', reason, failure);
  }

  /** A link that failed is tried again at once: the device still has what it wanted to send. */
  #holdOff({ id, phase, failures, peripheral }: KnownDevice): number {
    if (phase !== 'connected' || failures > 0) return 0;
    return outward(() => this.#options.holdOffMs?.(describeAdvertised(peripheral, id))) ?? 0;
  }

  #report(device: KnownDevice, state: LinkChange['state'], reason?: string, failed?: PairingError): void {
    const at = this.#options.transport.clock.now();
    const pairing = failed && { failure: failed.failure, ...(failed.code !== undefined && { code: failed.code }) };
    const why = { ...(reason !== undefined && { reason }), ...(pairing && { pairing }) };
    outward(() => this.#options.onLink({ device: device.id, state, at, ...why }));
  }
}

function describeFailure(error: unknown): string {
  return error instanceof RadioError ? error.message : 'failed';
}
