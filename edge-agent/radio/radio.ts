/**
 * The radio: scans without end, connects to the devices that are wanted, one at a time, hears them, and comes back to
 * them when they were lost. All above it is told by callbacks; nothing above it knows noble.
 */
import { profileOf } from '../../protocol/devices/device-profile.ts';
import type { Instant } from '../../protocol/time.ts';
import { broadcastOf, describeAdvertised } from './advertised.ts';
import { connectPeripheral } from './connect.ts';
import type { ClockEvent } from './device-clock.ts';
import { hardenNoble } from './harden-noble.ts';
import type { HciTransport } from './hci-transport.ts';
import { Link } from './link.ts';
import { loadNobleClasses, type NobleStack, openNoble } from './load-noble.ts';
import type { NoblePeripheral } from './noble-internals.ts';
import { RadioError } from './operations.ts';
import type { Profile } from './profiles.ts';
import type { Advertised, Broadcast, LinkChange, RadioDevice, RadioLog, RadioNotification } from './radio-events.ts';
import { DEFAULT_TIMINGS, type RadioTimings } from './radio-timings.ts';
import type { RecordCursors } from './record-progress.ts';
import { ScanKeeper } from './scan-keeper.ts';
import { isBrief, pickNext, pickVictim } from './turns.ts';
import type { DeviceUsers } from './user-consent.ts';

export interface RadioOptions {
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
  /** Most links at once; without it as many as the controller grants, which is learned when it refuses one more. */
  readonly maxLinks?: number;
  readonly onDevice: (device: RadioDevice) => void;
  /** Takes what a wanted device says in its advertisements, where its profile says that it speaks so. */
  readonly onBroadcast?: (broadcast: Broadcast) => void;
  /**
   * What a device's clock shows: once a connection before its values, where it has a clock, and once more after it was
   * set, or after that was tried.
   */
  readonly onClock?: (event: ClockEvent) => void;
  /** How far records were fetched; without it everything that a device has stored is fetched on each connection. */
  readonly cursors?: RecordCursors;
  /** Users of devices that give nothing without the consent of one; without it such devices stay mute. */
  readonly users?: DeviceUsers;
  /** Minutes east of UTC here, to which clocks are set; without it none is set. */
  readonly zoneOf?: (instant: Instant) => number;
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
  /** Ends the link to a device, if there is one; it is connected to again when it is heard and wanted. */
  disconnect(address: string): void;
  /** Resolves when all that was heard so far has been handed on; a device's first values wait until it is introduced. */
  delivered(): Promise<void>;
  /** Ends all links, within a second and for good, and closes the transport. */
  close(): Promise<void>;
}

/** How long links may take to end when the radio closes. */
const CLOSE_MS = 500;

/** HCI: Connection Limit Exceeded; Connection Rejected due to Limited Resources (Core 5.2 Vol 1 Part F §1.3). */
const OUT_OF_LINKS: ReadonlySet<number | undefined> = new Set([0x09, 0x0d]);

/** How often the queue is looked at while all links are taken. */
const QUEUE_MS = 1_000;

