/**
 * One world of one seed: machines, network and people, the real programs on them, and what is known of it from outside.
 * Processes that end are started again, as their supervisors would.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Signer } from '../../protocol/cose.ts';
import { createPatientClient, type PatientClient } from '../../simulators/patient-client.ts';
import { createRandom, type Random } from '../../simulators/random.ts';
import {
  type Control,
  isTileFolder,
  spoilConsent,
  spoiledSql,
  spoilFiling,
  spoilInbox,
  synchronousOf,
} from './controls.ts';
import { rewriteSql } from './disk-patches.ts';
import { encodeMeasured, type RunningAgent, startAgent, type Wearable, wearablesOf } from './home.ts';
import { type HubOptions, type RunningService, type RunningWriter, startService, startWriter } from './hub.ts';
import { Machine, type SimProcess } from './machine.ts';
import { Mischief } from './mischief.ts';
import { HTTP_PORT, Network, wire } from './network.ts';
import { stand } from './patches.ts';
import { EPOCH, runAs, Scheduler } from './scheduler.ts';
import { Witness } from './witness.ts';

/** A patient outside of the service. */
export interface Person {
  readonly subject: Uint8Array;
  readonly signer: Signer;
}

/** What every world begins with: an enrolled agent in each home, and patients who consented. */
export interface Template {
  /** Folders of the machines. */
  readonly hub: string;
  readonly homes: readonly string[];
  readonly people: readonly Person[];
}

/** Whose wearables are in which home, by index. */
export const HOUSEHOLDS: readonly (readonly number[])[] = [
  [0, 1],
  [1, 2],
];

export interface Home {
  readonly index: number;
  readonly machine: Machine;
  readonly wearables: readonly Wearable[];
  running: RunningAgent | undefined;
}

/** Who brings an agent into a home. */
export interface Installer {
  /** An enrolment code, where one is needed and can be had. */
  readonly codeOf: () => string | undefined;
  /** True for an agent that may fail to start for this. */
  readonly isExcused: (error: unknown) => boolean;
}

export interface WorldOptions {
  readonly seed: number;
  readonly root: string;
  readonly people: readonly Person[];
  /** Absent: everything is new. */
  readonly template?: Template;
  readonly control?: Control | undefined;
  readonly trace?: ((line: string) => void) | undefined;
}

export class World {
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly mischief: Mischief;
  readonly witness: Witness;
  readonly outside: SimProcess;
  readonly hub: Machine;
  readonly homes: readonly Home[];
  readonly clients: readonly PatientClient[];
  readonly people: readonly Person[];
  /** What must not be, found on the way. */
  readonly problems: string[] = [];
  service: RunningService | undefined;
  writer: RunningWriter | undefined;
  /** False at the end: what dies stays dead. */
  restarts = true;
  readonly #options: WorldOptions;
  readonly #hubOptions: HubOptions;

