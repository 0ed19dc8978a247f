/**
 * Virtual time for a whole world in one process. Every timer and every `setImmediate` of a simulated process is an event
 * here; the driver fires one, then waits until nothing is left to do in this turn (microtasks, ticks, crypto in worker
 * threads), so that one seed is one order of events.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Random } from '../../simulators/random.ts';

/** Thrown into code whose machine has lost power or whose process was killed: it must not go on. */
export class PowerCut extends Error {}

/** A simulated process. What runs in its context sees its clock, its disk and its network. */
export interface Process {
  readonly name: string;
  alive: boolean;
  /** Its clock against the true one, ms. */
  clockOffset(): number;
  /** Called around everything that reaches its disk; may throw. */
  touch(what: string, moment: 'before' | 'after'): void;
}

/** True time at which every world begins. */
export const EPOCH = Date.UTC(2026, 2, 1, 8);

const contexts = new AsyncLocalStorage<Process>();

/** The process in whose context we are. */
export function currentProcess(): Process | undefined {
  return contexts.getStore();
}

export function runAs<T>(process: Process, work: () => T): T {
  return contexts.run(process, work);
}

/** What `setTimeout` answers. */
export class SimTimer {
  cancelled = false;
  /** Grows when the timer starts over: what was on its way then is void. */
  generation = 0;
  again: () => void = () => undefined;
  refresh(): this {
    this.generation++;
    this.again();
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly process: Process;
  readonly timer: SimTimer;
  readonly generation: number;
  readonly run: () => void;
}

interface Crypto {
  readonly settled: Promise<unknown>;
  readonly deliver: () => void;
}

// Taken before anything is replaced.
const realImmediate = globalThis.setImmediate;

export class Scheduler {
  /** Virtual ms since the world began. */
  now = 0;
  /** Number of events fired. */
  steps = 0;
  /** Folds in everything that happened, in order: two runs of a seed must agree. */
  fingerprint = 0x811c9dc5;
  /** What a callback of a living process threw. */
  readonly thrown: unknown[] = [];
  readonly #random: Random;
  readonly #heap: Event[] = [];
  readonly #crypto: Crypto[] = [];
  readonly #lastImmediate = new WeakMap<Process, number>();
  #order = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  note(what: string): void {
    let hash = this.fingerprint;
    for (let i = 0; i < what.length; i++) hash = Math.imul(hash ^ what.charCodeAt(i), 0x01000193);
    this.fingerprint = hash >>> 0;
  }

  /** At an instant, exactly. */
  at(process: Process, at: number, run: () => void, timer = new SimTimer()): SimTimer {
    this.#push({ at: Math.max(at, this.now), order: this.#order++, process, timer, generation: timer.generation, run });
    return timer;
  }

  /** After a time that, as everywhere, may be a little longer and sometimes much. */
  after(process: Process, ms: number, run: () => void, timer = new SimTimer()): SimTimer {
    const late = this.#random() < 0.02 ? 40 * this.#random() : this.#random();
    return this.at(process, this.now + Math.max(1, ms) + late, run, timer);
  }

  /** Soon, in order with the process's other immediates. */
  soon(process: Process, run: () => void): SimTimer {
    const at = Math.max(this.now + 0.3 * this.#random(), this.#lastImmediate.get(process) ?? 0);
    this.#lastImmediate.set(process, at);
    return this.at(process, at, run);
  }

  /** Work in a worker thread: it is waited for, and its result is handed over in the order of the calls. */
  inFlight(settled: Promise<unknown>, deliver: () => void): void {
    this.#crypto.push({ settled, deliver });
  }

  /** Fires the next event and all that follows from it; false when there is none up to `until`. */
  async step(until: number): Promise<boolean> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) {
        this.now = Math.max(this.now, until);
        return false;
      }
      this.#pop();
      const { timer, generation, process } = next;
      if (timer.cancelled || timer.generation !== generation || !process.alive) continue;
      this.now = Math.max(this.now, next.at);
      this.steps++;
      this.note(`${next.process.name} ${this.now}`);
      try {
        runAs(next.process, next.run);
      } catch (error) {
        if (next.process.alive) this.thrown.push(error);
      }
      await this.settle();
      return true;
    }
  }

  /** Waits until nothing more happens without another event. */
  async settle(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => realImmediate(resolve));
      const first = this.#crypto.shift();
      if (first === undefined) return;
      await first.settled;
      first.deliver();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
