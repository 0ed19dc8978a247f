/**
 * The radio: scans without end, connects to the devices that are wanted, one at a time, hears them, and comes back to
 * them when they were lost. All above it is told by callbacks; nothing above it knows noble.
 */
import { profileOf } from '../../protocol/devices/device-profile.ts';
import { type Policies, STANDARD } from '../../protocol/devices/policies.ts';
import { broadcastOf, describeAdvertised } from './advertised.ts';
import { connectPeripheral } from './connect.ts';
import { hardenNoble } from './harden-noble.ts';
import { type KnownDevice, KnownDevices } from './known-devices.ts';
import { Link } from './link.ts';
import { loadNobleClasses, type NobleStack, openNoble } from './load-noble.ts';
import type { NoblePeripheral } from './noble-internals.ts';
import { RadioError } from './operations.ts';
import { outward } from './outward.ts';
import type { Advertised, LinkChange, RadioLog } from './radio-events.ts';
import type { LocalRadio, RadioOptions } from './radio-options.ts';
import { DEFAULT_TIMINGS, type RadioTimings } from './radio-timings.ts';
import { ScanKeeper } from './scan-keeper.ts';
import type { RadioSecurity } from './secure-link.ts';
import { isBrief, pickNext, pickVictim } from './turns.ts';

/** How long links may take to end when the radio closes. */
const CLOSE_MS = 500;

/** HCI: Connection Limit Exceeded; Connection Rejected due to Limited Resources (Core 5.2 Vol 1 Part F §1.3). */
const OUT_OF_LINKS: ReadonlySet<number | undefined> = new Set([0x09, 0x0d]);

/** How often the queue is looked at while all links are taken. */
const QUEUE_MS = 1_000;

/** A limit that was learned counts for so long: the controller may have been short of links for a moment only. */
const LIMIT_MS = 600_000;

/** How many devices may wait to be connected to, and for how long after they were last heard. */
const MAX_QUEUED = 64;
const QUEUED_MS = 30_000;

/** Starts the radio. It is ready at once; the first devices are heard when the adapter is up. */
export function openRadio(options: RadioOptions): LocalRadio {
  return new ScanningRadio(options);
}

class ScanningRadio implements LocalRadio {
  readonly #options: RadioOptions;
  readonly #timings: RadioTimings;
  readonly #log: RadioLog;
  readonly #stack: NobleStack;
  readonly #scan: ScanKeeper;
  readonly #devices: KnownDevices;
  #queue: KnownDevice[] = [];
  #connecting = false;
  #powered = false;
  #maxLinks: number;
  /** Uptime up to which a learned limit counts. */
  #limitedUntilMs = Number.POSITIVE_INFINITY;
  readonly #watch: NodeJS.Timeout;
  #queueTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: RadioOptions) {
    this.#options = options;
    this.#timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.#log = options.log ?? (() => undefined);
    this.#maxLinks = this.#mostLinks;
    this.#watch = setInterval(() => this.#watchLinks(), this.#timings.linkWatchdogMs / 2);
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

