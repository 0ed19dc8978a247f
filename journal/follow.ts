/** The loop of a follower, over any store that can read entries and keep a cursor. */
import type { Follower, FollowOptions, Handle, JournalEntry } from './journal.ts';

/** What the loop needs from an engine. */
export interface FollowSource {
  read(from: number, limit: number): Promise<readonly JournalEntry[]>;
  end(): Promise<number>;
  /** Position of the next entry for this follower; makes the follower known to trim. */
  loadCursor(): Promise<number>;
  /** Durable when resolved. */
  saveCursor(next: number): Promise<void>;
  /** Calls back after each local append; returns a function that ends that. */
  onAppend(wake: () => void): () => void;
  /** Called once when the loop has ended. */
  stopped(): void;
}

interface Waiter {
  readonly until: number;
  resolve(): void;
}

/** Starts the loop. See the contract in journal.ts. */
export function startFollower(source: FollowSource, handle: Handle, options: FollowOptions = {}): Follower {
  const { batchSize = 256, pollMs = 250, backoffMs = { first: 50, longest: 5000 }, onError } = options;
  let position = 0;
  let stopping = false;
  let woken = false;
  let idle = false;
  let interrupt: () => void = () => {};
  const waiters = new Set<Waiter>();
  const unsubscribe = source.onAppend(wake);

  function wake(): void {
    woken = true;
    if (idle) interrupt();
  }

  function releaseWaiters(certain: readonly Waiter[] = []): void {
    for (const waiter of waiters) {
      if (!stopping && position < waiter.until && !certain.includes(waiter)) continue;
      waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** Ends early when stopped. */
  function pause(ms: number): Promise<void> {
    if (stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function step(): Promise<void> {
    woken = false; // before the read, so that an append during it is not slept through
    const waiting = [...waiters];
    const entries = await source.read(position, batchSize);
    const last = entries.at(-1);
    if (last === undefined) {
      releaseWaiters(waiting); // also where the rest was trimmed before this follower was known
      idle = true;
      if (!woken) await pause(pollMs);
      idle = false;
    } else if (!stopping) {
      await handle(entries);
      // Durable line: a crash before the cursor is saved hands the same entries over again.
      await source.saveCursor(last.position + 1);
      position = last.position + 1;
      releaseWaiters();
    }
  }

  async function run(): Promise<void> {
    let attempt = 0;
    let loaded = false;
    while (!stopping) {
      try {
        if (!loaded) position = await source.loadCursor();
        loaded = true;
        await step();
        attempt = 0;
      } catch (error) {
        attempt++;
        onError?.(error, attempt);
        await pause(Math.min(backoffMs.longest, backoffMs.first * 2 ** (attempt - 1)));
      }
    }
    unsubscribe();
    source.stopped();
    releaseWaiters();
  }

  const running = run();
  return {
    get position() {
      return position;
    },
    async caughtUp() {
      const until = await source.end();
      if (stopping) return;
      await new Promise<void>((resolve) => {
        waiters.add({ until, resolve });
        wake(); // entries of another process are seen now rather than at the next poll
      });
    },
    async stop() {
      stopping = true;
      interrupt();
      await running;
    },
  };
}
