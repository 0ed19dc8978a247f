/**
 * Measures: values in a known order, each written down and on disk as truth before the agent hears it, and said again until
 * the agent says that it is durable, as a wearable does that keeps what was not confirmed.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { MDC } from '../../protocol/mdc.ts';
import type { TruthLine } from '../../simulators/scenarios/truth.ts';
import type { Word } from './agent-lines.ts';
import type { Program } from './program.ts';

export interface Strap {
  readonly address: string;
  /** Name of the patient's key file. */
  readonly patient: string;
}

interface Value {
  readonly n: number;
  readonly device: string;
  readonly bpm: number;
  readonly at: number;
}

/** When the first value was measured. */
const FIRST_AT = Date.UTC(2026, 0, 1, 12);
/** Values that the agent has not confirmed. */
const WINDOW = 25;
const TURN_MS = 15;

export class Producer {
  readonly #agent: Program;
  readonly #straps: readonly Strap[];
  readonly #truth: number;
  readonly #open = new Map<number, Value>();
  #next = 0;
  #stopped = false;
  #asked = 0;
  #settled = 0;
  #feeding: Promise<void> | undefined;
  /** How often the agent refused a value. */
  refused = 0;

  /** `truth`: path of a new file. */
  constructor(agent: Program, straps: readonly Strap[], truth: string) {
    this.#agent = agent;
    this.#straps = straps;
    this.#truth = openSync(truth, 'wx', 0o600);
    agent.onLine((line) => this.#hear(line));
  }

  get measured(): number {
    return this.#next;
  }

  /** So many the agent has said to be durable. */
  get confirmed(): number {
    return this.#next - this.#open.size;
  }

  get unconfirmed(): number {
    return this.#open.size;
  }

  /** Measures for ever, as fast as the agent confirms, until {@link stop}. */
  start(): void {
    this.#stopped = false;
    this.#feeding = this.#feed();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#feeding;
  }

  /** So many more; resolves when they are measured, not when they are confirmed. */
  measure(count: number): void {
    const values = Array.from({ length: count }, () => this.#measure());
    fsyncSync(this.#truth);
    for (const value of values) this.#say(value);
  }

  /** A new agent process heard nothing of what the last one did not confirm. */
  sayAgain(): void {
    for (const value of this.#open.values()) this.#say(value);
  }

  /** Asks the agent whether all is held and logged; true once it said so after everything was confirmed. */
  async whenSettled(forMs: number, isOver: () => boolean = () => false): Promise<boolean> {
    const giveUpAt = Date.now() + forMs;
    const isVain = () => Date.now() > giveUpAt || !this.#agent.isRunning || isOver();
    for (; this.#open.size > 0; await pause(10)) if (isVain()) return false;
    const asked = ++this.#asked;
    this.#agent.write(JSON.stringify({ kind: 'settle', asked }));
    for (; this.#settled < asked; await pause(10)) if (isVain()) return false;
    return true;
  }

  close(): void {
    closeSync(this.#truth);
  }

  async #feed(): Promise<void> {
    while (!this.#stopped) {
      if (this.#open.size < WINDOW && this.#agent.isReady) this.measure(Math.min(2, WINDOW - this.#open.size));
      await pause(TURN_MS);
    }
  }

  #measure(): Value {
    const n = this.#next++;
    const { address, patient } = this.#straps[n % this.#straps.length]!;
    const value = { n, device: address, bpm: 40 + ((n * 7) % 160), at: FIRST_AT + n * 250 };
    this.#open.set(n, value);
    this.#note({
      line: 'measured',
      n,
      device: address,
      address,
      patient,
      home: 'home',
      keeps: 'live',
      measuredAt: value.at,
      vitals: [{ mdc: MDC.heartRate, value: String(value.bpm), unit: '/min' }],
      raw: [{ characteristic: '2a37', hex: `00${value.bpm.toString(16).padStart(2, '0')}` }],
    });
    return value;
  }

  #say({ n, device, bpm, at }: Value): void {
    this.#agent.write(JSON.stringify({ kind: 'heard', n, device, bpm, at }));
  }

  #hear(line: string): void {
    let word: Word;
    try {
      word = JSON.parse(line) as Word;
    } catch {
      return; // cut by the end of the process: not said
    }
    if (word.kind === 'listening') this.sayAgain();
    else if (word.kind === 'settled') this.#settled = Math.max(this.#settled, word.asked);
    else if (word.kind === 'unsettled') return;
    else if (word.kind === 'refused') {
      this.refused++;
      const value = this.#open.get(word.n);
      if (value) setTimeout(() => this.#open.has(value.n) && this.#say(value), 50);
    } else {
      const value = this.#open.get(word.n);
      if (!value || !this.#open.delete(word.n)) return;
      this.#note({ line: 'outcome', n: word.n, delivered: true, at: value.at });
    }
  }

  #note(line: TruthLine): void {
    writeSync(this.#truth, `${JSON.stringify(line)}\n`);
  }
}
