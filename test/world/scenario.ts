/** What happens in the world of a seed: people measure, permit and forbid, and everything goes wrong that can. */

import { decodeHex } from '../../protocol/bytes.ts';
import { ALL_CLASSES, type CollectTerms } from '../../protocol/consent-event.ts';
import { checkWorld } from './check.ts';
import type { Control } from './controls.ts';
import { Founders } from './founders.ts';
import { TEMPERATURE } from './home.ts';
import type { Machine, Trouble } from './machine.ts';
import { runAs } from './scheduler.ts';
import { describe, type Home, type Template, World } from './world.ts';

export interface SeedOptions {
  readonly seed: number;
  readonly root: string;
  readonly template: Template;
  readonly control?: Control | undefined;
  readonly trace?: ((line: string) => void) | undefined;
}

export interface Outcome {
  readonly seed: number;
  readonly problems: readonly string[];
  /** The same for each run of a seed. */
  readonly fingerprint: number;
  readonly steps: number;
  /** What came to pass, by name. */
  readonly counts: Readonly<Record<string, number>>;
}

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

export async function runSeed(options: SeedOptions): Promise<Outcome> {
  const { seed, root, template, control, trace } = options;
  // One in a few begins with nothing: the first start and the enrolment are in trouble, too.
  const isNew = seed % 4 === 0;
  const world = new World({ seed, root, people: template.people, ...(!isNew && { template }), control, trace });
  try {
    const scenario = new Scenario(world);
    // A check that cannot even be made is a problem of this seed, and not of the run.
    await scenario.play().catch((error: unknown) => world.problem(`thrown by the check: ${describe(error)}`));
    const { problems, scheduler } = world;
    return { seed, problems, fingerprint: scheduler.fingerprint, steps: scheduler.steps, counts: scenario.counts };
  } finally {
    await world.end();
  }
}

class Scenario {
  readonly counts: Record<string, number> = {};
  readonly #world: World;
  readonly #founders: Founders;
  /** Grants that the service said it has, by patient. */
  readonly #granted: string[][];

  constructor(world: World) {
    this.#world = world;
    this.#founders = new Founders(world);
    this.#granted = world.people.map(() => []);
  }

  async play(): Promise<void> {
    const world = this.#world;
    this.#founders.start();
    this.#setMood();
    const acts = 20 + this.#pick(40);
    const kinds = this.#kinds();
    for (let i = 0; i < acts; i++) {
      this.#founders.act();
      this.#act(kinds[this.#pick(kinds.length)]!);
      await world.run(this.#chance(0.5) ? this.#pick(60) : this.#pick(1500));
      if (world.problems.length > 0) return;
    }
    await this.#calm();
    if (world.problems.length > 0) return;
    await checkWorld(world, this.#granted, this.counts);
  }

  #pick(below: number): number {
    return Math.floor(this.#world.random() * below);
  }

  #chance(of: number): boolean {
    return this.#world.random() < of;
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#pick(list.length)]!;
  }

  #count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }

  get #machines(): Machine[] {
    const { hub, homes } = this.#world;
    return [hub, hub, ...homes.map(({ machine }) => machine)];
  }

