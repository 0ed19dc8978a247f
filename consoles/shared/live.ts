/**
 * What a page shows: loaded once, kept current by the feed, loaded again when the feed says that it changed or was away.
 * Whatever arrives while a load is under way is applied to its outcome too, so that nothing falls between the two.
 */
import type { FeedMessage } from './answers.ts';
import { ApiError } from './api.ts';
import type { OpenFeed } from './feed.ts';

export type Connection = 'connecting' | 'live' | 'lost';

export interface LiveState<T> {
  /** Absent until the first load succeeded. */
  readonly data?: T;
  readonly connection: Connection;
  /** Not signed in, or not a page for this person. Nothing is shown then. */
  readonly refused: boolean;
}

export interface LiveOptions<T> {
  load(): Promise<T>;
  /** Data with one message taken in; taking the same message in twice changes nothing. */
  apply(data: T, message: FeedMessage): T;
  openFeed: OpenFeed;
  show(state: LiveState<T>): void;
  retryMs?: number;
}

export interface Live {
  /** Loads again; done when what was true at the call is shown, or loading failed. */
  reload(): Promise<void>;
  close(): void;
}

export function createLive<T>({ load, apply, openFeed, show, retryMs = 3000 }: LiveOptions<T>): Live {
  let state: LiveState<T> = { connection: 'connecting', refused: false };
  let early: FeedMessage[] = [];
  let running: Promise<void> | undefined;
  let queued: Promise<void> | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  function set(change: Partial<LiveState<T>>): void {
    if (closed) return;
    state = { ...state, ...change };
    show(state);
  }

  function refuse(): void {
    if (closed) return;
    state = { connection: 'lost', refused: true };
    show(state);
    close();
  }

  async function loadOnce(): Promise<void> {
    clearTimeout(retry);
    early = [];
    try {
      const fresh = await load();
      set({ data: early.reduce(apply, fresh) });
    } catch (error) {
      if (error instanceof ApiError && error.refused) return refuse();
      if (!closed) retry = setTimeout(reload, retryMs);
    }
  }

  function reload(): Promise<void> {
    if (closed) return Promise.resolve();
    if (running) {
      // The load under way may have asked before whatever made the caller want another.
      queued ??= running.then(() => {
        queued = undefined;
        return reload();
      });
      return queued;
    }
    running = loadOnce().finally(() => {
      running = undefined;
    });
    return running;
  }

  function receive(message: FeedMessage): void {
    if (message.type === 'changed') return void reload();
    early.push(message);
    if (early.length > 1000) early.shift();
    if (state.data !== undefined) set({ data: apply(state.data, message) });
  }

  function close(): void {
    closed = true;
    clearTimeout(retry);
    closeFeed();
  }

  const closeFeed = openFeed({
    opened: () => {
      set({ connection: 'live' });
      void reload();
    },
    lost: () => {
      set({ connection: 'lost' });
      if (state.data === undefined) void reload();
    },
    refused: refuse,
    received: receive,
  });

  return { reload, close };
}
