/**
 * The agent without its radio: takes in what is heard, makes it durable, seals it, and hands it to the service. Whoever
 * hears something calls {@link Gateway.hear}; everything else follows from there.
 */
import { randomBytes } from 'node:crypto';
import { Fault, isFault } from '../protocol/fault.ts';
import type { AgentId } from '../protocol/keys.ts';
import type { Instant } from '../protocol/time.ts';
import { type Assembler, later, openAssembler } from './assemble.ts';
import { Assignments } from './assignments.ts';
import { Batcher } from './batcher.ts';
import { Broadcasts } from './broadcasts.ts';
import { Capacity } from './capacity.ts';
import { Collect } from './collect.ts';
import { Commands, type ObeyedCommand } from './commands.ts';
import { Coverage, type LinkState } from './coverage.ts';
import { isDiskFull } from './database.ts';
import { openDeviceUsers, ownedUsers } from './device-users.ts';
import { openDoubles } from './doubles.ts';
import { Erasures } from './erasures.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { openHeld } from './held.ts';
import { openLastRun } from './last-run.ts';
import { type DeviceFacts, type HeardClock, type Notification, Observer } from './observe.ts';
import { Outbox } from './outbox.ts';
import { patientsOf } from './owners.ts';
import { Pairings } from './pairings.ts';
import { Pending } from './pending.ts';
import { openPrivateChannel, type PrivateChannel } from './private-channel.ts';
import { Publisher } from './publisher.ts';
import type { Broadcast } from './radio/radio-events.ts';
import type { KeptCursors, KeptUsers } from './radio-mirror.ts';
import { ReadingLeaves } from './reading-leaves.ts';
import { openRecordCursors } from './record-cursors.ts';
import { Rotation } from './rotation.ts';
import { createContentSealer, type SealContent, sealBatch } from './seal.ts';
import { type AgentStatus, describeStatus } from './status.ts';
import { Unclaimed } from './unclaimed.ts';
import { Voice } from './voice.ts';

const PRUNE_EVERY_MS = 60_000;

