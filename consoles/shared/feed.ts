/**
 * The live feed, reopened whenever it breaks. Read with `fetch` rather than `EventSource`, which hides both the status of
 * a refusal and the keep-alives: a connection that died without a word must not look live beside a patient's value.
 */
import type { FeedMessage } from './answers.ts';
import { createEventReader } from './event-stream.ts';

/** The service says something every 15 s; after this long without a byte the connection counts as lost. */
const SILENCE_MS = 40_000;
const RETRY_MS = [500, 1000, 2000, 5000, 10_000] as const;

export interface FeedListener {
  opened(): void;
  lost(): void;
  /** No session (any more); the feed stays closed. */
  refused(): void;
  received(message: FeedMessage): void;
}

/** Opens a feed; the answer closes it. */
export type OpenFeed = (listener: FeedListener) => () => void;

export const openFeed: OpenFeed = (listener) => {
  let closed = false;
  let failures = 0;
  let abort = new AbortController();
  let wake = () => {};

  async function read(): Promise<'refused' | 'broken'> {
    abort = new AbortController();
    const { signal } = abort;
    const response = await fetch('/api/feed', { headers: { accept: 'text/event-stream' }, cache: 'no-store', signal });
    if (response.status === 401 || response.status === 403) return 'refused';
    if (!response.ok || !response.body) return 'broken';
    failures = 0;
    listener.opened();
    await receive(response.body, abort, (message) => !closed && listener.received(message));
    return 'broken';
  }

  async function run(): Promise<void> {
    while (!closed) {
      const outcome = await read().catch(() => 'broken' as const);
      if (closed) return;
      if (outcome === 'refused') return listener.refused();
      listener.lost();
      const delay = RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]!;
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, delay);
      });
    }
  }

  const hurry = () => wake();
  addEventListener('online', hurry);
  void run();
  return () => {
    closed = true;
    removeEventListener('online', hurry);
    abort.abort();
    wake();
  };
};

async function receive(
  body: ReadableStream<Uint8Array>,
  abort: AbortController,
  deliver: (message: FeedMessage) => void,
): Promise<void> {
  const reader = body.getReader();
  const text = new TextDecoder();
  const readEvents = createEventReader();
  for (;;) {
    const silence = setTimeout(() => abort.abort(), SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    for (const { data } of readEvents(text.decode(value, { stream: true }))) deliver(JSON.parse(data) as FeedMessage);
  }
}
