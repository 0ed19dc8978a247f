/** Collects how long each stage takes, batch by batch. */

/** Every stage of the road by name, in the order in which a batch passes them, and where it runs. */
export const STAGES = [
  ['agent', 'observe and decode'],
  ['agent', 'pending append (group commit)'],
  ['agent', 'pending read back'],
  ['agent', 'leaf decode, sort, salt, hash, root'],
  ['agent', 'header signature'],
  ['agent', 'encode and deflate'],
  ['agent', 'HPKE seal'],
  ['agent', 'outbox transaction'],
  ['wire', 'MQTT QoS 1 round trip'],
  ['service', 'HPKE open and inflate'],
  ['service', 'content decode'],
  ['service', 'header verify'],
  ['service', 'salt, hash, root rebuild'],
  ['service', 'leaf decode, order and subject checks'],
  ['service', 'consent at the gate, inbox seal'],
  ['service', 'inbox append'],
  ['service', 'acknowledgement signature'],
  ['agent', 'acknowledgement verify and outbox'],
  ['service', 'file: leaf decode and consent'],
  ['service', 'file: doubles'],
  ['service', 'file: segment seal'],
  ['service', 'file: latest values'],
  ['service', 'file: index and commit'],
  ['service', 'inbox cursor and trim'],
  ['log', 'commitment relay and log entry'],
  ['log', 'checkpoint (shared)'],
] as const;

export type Stage = (typeof STAGES)[number][1];

export class Laps {
  readonly #all = new Map<Stage, number[]>();
  readonly #batch = new Map<Stage, number>();

  /** Adds time, in ms, to a stage of the present batch. */
  add(stage: Stage, ms: number): void {
    this.#batch.set(stage, (this.#batch.get(stage) ?? 0) + ms);
  }

  /** Runs and times; a promise is timed until it settles. */
  time<T>(stage: Stage, work: () => T): T {
    const from = performance.now();
    const done = () => this.add(stage, performance.now() - from);
    const result = work();
    if (result instanceof Promise) return result.finally(done) as T;
    done();
    return result;
  }

  /** The batch has passed every stage. `keep` is false for a warm-up. */
  endBatch(keep: boolean): void {
    for (const [stage, ms] of this.#batch) {
      const laps = this.#all.get(stage) ?? [];
      if (keep) laps.push(ms);
      this.#all.set(stage, laps);
    }
    this.#batch.clear();
  }

  /** Median ms of a stage per batch. A median, because disks and neighbors have outliers. */
  median(stage: Stage): number {
    const laps = (this.#all.get(stage) ?? []).toSorted((a, b) => a - b);
    return laps[Math.floor((laps.length - 1) / 2)] ?? 0;
  }
}

/** Divides one run of a function at the moments at which it calls what it was given. */
export class Splits {
  readonly #laps: Laps;
  #at = 0;

  constructor(laps: Laps) {
    this.#laps = laps;
  }

  start(): void {
    this.#at = performance.now();
  }

  /** What went by since the last moment belongs to this stage. */
  end(stage: Stage): void {
    const now = performance.now();
    this.#laps.add(stage, now - this.#at);
    this.#at = now;
  }
}
