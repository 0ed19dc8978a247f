/**
 * A simulated machine: a disk, a clock, and processes that come and go. It fails where a seed says: power, one process,
 * or the disk, before or after any step that reaches the disk.
 */
import { cpSync, rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { Random } from '../../simulators/random.ts';
import { Disk } from './disk.ts';
import { PowerCut, type Process } from './scheduler.ts';

/** What happens at a step of the disk. */
export type Trouble = 'cut' | 'kill' | 'eio' | 'full';

interface Plan {
  /** Steps of the disk until then. */
  steps: number;
  readonly trouble: Trouble;
  readonly moment: 'before' | 'after';
}

/** A connection of a process. */
export interface OpenDatabase {
  readonly database: DatabaseSync;
  path: string;
}

export interface SimProcess extends Process {
  readonly machine: Machine;
  readonly databases: Map<DatabaseSync, OpenDatabase>;
  /** Called when it ends, however it ends. */
  readonly onDeath: (() => void)[];
}

export interface MachineOptions {
  readonly name: string;
  /** Where its folders go, one for each time that power came back. */
  readonly root: string;
  readonly random: Random;
  readonly note: (what: string) => void;
  readonly isLie?: (path: string) => boolean;
  /** What SQLite says of a database in a cut; asked while it is open. */
  readonly synchronousOf: (database: DatabaseSync) => number;
}

export class Machine {
  readonly name: string;
  /** Its clock against the true one, ms. */
  clockOffset = 0;
  disk: Disk;
  readonly processes = new Set<SimProcess>();
  /** Troubles that came to pass, by kind. */
  readonly troubles: Record<string, number> = {};
  readonly #options: MachineOptions;
  #lives = 0;
  #plan: Plan | undefined;

  /** `template`: what its disk holds at first. */
  constructor(options: MachineOptions, template: string | undefined) {
    this.name = options.name;
    this.#options = options;
    if (template) cpSync(template, this.#folder(), { recursive: true });
    this.disk = new Disk({ directory: this.#folder(), ...(options.isLie && { isLie: options.isLie }) });
  }

  #folder(): string {
    return `${this.#options.root}/${this.name}-${this.#lives}`;
  }

  start(name: string): SimProcess {
    const process: SimProcess = {
      name,
      machine: this,
      alive: true,
      databases: new Map(),
      onDeath: [],
      clockOffset: () => this.clockOffset,
      touch: (what, moment) => this.#touch(process, what, moment),
    };
    this.processes.add(process);
    return process;
  }

  /** True while some trouble is on its way. */
  get isPlanned(): boolean {
    return this.#plan !== undefined;
  }

  plan(trouble: Trouble, steps: number, moment: 'before' | 'after'): void {
    // A full disk refuses before it does anything; after any other error nobody knows.
    this.#plan = { trouble, steps, moment: trouble === 'full' ? 'before' : moment };
  }

  unplan(): void {
    this.#plan = undefined;
  }

  #touch(process: SimProcess, what: string, moment: 'before' | 'after'): void {
    if (!process.alive) throw new PowerCut('no power');
    const plan = this.#plan;
    if (!plan || (moment === 'before' && plan.steps-- > 0) || plan.steps > -1 || plan.moment !== moment) return;
    this.#plan = undefined;
    this.#options.note(`${process.name}: ${plan.trouble} ${moment} ${what}`);
    this.troubles[plan.trouble] = (this.troubles[plan.trouble] ?? 0) + 1;
    if (plan.trouble === 'cut') this.cutPower();
    else if (plan.trouble === 'kill') this.kill(process);
    else throw diskError(plan.trouble, what);
    throw new PowerCut(plan.trouble);
  }

  /** Everything on it ends at once, and its disk holds what was durable. */
  cutPower(): void {
    const { random, synchronousOf } = this.#options;
    const modes = new Map<string, number>();
    for (const { databases } of this.processes) {
      for (const { database, path } of databases.values()) {
        if (database.isOpen) modes.set(path, Math.min(modes.get(path) ?? 2, synchronousOf(database)));
      }
    }
    const old = this.#folder();
    this.#lives++;
    this.disk.cut(this.#folder(), (path) => modes.get(path) ?? 2, random);
    for (const process of [...this.processes]) this.kill(process);
    const { isLie } = this.#options;
    this.disk = new Disk({ directory: this.#folder(), ...(isLie && { isLie }) });
    rmSync(old, { recursive: true, force: true });
  }

  /** kill -9: what it wrote is in the page cache, and its locks are gone. */
  kill(process: SimProcess): void {
    if (!process.alive) return;
    process.alive = false;
    this.processes.delete(process);
    for (const { database } of process.databases.values()) if (database.isOpen) database.close();
    process.databases.clear();
    for (const end of process.onDeath) end();
  }
}

function diskError(trouble: 'eio' | 'full', what: string): Error {
  if (what.startsWith('sqlite')) {
    // https://sqlite.org/rescode.html: SQLITE_IOERR_FSYNC and SQLITE_FULL, as node:sqlite throws them.
    const errcode = trouble === 'eio' ? 1034 : 13;
    return Object.assign(new Error('simulated'), { code: 'ERR_SQLITE_ERROR', errcode });
  }
  return Object.assign(new Error('simulated'), { code: trouble === 'eio' ? 'EIO' : 'ENOSPC', errno: -5 });
}
