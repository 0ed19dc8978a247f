import { describe, expect, it } from 'vitest';
import type { FeedMessage } from '../../../consoles/shared/answers.ts';
import { ApiError } from '../../../consoles/shared/api.ts';
import type { FeedListener } from '../../../consoles/shared/feed.ts';
import { createLive, type LiveState } from '../../../consoles/shared/live.ts';
import { readingOf } from '../../support/console-readings.ts';

/** A page whose data is the list of ids that it heard of, with the loads answered by hand. */
function openPage() {
  const states: LiveState<readonly string[]>[] = [];
  const loads: { resolve(ids: readonly string[]): void; reject(error: Error): void }[] = [];
  let listener!: FeedListener;
  let feedClosed = false;
  const live = createLive<readonly string[]>({
    load: () => new Promise((resolve, reject) => loads.push({ resolve, reject })),
    apply: (ids, message) => (message.type === 'reading' ? [...ids, message.reading.id] : ids),
    openFeed: (given) => {
      listener = given;
      return () => {
        feedClosed = true;
      };
    },
    show: (state) => states.push(state),
    retryMs: 1,
  });
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  return { states, loads, live, listener, settle, last: () => states.at(-1)!, isFeedClosed: () => feedClosed };
}

const reading = (id: string): FeedMessage => ({ type: 'reading', patient: 'p', reading: readingOf({ id }) });

describe('createLive', () => {
  it('loads when the feed is open, and follows it', async () => {
    const page = openPage();
    expect(page.loads).toHaveLength(0);
    page.listener.opened();
    page.loads[0]!.resolve(['a']);
    await page.settle();
    page.listener.received(reading('b'));
    expect(page.last()).toEqual({ connection: 'live', refused: false, data: ['a', 'b'] });
  });

  it('loses nothing that arrives while a load is under way', async () => {
    const page = openPage();
    page.listener.opened();
    page.listener.received(reading('b'));
    page.loads[0]!.resolve(['a']);
    await page.settle();
    expect(page.last().data).toEqual(['a', 'b']);
  });

  it('loads once more, and only once, for changes during a load', async () => {
    const page = openPage();
    page.listener.opened();
    page.listener.received({ type: 'changed' });
    page.listener.received({ type: 'changed' });
    expect(page.loads).toHaveLength(1);
    page.loads[0]!.resolve(['stale']);
    await page.settle();
    expect(page.loads).toHaveLength(2);
    page.loads[1]!.resolve([]);
    await page.settle();
    expect(page.last().data).toEqual([]);
    expect(page.loads).toHaveLength(2);
  });

  it('keeps what it shows while the connection is lost, says so, and loads again after', async () => {
    const page = openPage();
    page.listener.opened();
    page.loads[0]!.resolve(['a']);
    await page.settle();
    page.listener.lost();
    expect(page.last()).toEqual({ connection: 'lost', refused: false, data: ['a'] });
    page.listener.opened();
    expect(page.loads).toHaveLength(2);
  });

  it('shows nothing any more once it is refused', async () => {
    for (const refuse of ['feed', 'load'] as const) {
      const page = openPage();
      page.listener.opened();
      page.loads[0]!.resolve(['a']);
      await page.settle();
      if (refuse === 'feed') page.listener.refused();
      else {
        page.listener.received({ type: 'changed' });
        page.loads[1]!.reject(new ApiError(401));
        await page.settle();
      }
      expect(page.last()).toEqual({ connection: 'lost', refused: true });
      expect(page.isFeedClosed()).toBe(true);
    }
  });

  it('tries again when a load fails otherwise', async () => {
    const page = openPage();
    page.listener.opened();
    page.loads[0]!.reject(new ApiError(500));
    await expect.poll(() => page.loads.length).toBe(2);
    page.live.close();
  });
});