  get #mostLinks(): number {
    return this.#options.maxLinks ?? Number.POSITIVE_INFINITY;
  }

  get remembered(): number {
    return this.#devices.size;
  }

  disconnect(address: string): void {
    this.#devices.get(address.toLowerCase())?.link?.drop('asked to');
  }

  unbond(address: string): void {
    this.#options.bonds?.remove(address.toLowerCase());
    this.disconnect(address);
  }

  async delivered(): Promise<void> {
    await Promise.all(this.#devices.all().map(({ link }) => link?.delivered()));
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
      this.#maxLinks = this.#mostLinks;
      for (const device of this.#queue.splice(0)) {
        device.phase = 'heard';
        this.#tellGone(device);
      }
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
    device.brief = isBrief(advertised);
    if (device.phase === 'lost') {
      device.phase = 'heard';
      this.#report(device, 'heard');
    }
    const profile = profileOf({ name: advertised.localName, services: advertised.serviceUuids });
    if (profile.heardBy === 'advertisement') {
      this.#hearBroadcast(id, peripheral);
      return;
    }
    // It would say nothing that we know, and a link to us may keep it from the app of its maker.
    if (profile.unsupported !== undefined) return;
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

  #hearBroadcast(id: string, peripheral: NoblePeripheral): void {
    const { transport, uptime, onBroadcast } = this.#options;
    const broadcast = broadcastOf(peripheral, id, transport.clock.now(), uptime());
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
    this.#forgetGone();
    if (this.#queue.length === 0) return undefined;
    const index = pickNext(this.#queue);
    const links = this.#links();
    if (this.#options.uptime() >= this.#limitedUntilMs) this.#maxLinks = this.#mostLinks;
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
    for (const device of this.#queue) this.#tellWaiting(device);
    this.#queueTimer = setTimeout(() => this.#connectNext(), Math.min(QUEUE_MS, this.#timings.idleMs));
    return undefined;
  }

  /** Who was not heard for a while is not there to be connected to. */
  #forgetGone(): void {
    const before = this.#options.uptime() - QUEUED_MS;
    for (const device of this.#queue) {
      if (device.heardAtMs >= before) continue;
      device.phase = 'heard';
      this.#tellGone(device);
    }
    this.#queue = this.#queue.filter(({ phase }) => phase === 'queued');
  }

  #tellWaiting(device: KnownDevice): void {
    if (device.waiting) return;
    device.waiting = true;
    this.#report(device, 'waiting');
  }

  /** It waited, and is not heard any more: there is nothing to wait for. */
  #tellGone(device: KnownDevice): void {
    if (!device.waiting) return;
    device.waiting = false;
    device.phase = 'lost';
    this.#report(device, 'lost', { reason: 'not heard any more' });
  }

  #links(): { device: KnownDevice; link: Link }[] {
    return this.#devices
      .all()
      .flatMap((device) => (device.phase === 'connected' && device.link ? [{ device, link: device.link }] : []));
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
    device.waiting = false;
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
      subscribeAgainMs: [this.#timings.subscribeAgainMs, this.#timings.linkWatchdogMs],
      cursors: this.#options.cursors,
      users: this.#options.users,
      random: this.#options.random,
      zoneOf: this.#options.zoneOf,
      security: this.#securityOf(device),
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

  #securityOf({ id, peripheral }: KnownDevice): RadioSecurity {
    const { onSecurity } = this.#options;
    return {
      ...this.#options,
      policies: this.#policiesOf(describeAdvertised(peripheral, id)),
      pairingTimeoutMs: this.#timings.pairingTimeoutMs,
      onSecurity: (change) => outward(() => onSecurity?.(change)),
    };
  }

  /** The controller carries as many links as there are now, and no more. */
  #learnLimit(): void {
    const count = this.#links().length;
    if (count > 0) this.#maxLinks = Math.min(this.#maxLinks, count);
    this.#limitedUntilMs = this.#options.uptime() + LIMIT_MS;
    this.#log({ event: 'out-of-links' });
  }

  async #serve(device: KnownDevice, link: Link): Promise<void> {
    let why: Why = {};
    device.failures++;
    try {
      await link.setUp();
      device.failures = 0;
      this.#report(device, 'subscribed', mute(link));
      await link.converse();
    } catch (error) {
      this.#log({
        event: 'set-up-failed',
        ...(error instanceof RadioError && error.code !== undefined && { code: error.code }),
      });
      why = { ...mute(link), ...pairing(link) };
      link.drop(describeFailure(error));
    }
    this.#lose(device, await link.ended, why);
  }

  #lose(device: KnownDevice, reason: string, why: Why = {}): void {
    const { backoffMs, backoffMaxMs } = this.#timings;
    if (device.phase === 'connecting') device.failures++;
    const wait = Math.min(backoffMaxMs, backoffMs * 2 ** Math.min(device.failures, 16));
    const backoff = wait * (0.5 + this.#options.random());
    device.notBeforeMs = this.#options.uptime() + Math.max(backoff, this.#holdOff(device));
    device.phase = 'lost';
    device.link = undefined;
    this.#report(device, 'lost', { reason, ...why });
  }

  /** A link that failed is tried again at once: the device still has what it wanted to send. */
  #holdOff({ id, phase, failures, peripheral }: KnownDevice): number {
    if (phase !== 'connected' || failures > 0) return 0;
    return outward(() => this.#options.holdOffMs?.(describeAdvertised(peripheral, id))) ?? 0;
  }

  #report(device: KnownDevice, state: LinkChange['state'], why: Why = {}): void {
    const at = this.#options.transport.clock.now();
    outward(() => this.#options.onLink({ device: device.id, state, at, ...why }));
  }
}

type Why = Pick<LinkChange, 'reason' | 'pairing' | 'mute'>;

function mute({ isMute }: Link): Why {
  return isMute ? { mute: true } : {};
}

function pairing({ pairingFailure }: Link): Why {
  if (!pairingFailure) return {};
  const { failure, code } = pairingFailure;
  return { pairing: { failure, ...(code !== undefined && { code }) } };
}

function describeFailure(error: unknown): string {
  return error instanceof RadioError ? error.message : 'failed';
}