interface KnownDevice {
  readonly id: string;
  peripheral: NoblePeripheral;
  phase: 'lost' | 'heard' | 'queued' | 'connecting' | 'connected';
  connections: number;
  failures: number;
  /** Uptime before which it is not connected to. */
  notBeforeMs: number;
  /** Uptime at which its last link was made; below zero: never. */
  servedAtMs: number;
  brief: boolean;
  link: Link | undefined;
}

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
  readonly #devices = new Map<string, KnownDevice>();
  #queue: KnownDevice[] = [];
  #connecting = false;
  #powered = false;
  #maxLinks: number;
  readonly #watch: NodeJS.Timeout;
  #queueTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: RadioOptions) {
    this.#options = options;
    this.#timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.#log = options.log ?? (() => undefined);
    this.#maxLinks = options.maxLinks ?? Number.POSITIVE_INFINITY;
    this.#watch = setInterval(() => this.#watchLinks(), this.#timings.linkWatchdogMs / 2);
    const classes = loadNobleClasses();
    hardenNoble(classes);
    this.#stack = openNoble(classes, options.transport);
    const { noble } = this.#stack;
    noble._bindings._hci.on('malformed', () => this.#log({ event: 'malformed-packet' }));
    noble.on('warning', () => undefined);
    noble.on('discover', (peripheral: NoblePeripheral) => this.#onDiscover(peripheral));
    this.#scan = new ScanKeeper(noble, this.#timings.scanWatchdogMs, () => this.#log({ event: 'scan-restarted' }));
    noble.on('stateChange', (state: string) => this.#onAdapter(state === 'poweredOn'));
  }

  disconnect(address: string): void {
    this.#devices.get(address.toLowerCase())?.link?.drop('asked to');
  }

  async delivered(): Promise<void> {
    await Promise.all([...this.#devices.values()].map(({ link }) => link?.delivered()));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#queue = [];
    clearInterval(this.#watch);
    clearTimeout(this.#queueTimer);
    this.#scan.close();
    const links = [...this.#devices.values()].flatMap(({ link }) => link ?? []);
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
    const id = peripheral.address.toLowerCase();
    let device = this.#devices.get(id);
    if (device && device.phase !== 'lost' && device.phase !== 'heard') return;
    const advertised = describeAdvertised(peripheral);
    if (!outward(() => this.#options.wants(advertised))) {
      if (!device) this.#stack.forget(peripheral.id, peripheral.address);
      return;
    }
    device ??= this.#meet(id, peripheral);
    device.peripheral = peripheral;
    device.brief = isBrief(advertised);
    if (device.phase === 'lost') {
      device.phase = 'heard';
      this.#report(device, 'heard');
    }
    if (profileOf({ name: advertised.localName, services: advertised.serviceUuids }).heardBy === 'advertisement') {
      this.#hearBroadcast(peripheral);
      return;
    }
    if (!peripheral.connectable || this.#options.uptime() < device.notBeforeMs) return;
    device.phase = 'queued';
    this.#queue.push(device);
    this.#connectNext();
  }

  #meet(id: string, peripheral: NoblePeripheral): KnownDevice {
    const device: KnownDevice = {
      id,
      peripheral,
      phase: 'lost',
      connections: 0,
      failures: 0,
      notBeforeMs: 0,
      servedAtMs: -1,
      brief: false,
      link: undefined,
    };
    this.#devices.set(id, device);
    return device;
  }

  #hearBroadcast(peripheral: NoblePeripheral): void {
    const { transport, uptime, onBroadcast } = this.#options;
    const broadcast = broadcastOf(peripheral, transport.clock.now(), uptime());
    if (broadcast) outward(() => onBroadcast?.(broadcast));
  }

  /** One connection in the making at a time; scanning goes on when nobody waits, or nobody can be served. */
  #connectNext(): void {
    if (this.#connecting || this.#closing || !this.#powered) return;
    const device = this.#takeNext();
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

  /** The next device that can have a link now. Where all are taken, one whose turn is over is given up first. */
  #takeNext(): KnownDevice | undefined {
    clearTimeout(this.#queueTimer);
    if (this.#queue.length === 0) return undefined;
    const index = pickNext(this.#queue);
    const links = this.#links();
    if (links.length < this.#maxLinks) return this.#queue.splice(index, 1)[0];
    if (!links.some(({ link }) => link.isDropped)) {
      const victim = pickVictim(
        links.map(({ device, link }) => ({
          brief: device.brief,
          connectedAtMs: device.servedAtMs,
          heardAtMs: Math.max(device.servedAtMs, link.heardAtMs),
        })),
        this.#queue[index]!,
        this.#options.uptime(),
        this.#timings,
      );
      if (victim !== undefined) links[victim]?.link.drop('its turn was over');
    }
    this.#queueTimer = setTimeout(() => this.#connectNext(), Math.min(QUEUE_MS, this.#timings.idleMs));
    return undefined;
  }

  #links(): { device: KnownDevice; link: Link }[] {
    return [...this.#devices.values()].flatMap((device) =>
      device.phase === 'connected' && device.link ? [{ device, link: device.link }] : [],
    );
  }

  /** A peer that is gone without a word is noticed by asking. */
  #watchLinks(): void {
    const before = this.#options.uptime() - this.#timings.linkWatchdogMs;
    for (const { device, link } of this.#links()) {
      if (Math.max(device.servedAtMs, link.heardAtMs) <= before) void link.probe();
    }
  }

  /** Resolves when the connection is made or has failed; then the link looks after itself. */
  async #connect(device: KnownDevice): Promise<void> {
    const { peripheral } = device;
    const { transport, profiles, uptime, onDevice, onClock, onNotification } = this.#options;
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
      recordIdleMs: this.#timings.recordIdleMs,
      cursors: this.#options.cursors,
      users: this.#options.users,
      random: this.#options.random,
      zoneOf: this.#options.zoneOf,
      onDevice: (introduced) => outward(() => onDevice(introduced)),
      onClock: (event) => outward(() => onClock?.(event)),
      onNotification,
      log: this.#log,
    });
    device.link = link;
    try {
      await connectPeripheral(this.#stack, peripheral, this.#timings.connectTimeoutMs);
    } catch (error) {
      const reason = describeFailure(error);
      link.dispose(reason);
      if (error instanceof RadioError && OUT_OF_LINKS.has(error.code)) this.#learnLimit();
      this.#lose(device, reason);
      return;
    }
    device.phase = 'connected';
    device.servedAtMs = uptime();
    device.connections++;
    this.#report(device, 'connected');
    void this.#serve(device, link);
  }

  /** The controller carries as many links as there are now, and no more. */
  #learnLimit(): void {
    const count = this.#links().length;
    if (count > 0) this.#maxLinks = Math.min(this.#maxLinks, count);
    this.#log({ event: 'out-of-links' });
  }

  async #serve(device: KnownDevice, link: Link): Promise<void> {
    device.failures++;
    try {
      await link.setUp();
      device.failures = 0;
      this.#report(device, 'subscribed');
      await link.converse();
    } catch (error) {
      this.#log({
        event: 'set-up-failed',
        ...(error instanceof RadioError && error.code !== undefined && { code: error.code }),
      });
      link.drop(describeFailure(error));
    }
    this.#lose(device, await link.ended);
  }

  #lose(device: KnownDevice, reason: string): void {
    const { backoffMs, backoffMaxMs } = this.#timings;
    if (device.phase === 'connecting') device.failures++;
    const wait = Math.min(backoffMaxMs, backoffMs * 2 ** Math.min(device.failures, 16));
    const backoff = wait * (0.5 + this.#options.random());
    device.notBeforeMs = this.#options.uptime() + Math.max(backoff, this.#holdOff(device));
    device.phase = 'lost';
    device.link = undefined;
    this.#report(device, 'lost', reason);
  }

  /** A link that failed is tried again at once: the device still has what it wanted to send. */
  #holdOff({ phase, failures, peripheral }: KnownDevice): number {
    if (phase !== 'connected' || failures > 0) return 0;
    return outward(() => this.#options.holdOffMs?.(describeAdvertised(peripheral))) ?? 0;
  }

  #report(device: KnownDevice, state: LinkChange['state'], reason?: string): void {
    const at = this.#options.transport.clock.now();
    outward(() => this.#options.onLink({ device: device.id, state, at, ...(reason !== undefined && { reason }) }));
  }
}

/**
 * Calls out. What a callback throws is a bug of the caller, not a bad packet: it must neither be swallowed by the guard
 * around packets nor stop the radio half-way, so it surfaces on its own.
 */
function outward<T>(callback: () => T): T | undefined {
  try {
    return callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return undefined;
  }
}

function describeFailure(error: unknown): string {
  return error instanceof RadioError ? error.message : 'failed';
}