  #setMood(): void {
    const { network, mischief } = this.#world;
    network.latencyMs = this.#one([1, 5, 40, 400]);
    network.cutRate = this.#one([0, 0, 0.01, 0.05]);
    mischief.lieRate = this.#one([0, 0, 0.2, 0.6]);
    mischief.doubleRate = this.#one([0, 0.1, 0.3]);
    mischief.muteRate = this.#one([0, 0.1, 0.4]);
  }

  /** What can happen in this seed, as often as it is in the list. */
  #kinds(): string[] {
    const always = ['measure', 'measure', 'measure', 'measure', 'measure', 'measure', 'again'];
    const sometimes = ['trouble', 'trouble', 'power', 'kill', 'unplug', 'replay', 'clock', 'permit', 'mood', 'sleep'];
    return [...always, ...sometimes.flatMap((kind) => (this.#chance(0.5) ? [kind, kind] : []))];
  }

  #act(kind: string): void {
    this.#count(kind);
    this.#acts[kind]!();
  }

  readonly #acts: Readonly<Record<string, () => void>> = {
    measure: () => this.#measure(),
    again: () => this.#tellAgain(true),
    mood: () => this.#setMood(),
    unplug: () => this.#unplug(),
    permit: () => this.#decide(),
    replay: () => {
      const agents = [...this.#world.mischief.recorded.keys()];
      if (agents.length > 0) this.#world.mischief.replay(this.#one(agents), 6);
    },

    trouble: () => {
      const machine = this.#one(this.#machines);
      const trouble: Trouble = this.#one(['cut', 'cut', 'kill', 'eio', 'full']);
      const [steps, moment] = [this.#pick(30), this.#one(['before', 'after'] as const)];
      if (!machine.isPlanned) machine.plan(trouble, steps, moment);
    },

    power: () => {
      const machine = this.#one(this.#machines);
      this.#world.note(`${machine.name}: power cut`);
      machine.cutPower();
    },

    kill: () => {
      const processes = this.#machines.flatMap(({ processes }) => [...processes]);
      if (processes.length === 0) return;
      const process = this.#one(processes);
      this.#world.note(`${process.name}: killed`);
      process.machine.kill(process);
    },

    clock: () => {
      const machine = this.#one(this.#machines);
      const span = this.#one([0, DAY_MS, YEAR_MS, 3 * YEAR_MS]);
      machine.clockOffset = Math.floor(span * (2 * this.#world.random() - 1));
      this.#world.note(`${machine.name}: clock ${machine.clockOffset}`);
    },

    // What was under way comes a week late.
    sleep: () => {
      if (this.#chance(0.5)) for (const machine of new Set(this.#machines)) machine.cutPower();
      this.#world.scheduler.now += 7 * DAY_MS;
      this.#world.note('a week passes');
    },
  };

  #measure(): void {
    const home = this.#one(this.#world.homes);
    const wearable = this.#one(home.wearables);
    const burst = this.#chance(0.2) ? 1 + this.#pick(20) : 1 + this.#pick(3);
    for (let i = 0; i < burst; i++) {
      const measured = { value: 40 + wearable.measured.length };
      wearable.measured.push(measured);
      this.#world.tell(home, wearable, measured);
    }
    this.#tellAgain(false);
  }

  /** A thermometer keeps what was not confirmed; and when the confirmation was lost, what was. */
  #tellAgain(confirmedToo: boolean): void {
    for (const home of this.#world.homes) {
      for (const wearable of home.wearables) {
        if (wearable.characteristic !== TEMPERATURE) continue;
        for (const measured of wearable.measured) {
          const isKept = measured.confirmedAt === undefined;
          if (isKept ? this.#chance(0.5) : confirmedToo && this.#chance(0.3)) {
            this.#world.tell(home, wearable, measured);
          }
        }
      }
    }
  }

  #unplug(): void {
    const { network, scheduler, outside } = this.#world;
    for (const connection of [...network.connections]) if (this.#chance(0.7)) connection.cut();
    if (network.isDown || this.#chance(0.5)) return;
    network.isDown = true;
    scheduler.after(outside, this.#pick(8000), () => {
      network.isDown = false;
    });
  }

  /** A patient grants or revokes; the first one never does. */
  #decide(): void {
    const world = this.#world;
    const patient = 1 + this.#pick(world.people.length - 1);
    const client = world.clients[patient]!;
    const inForce = [...(world.witness.permissions[patient]!.at(-1)?.grants.keys() ?? [])];
    if (inForce.length > 0 && this.#chance(0.6)) {
      this.#count('revocations');
      const grant = this.#one(inForce);
      runAs(world.outside, () => client.revoke(grant)).catch(() => undefined);
      return;
    }
    this.#count('grants');
    const wearables = world.homes.flatMap((home) => home.wearables).filter((wearable) => wearable.patient === patient);
    const terms: CollectTerms = {
      action: 'collect',
      classes: this.#one([[ALL_CLASSES], ['heart-rate'], ['body-temperature']]),
      period: { from: 0 },
      ...(this.#chance(0.3) && { device: decodeHex(this.#one(wearables).handle) }),
    };
    runAs(world.outside, () => client.grant(terms)).then(
      (id) => void this.#granted[patient]!.push(id),
      () => undefined,
    );
  }

  /** All is well again, and stays so until everything is where it belongs. */
  async #calm(): Promise<void> {
    const world = this.#world;
    const { network, mischief } = world;
    world.note('calm');
    Object.assign(network, { cutRate: 0, latencyMs: 2, isDown: false });
    Object.assign(mischief, { lieRate: 0, doubleRate: 0, muteRate: 0 });
    for (const machine of new Set(this.#machines)) {
      machine.unplan();
      for (const [trouble, n] of Object.entries(machine.troubles)) this.#count(`${trouble} at a step`, n);
    }
    const runs = () => world.service && world.writer && world.homes.every(({ running }) => running);
    for (let i = 0; i < 120 && !(runs() && this.#founders.isDone); i++) {
      this.#founders.act();
      await world.run(500);
    }
    if (!runs() || !this.#founders.isDone) return world.problem('not everything starts again');
    await world.run(10_000);
    this.#tellKept();
    await world.run(100);
    for (const home of world.homes) await this.#settle(home);
    if (world.problems.length === 0) await this.#finish();
  }

  #tellKept(): void {
    for (const home of this.#world.homes) {
      for (const wearable of home.wearables) {
        if (wearable.characteristic !== TEMPERATURE) continue;
        for (const measured of wearable.measured) {
          if (measured.confirmedAt === undefined) this.#world.tell(home, wearable, measured);
        }
      }
    }
  }

  async #settle({ index, running }: Home): Promise<void> {
    const world = this.#world;
    if (!running) return world.problem(`agent${index} does not stay up`);
    const { process, gateway } = running;
    const isDone = await this.#promise(() => runAs(process, () => gateway.settled()), 120_000);
    if (!isDone) world.problem(`agent${index} does not settle: ${JSON.stringify(gateway.status())}`);
  }

  async #finish(): Promise<void> {
    const { service, writer } = this.#world;
    const caughtUp = await this.#promise(() => runAs(service!.process, () => service!.service.caughtUp()), 60_000);
    const flushed = await this.#promise(() => runAs(writer!.process, () => writer!.writer.flush()), 60_000);
    if (!caughtUp || !flushed) return this.#world.problem('service or ledger writer does not catch up');
    // A heartbeat may have come meanwhile: a moment at which nothing is under way.
    if (!(await this.#world.until(() => this.#isQuiet(), 60_000)))
      this.#world.problem('the world does not come to rest');
  }

  #isQuiet(): boolean {
    const { homes, service, writer } = this.#world;
    if (!service || !writer || service.service.store.commitments.countUnlogged() > 0) return false;
    return homes.every(({ running }) => {
      const { pending = 1, outbox = 1, sealed = 0, logged = 0 } = running?.gateway.status() ?? {};
      return pending === 0 && outbox === 0 && sealed === logged;
    });
  }

  async #promise(start: () => Promise<unknown>, ms: number): Promise<boolean> {
    let state: 'pending' | 'done' | 'failed' = 'pending';
    start().then(
      () => {
        state = 'done';
      },
      () => {
        state = 'failed';
      },
    );
    await this.#world.until(() => state !== 'pending', ms);
    return (state as string) === 'done';
  }
}
