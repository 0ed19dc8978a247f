/**
 * Decides when a batch closes: when enough leaves are pending, when the oldest has waited long enough, when asked, and
 * when nothing was attested for a heartbeat. Ages are real time, also where a recording brings its own clock. One batch
 * is sealed at a time, because each names the one before.
 *
 * While a window of batches waits for the service, a batch closes at a larger size and a higher age: a small one would be
 * there no sooner, and a week without a network would be hundreds of thousands of them. What is pending is durable all the
 * same, and a heartbeat attests as ever.
 */
import { MAX_LEAVES } from '../protocol/batch.ts';
import { LATE_MS } from '../protocol/coverage-fold.ts';
import { isFault } from '../protocol/fault.ts';
import type { Clock, Instant } from '../protocol/time.ts';
import type { Coverage } from './coverage.ts';
import type { Outbox } from './outbox.ts';
import type { Pending, PendingRows } from './pending.ts';
import type { BatchPlace, SealedBatch } from './seal.ts';

/** While others wait for the service, a batch closes at so many times its usual size: what each batch costs is shared. */
const BEHIND_FACTOR = 4;

/** What it is not raised above: tallies and coverage come on top, and the event loop has other things to do. */
const MOST_WHILE_BEHIND = 5000;

/**
 * Longest wait of a pending leaf then. Less than what makes a batch late (`LATE_MS`): one that is closed as the network comes
 * back must not say of hours ago that they came in time.
 */
const LONGEST_WHILE_BEHIND_MS = 0.8 * LATE_MS;

export interface BatcherOptions {
  readonly pending: Pending;
  readonly outbox: Outbox;
  readonly coverage: Coverage;
  readonly seal: (bodies: readonly Uint8Array[], place: BatchPlace) => Promise<SealedBatch>;
  /** Our key's thumbprint. */
  readonly agent: () => Uint8Array;
  /** Transport's clock. */
  readonly clock: Clock;
  /** A batch closes at so many leaves, or {@link BEHIND_FACTOR} times as many; coverage of the closing instant may come on top. */
  readonly maxLeaves: number;
  /** Longest wait of a pending leaf, while nothing else waits for the service. */
  readonly maxAgeMs: number;
  /** Longest time without coverage. */
  readonly heartbeatMs: number;
  /** False while there is no room for coverage: it waits in memory. */
  readonly hasRoom: () => boolean;
  /** So many batches wait for the service that another one would wait behind them. */
  readonly isBehind: () => boolean;
  /** Inside the transaction that makes coverage up to an instant durable. */
  readonly covered: (through: Instant) => void;
  /** A batch is in the outbox. */
  readonly onSealed: () => void;
  readonly onFailure: (error: unknown) => void;
}