/** Opens the road from what is heard to the service. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { enrolled, identity } = options;
  const sealContent = await createContentSealer(enrolled.hpkeKey);
  return new Gateway(options, sealContent, await openPrivateChannel(enrolled.hpkeKey, identity.session.agent));
}

export class Gateway {
  /** How far the radio has fetched what devices have stored. */
  readonly recordCursors: KeptCursors;
  /** Users that were registered on devices which are mute without one. */
  readonly deviceUsers: KeptUsers;
  /** What patients are pairing at the moment. */
  readonly pairings: Pairings;
  readonly #options: GatewayOptions;
  readonly #assignments: Assignments;
  readonly #collect: Collect;
  readonly #commands: Commands;
  readonly #coverage: Coverage;
  readonly #erasures: Erasures;
  readonly #pending: Pending;
  readonly #observer: Observer;
  readonly #assembler: Assembler;
  readonly #broadcasts = new Broadcasts();
  readonly #unclaimed: Unclaimed;
  readonly #outbox: Outbox;
  readonly #batcher: Batcher;
  readonly #publisher: Publisher;
  readonly #capacity: Capacity;
  readonly #rotation: Rotation;
  readonly #voice: Voice;
  readonly #pruneTimer: NodeJS.Timeout;
  readonly #waiting = new Set<() => void>();
  #commandsIgnored = 0;
  #failed = false;
  #stopped: Promise<void> | undefined;

  constructor(options: GatewayOptions, sealContent: SealContent, channel: PrivateChannel) {
    const { db, keys, identity, enrolled, clock, realNow, test } = options;
    const { doublesKey } = keys;
    const onFailure = (error: unknown) => this.#fail(error);
    const lastRun = openLastRun(db);
    const doubles = openDoubles(db, realNow);
    this.recordCursors = openRecordCursors(db);
    this.#options = options;
    const boot = new Uint8Array(randomBytes(16));
    const rows = { db, storageKey: keys.storageKey, boot };
    this.deviceUsers = ownedUsers(
      openDeviceUsers(rows),
      db,
      () => this.#assignments,
      (work) => this.#orFail(work),
    );
    const held = openHeld({ ...rows, realNow });
    this.#voice = new Voice({
      ...{ identity, channel, boot, realNow, hpkeKey: enrolled.hpkeKey },
      send: (sealed) => this.#publisher.sendReport(sealed),
    });
    this.pairings = new Pairings({ report: this.#voice.report, realNow });
    this.#assignments = new Assignments(db, keys.storageKey, enrolled.devices);
    const { devices } = this.#assignments;
    this.#collect = new Collect(db);
    this.#pending = new Pending({
      ...{ ...rows, doubles, clock, groupMs: options.groupMs },
      onCommit: () => this.#batcher.appended(),
      onDiskFull: (full) => this.#capacity.setDiskFull(full),
      onFailure,
    });
    const { setAside } = this.#pending;
    if (setAside > 0) options.log.warn({ rows: setAside }, 'the disk altered what was heard; its time is not attested');
    this.#outbox = new Outbox(db, keys.storageKey);
    const shared = { db, assignments: this.#assignments, collect: this.#collect };
    const stores = { ...shared, doubles, held, pending: this.#pending, outbox: this.#outbox };
    const undisturbed = (work: () => void) => this.#batcher.undisturbed(work);
    this.#erasures = new Erasures({ ...options, ...stores, undisturbed, report: this.#voice.report });
    // Before anything is listened to or sent.
    this.#erasures.resume();
    this.#commands = new Commands({
      ...{ ...shared, realNow, serviceKey: enrolled.serviceKey },
      agent: () => identity.session.agent,
      rotation: { want: () => this.#rotation.want() },
      erase: (action) => this.#erasures.order(action),
      openActions: (sealed) => this.#voice.openActions(sealed),
    });
    this.#coverage = new Coverage(devices, { from: clock(), test });
    const isPermitted = (subject: Uint8Array) => this.#collect.isPermitted(subject);
    this.#unclaimed = new Unclaimed({
      ...{ held, devices, isPermitted, doublesKey, pending: this.#pending },
      report: (users) => this.#voice.report({ type: 'held', users }),
      nameOf: (address) => this.#observer.nameOf(address),
    });
    const { zoneOf, heardWithinMs } = options;
    this.#observer = new Observer({
      ...{ devices, isPermitted, test, doublesKey },
      leaves: new ReadingLeaves({ zoneOf, test, ...(heardWithinMs !== undefined && { heardWithinMs }) }),
      pending: this.#pending,
      coverage: this.#coverage,
      hold: (assigned, user, readings) => this.#orFail(() => this.#unclaimed.hold(assigned, user, readings)),
    });
    this.#assembler = openAssembler({ hear: (whole) => this.#observer.hear(whole), after: later });
    this.#publisher = new Publisher({
      ...options,
      outbox: this.#outbox,
      brokerUrl: enrolled.broker.url,
      serviceKey: enrolled.serviceKey,
      tuning: options.publishing,
      onCommand: (signed) => void this.#obey(signed),
      onConnected: () => {
        this.#voice.hello();
        this.#unclaimed.tell();
      },
      onChange: () => {
        this.#guard(() => this.#erasures.settle());
        this.#batcher.appended();
        this.#notify();
      },
      onFailure,
    });
    this.#capacity = new Capacity({
      capacityOctets: options.capacityOctets,
      usedOctets: () => this.#pending.octets + this.#outbox.octets,
      takenOctets: () => this.#pending.takenOctets,
      realNow,
      onChange: (full) => this.#roomChanged(full),
    });
    const spokenOf = (subject: Uint8Array) => this.#outbox.spokenOf(subject);
    this.#batcher = new Batcher({
      ...{ ...stores, coverage: this.#coverage },
      seal: (bodies, place) => sealBatch(bodies, place, { signer: identity.sealing.signer, sealContent, spokenOf }),
      hasRoom: () => this.#capacity.admitsCoverage,
      isBehind: () => {
        const { unheld, waiting } = this.#outbox.counts();
        return unheld - waiting >= options.publishing.window;
      },
      covered: (through) => lastRun.cover(through),
      agent: () => identity.sealing.agent,
      clock,
      ...options.batch,
      heartbeatMs: options.heartbeatMs,
      onSealed: () => this.#publisher.wake(),
      onFailure,
    });
    this.#rotation = new Rotation({
      ...{ ...options, outbox: this.#outbox, undisturbed },
      onSwitched: () => this.#voice.renamed().then(() => this.#publisher.reconnect()),
      onFailure,
    });
    const prune = () => {
      doubles.prune();
      held.prune();
    };
    this.#pruneTimer = setInterval(() => this.#guard(prune), PRUNE_EVERY_MS);
    this.#applyPauses();
    this.#publisher.start();
    this.#release();
    lastRun.attest(this.#coverage, this.#pending, clock());
    if (this.#pending.count > 0) this.flush().catch(() => undefined);
    this.#rotation.resume();
  }

  /** Name towards broker and service; it changes with the signing key. */
  get id(): AgentId {
    return this.#options.identity.session.id;
  }

  /** True for a device that is a patient's here, whether or not it may be heard now. */
  isAssigned(address: string): boolean {
    return this.#assignments.devices.has(address.toLowerCase());
  }

  /** True for a device that is assigned to this agent and of which a patient lets us collect. */
  wants(address: string): boolean {
    const assigned = this.#assignments.devices.get(address.toLowerCase());
    return assigned !== undefined && patientsOf(assigned).some((subject) => this.#collect.isPermitted(subject));
  }

  /** Addresses of the devices that it wants now. */
  get wanted(): string[] {
    return [...this.#assignments.devices.keys()].filter((address) => this.wants(address));
  }

  /** Takes in a value; see {@link Assembler.hear}: when this resolves, the device may forget it. */
  async hear(notification: Notification): Promise<void> {
    this.#capacity.admit();
    await this.#assembler.hear(notification).catch((error: unknown) => {
      if (isFault(error, 'unavailable') && error.retry === 'later') this.#capacity.refusedByDisk();
      throw error;
    });
    this.pairings.valueCame(notification.device.toLowerCase());
  }

  /** Takes in what a device says without a connection; `uptimeMs` is noted in the reading, where it means anything. */
  async overhear(broadcast: Broadcast, uptimeMs?: number): Promise<void> {
    const heard = this.#broadcasts.take(broadcast);
    const noted = uptimeMs === undefined ? {} : { uptimeMs };
    await Promise.all(heard.map((notification) => this.hear({ ...notification, ...noted })));
  }

  /** Takes in who a device says it is. */
  meet(facts: DeviceFacts): Promise<void> {
    return this.#observer.meet(facts, this.#options.clock());
  }

  /** Takes in what a device's clock shows; to be called before what the device measured by it. */
  noteClock(clock: HeardClock): Promise<void> {
    return this.#observer.noteClock(clock);
  }

  /** Takes in what became of a link; `mute`: the device gives nothing that it measures on it. */
  linkChanged(address: string, state: LinkState, at: Instant, mute = false): void {
    if (state === 'lost') this.#assembler.linkEnded(address);
    // The radio may have gone by what was wanted a moment ago.
    if (state === 'connected' && !this.wants(address)) this.pairings.forget(address.toLowerCase());
    this.#coverage.linkChanged(address.toLowerCase(), state, at);
    this.pairings.linkChanged(address.toLowerCase(), state, mute);
  }

  /** Closes and seals what is pending now. Rejects when that was not possible. */
  async flush(): Promise<void> {
    await this.#batcher.flush();
    if (this.#failed) throw new Fault('unavailable', 'the state folder cannot be written');
  }

  /**
   * Resolves when everything heard so far is sealed, held by the service and in the log. Waits for the network as long
   * as it takes; rejects when sending was halted, the state cannot be written, or the agent stops.
   */
  async settled(): Promise<void> {
    this.#assembler.goOn();
    await this.flush();
    const target = this.#outbox.lastSequence;
    while (!this.#stopped && this.#outbox.hasUnlogged(target)) {
      const { halted } = this.#publisher;
      if (halted) throw new Fault(halted, 'the service refused a batch for good');
      if (this.#outbox.counts().waiting > 0) throw new Fault('quarantined', 'the key is revoked, and people decide');
      if (this.#failed) break;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    if (this.#stopped || this.#failed) throw new Fault('unavailable', 'the agent stopped before all was settled');
  }

  status(): AgentStatus {
    return describeStatus({
      observed: this.#observer.counts,
      assembled: this.#assembler.counts,
      publisher: this.#publisher,
      pending: this.#pending.count,
      sealed: this.#outbox.lastSequence,
      outbox: this.#outbox.counts(),
      buffer: this.#capacity.status,
      commandsIgnored: this.#commandsIgnored,
      failed: this.#failed,
    });
  }

  /** Makes all that was heard durable, disconnects and closes the state; takes less than a second. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#pruneTimer);
    this.#assembler.end();
    this.pairings.stop();
    await this.#commands.idle();
    await this.#rotation.stop();
    if (!this.#failed) this.#batcher.commit();
    await this.#batcher.stop();
    await this.#publisher.stop();
    this.#unclaimed.stop();
    this.#options.db.close();
    this.#notify();
  }

  async #obey(signed: Uint8Array): Promise<void> {
    if (this.#stopped) return;
    try {
      const obeyed = await this.#commands.obey(signed);
      if (obeyed.outcome === 'obeyed') this.#follow(obeyed);
      else this.#commandsIgnored++;
    } catch (error) {
      if (error instanceof Fault) this.#commandsIgnored++;
      else this.#fail(error);
    }
  }

  /** What follows from a command that is durable. */
  #follow({ changes, actions, taken }: ObeyedCommand): void {
    const at = this.#options.clock();
    for (const { address } of changes.removed) {
      this.#coverage.remove(address, at);
      this.pairings.remove(address);
    }
    for (const device of changes.added) this.#coverage.add(device.address, device, at);
    this.#applyPauses();
    // A device hears that it may forget what it measured as long as it is linked; so nobody is who may not be heard.
    for (const address of this.#assignments.devices.keys()) if (!this.wants(address)) this.pairings.forget(address);
    this.#release();
    for (const action of actions) this.pairings.act(action, taken.includes(action));
    this.#rotation.resume();
    if (actions.some(({ type }) => type === 'erase')) this.#erasures.run().catch((error: unknown) => this.#fail(error));
  }

  /** Lets go what waited for somebody to claim it. An agent that stops meanwhile does it at its next start. */
  #release(): void {
    this.#unclaimed.release().catch((error: unknown) => {
      if (!this.#stopped) this.#fail(error);
    });
  }

  #applyPauses(): void {
    for (const { address, subject } of this.#assignments.devices.values()) {
      this.#coverage.setPaused(address, !this.#collect.isPermitted(subject), this.#options.clock());
    }
  }

  #orFail(work: () => void): void {
    if (!this.#guard(work)) {
      throw new Fault('unavailable', 'the state folder cannot be written', this.#failed ? 'never' : 'later');
    }
  }

  /** False when it failed. */
  #guard(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #roomChanged(full: 'capacity' | 'disk' | undefined): void {
    this.#coverage.setOverflow(full !== undefined, this.#options.clock());
    if (full) this.#options.log.warn({ full }, 'there is no room for readings; devices keep theirs where they can');
    else this.#options.log.info({}, 'there is room for readings again');
  }

  #fail(error: unknown): void {
    // On a full disk nothing was written and nothing is lost: what could not be done is done later.
    if (isDiskFull(error)) this.#capacity.setDiskFull(true);
    if (this.#failed || isDiskFull(error)) return;
    this.#failed = true;
    const code = error instanceof Fault ? error.code : ((error as { errcode?: number }).errcode ?? 'unknown');
    this.#options.log.error({ code }, 'the state folder cannot be used; stop the agent, a restart recovers');
    this.#notify();
    this.#options.onFailure(error);
  }

  #notify(): void {
    this.#capacity.look();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