  constructor(options: WorldOptions) {
    const { seed, root, people, template, control } = options;
    const stream = (n: number) => createRandom(seed * 16 + n);
    this.#options = options;
    this.people = people;
    this.random = stream(0);
    this.scheduler = new Scheduler(stream(1));
    this.network = new Network(this.scheduler, stream(2));
    const disks = stream(3);
    const note = (what: string) => this.note(what);
    const machine = (name: string, from: string | undefined) =>
      new Machine(
        {
          name,
          root,
          random: disks,
          note,
          synchronousOf,
          isLie: control === 'tiles-not-synced' ? isTileFolder : () => false,
        },
        from,
      );
    this.outside = machine('outside', undefined).start('outside');
    this.mischief = new Mischief(this.network, this.scheduler, stream(4), this.outside);
    this.hub = machine('hub', template?.hub);
    this.homes = HOUSEHOLDS.map((indexes, index) => ({
      index,
      machine: machine(`home${index}`, template?.homes[index]),
      wearables: wearablesOf(
        index,
        indexes.map((i) => ({ index: i, subject: people[i]!.subject })),
      ),
      running: undefined,
    }));
    stand({ scheduler: this.scheduler, entropy: stream(5) });
    wire(this.network);
    rewriteSql(spoiledSql(control));
    this.witness = new Witness(this);
    this.#hubOptions = {
      machine: this.hub,
      onContradiction: (error) => this.problem(`the log contradicts itself: ${String(error)}`),
      ...(control === 'early-acknowledgement' && { spoilInbox }),
      spoilStore: (store) => {
        spoilConsent(control, store);
        spoilFiling(control, store);
      },
    };
    const clock = () => EPOCH + Math.floor(this.scheduler.now) + this.hub.clockOffset;
    this.clients = people.map(({ signer }) => createPatientClient(`http://127.0.0.1:${HTTP_PORT}`, signer, clock));
  }

  note(what: string): void {
    this.scheduler.note(what);
    this.#options.trace?.(`${(this.scheduler.now / 1000).toFixed(3).padStart(10)} ${what}`);
  }

  problem(what: string): void {
    this.problems.push(what);
    this.note(`PROBLEM ${what}`);
  }

  startHub(): void {
    this.#boot(
      this.hub,
      'writer',
      (process) => startWriter(this.#hubOptions, process),
      (running) => {
        this.writer = running;
        if (running) this.witness.watchWriter(running);
      },
    );
    this.#boot(
      this.hub,
      'service',
      (process) => startService(this.#hubOptions, process),
      (running) => {
        this.service = running;
        if (running) this.witness.watchService(running);
      },
    );
  }

  startHome(home: Home, { codeOf = () => undefined, isExcused = () => false }: Partial<Installer> = {}): void {
    const start = (process: SimProcess) => startAgent(home.machine, process, () => this.#giveUp(process), codeOf());
    const set = (running: RunningAgent | undefined) => {
      home.running = running;
    };
    this.#boot(home.machine, `agent${home.index}`, start, set, isExcused);
  }

  /** The agent says that it cannot go on: its supervisor ends it and starts another. */
  #giveUp(process: SimProcess): void {
    this.scheduler.after(this.outside, 1, () => process.machine.kill(process));
  }

  #boot<T>(
    machine: Machine,
    name: string,
    start: (process: SimProcess) => Promise<T>,
    set: (running: T | undefined) => void,
    isExcused: (error: unknown) => boolean = () => false,
  ): void {
    const process = machine.start(name);
    const troubles = () => (machine.troubles.eio ?? 0) + (machine.troubles.full ?? 0);
    const before = troubles();
    process.onDeath.push(() => {
      set(undefined);
      if (!this.restarts) return;
      this.scheduler.after(this.outside, 100 + 3000 * this.random(), () =>
        this.#boot(machine, name, start, set, isExcused),
      );
    });
    start(process).then(
      (running) => {
        if (!process.alive) return;
        this.note(`${name} runs`);
        set(running);
      },
      (error: unknown) => {
        if (!process.alive) return;
        if (!isExcused(error) && troubles() === before) this.problem(`${name} does not start: ${describe(error)}`);
        machine.kill(process);
      },
    );
  }

  /** A wearable tells its agent a value; it is confirmed when the agent says that it is durable. */
  tell(home: Home, wearable: Wearable, measured: Wearable['measured'][number]): void {
    const { running } = home;
    if (!running?.gateway.wants(wearable.address)) return;
    const { process, gateway } = running;
    measured.heardAt ??= this.scheduler.steps;
    this.note(
      `home${home.index} hears ${measured.value} of ${wearable.characteristic.toString(16)} of ${wearable.patient}`,
    );
    runAs(process, () => {
      const value = encodeMeasured(wearable.characteristic, measured.value);
      const heard = { device: wearable.address, connection: 1, characteristic: wearable.characteristic, value };
      gateway.hear({ ...heard, heardAt: Date.now() }).then(
        () => {
          if (process.alive && gateway.wants(wearable.address)) measured.confirmedAt ??= this.scheduler.steps;
        },
        () => undefined, // told again, where the wearable keeps it
      );
    });
  }

  /** Lets the world go on for a while. */
  async run(ms: number): Promise<void> {
    const until = this.scheduler.now + ms;
    await this.scheduler.settle();
    while (await this.scheduler.step(until)) this.#afterStep();
  }

  /** Until something holds; false when it does not within `ms`. */
  async until(holds: () => boolean, ms: number): Promise<boolean> {
    const until = this.scheduler.now + ms;
    await this.scheduler.settle();
    while (!holds()) {
      if (!(await this.scheduler.step(until))) return holds();
      this.#afterStep();
    }
    return true;
  }

  #afterStep(): void {
    this.witness.look();
    for (const error of this.scheduler.thrown.splice(0)) this.problem(`thrown: ${describe(error)}`);
  }

  /** Ends everything, without ceremony. */
  async end(): Promise<void> {
    this.restarts = false;
    for (const machine of [this.hub, ...this.homes.map((home) => home.machine)]) {
      for (const process of [...machine.processes]) machine.kill(process);
    }
    await this.scheduler.settle();
    stand(undefined);
    wire(undefined);
  }

  /** What is served of the log. */
  servedCheckpoint(): string | undefined {
    try {
      return readFileSync(join(this.hub.disk.directory, 'log', 'checkpoint'), 'utf8');
    } catch {
      return undefined;
    }
  }
}

export function describe(error: unknown): string {
  return error instanceof Error
    ? `${error.message} ${error.stack?.split('\n').slice(1, 4).join(' <') ?? ''}`
    : String(error);
}