export class Batcher {
  readonly #options: BatcherOptions;
  #working: Promise<void> = Promise.resolve();
  #sizeQueued = false;
  #ageTimer: NodeJS.Timeout | undefined;
  #longAgeTimer: NodeJS.Timeout | undefined;
  #heartbeatTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#armHeartbeat();
  }

  /** To be called after every commit, and when the service took something. */
  appended(): void {
    const { pending, maxAgeMs } = this.#options;
    if (this.#stopped || pending.count === 0) return;
    this.#ageTimer ??= setTimeout(() => this.#aged(), maxAgeMs);
    const longest = Math.max(maxAgeMs, LONGEST_WHILE_BEHIND_MS);
    this.#longAgeTimer ??= setTimeout(() => this.flush().catch(() => undefined), longest);
    if (pending.count >= this.#closingSize && !this.#sizeQueued) {
      this.#sizeQueued = true;
      this.#enqueue(() => this.#closeFull()).catch(() => undefined);
    }
  }

  /** Attests coverage up to now and seals all that is pending. Rejects when a batch could not be sealed. */
  flush(): Promise<void> {
    return this.#enqueue(() => this.#closeAll());
  }

  /** Runs `work` while nothing is being sealed, after all that was heard so far is durable. */
  undisturbed(work: () => void): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#stopped) return;
      this.commit();
      work();
    });
  }

  /** Resolves when the batch that is being sealed, if any, is stored; nothing is sealed after it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#forgetAge();
    clearTimeout(this.#heartbeatTimer);
    await this.#working;
  }

  /** Makes what is pending, and coverage up to now, durable. */
  commit(): void {
    const { pending, coverage, clock, hasRoom, covered } = this.#options;
    if (!hasRoom()) {
      pending.commit();
      return;
    }
    const at = clock();
    const leaves = coverage.take(at);
    if (leaves.length > 0) {
      pending.append(leaves.map((leaf) => ({ leaf }))).catch(() => coverage.restore(leaves));
    }
    pending.commit(() => covered(at));
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#working.then(work);
    this.#working = done.catch((error: unknown) => this.#options.onFailure(error));
    return done;
  }

  get #closingSize(): number {
    const { maxLeaves, isBehind } = this.#options;
    return isBehind() ? Math.max(maxLeaves, Math.min(BEHIND_FACTOR * maxLeaves, MOST_WHILE_BEHIND)) : maxLeaves;
  }

  #aged(): void {
    this.#ageTimer = undefined;
    if (!this.#options.isBehind()) this.flush().catch(() => undefined);
  }

  #forgetAge(): void {
    clearTimeout(this.#ageTimer);
    clearTimeout(this.#longAgeTimer);
    this.#ageTimer = undefined;
    this.#longAgeTimer = undefined;
  }

  #beat(): void {
    this.#armHeartbeat();
    const attested = this.#options.isBehind() ? this.undisturbed(() => undefined) : this.flush();
    attested.catch(() => undefined);
  }

  async #closeFull(): Promise<void> {
    this.#sizeQueued = false;
    const { pending } = this.#options;
    while (pending.count >= this.#closingSize && !this.#stopped) {
      if ((await this.#sealOldest(this.#closingSize)) === undefined) break;
    }
    this.#forgetAge();
    this.appended();
  }

  async #closeAll(): Promise<void> {
    if (this.#stopped) return;
    this.commit();
    this.#forgetAge();
    this.#armHeartbeat();
    const { pending, coverage } = this.#options;
    const through = pending.lastRow;
    let sealedThrough = 0;
    while (pending.count > 0 && sealedThrough < through && !this.#stopped) {
      const size = this.#closingSize;
      const whole = pending.count <= size + coverage.size;
      sealedThrough = (await this.#sealOldest(whole ? size + coverage.size : size)) ?? through;
    }
    this.appended();
  }

  /** Seals the oldest rows, fewer when they do not fit into one envelope; returns the last sealed row, if there was any. */
  async #sealOldest(limit: number): Promise<number | undefined> {
    const { pending, outbox } = this.#options;
    const agent = this.#options.agent();
    const rows = pending.oldest(Math.min(limit, MAX_LEAVES));
    if (!rows) return undefined;
    const place = { agent, boot: rows.boot, sequence: outbox.lastSequence + 1, previous: outbox.previous };
    const sealed = await this.#sealOrFewer(rows, place);
    if (!sealed) return this.#sealOldest(Math.ceil(rows.bodies.length / 2));
    outbox.store(sealed, rows, pending);
    this.#options.onSealed();
    return rows.through;
  }

  async #sealOrFewer(rows: PendingRows, place: BatchPlace): Promise<SealedBatch | undefined> {
    try {
      return await this.#options.seal(rows.bodies, place);
    } catch (error) {
      if (isFault(error, 'too-large') && rows.bodies.length > 1) return undefined;
      throw error;
    }
  }

  #armHeartbeat(): void {
    clearTimeout(this.#heartbeatTimer);
    if (this.#stopped) return;
    this.#heartbeatTimer = setTimeout(() => this.#beat(), this.#options.heartbeatMs);
  }
}
