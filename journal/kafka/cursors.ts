/**
 * How far each follower is: a compacted topic, read to its end before anything is decided by it. Kafka's own consumer
 * groups would forget a follower that rests for a week, and then trim would pass it.
 */
import { randomUUID } from 'node:crypto';
import { Fault } from '../../protocol/fault.ts';
import type { KafkaConnection } from './connection.ts';
import { type Cursor, decodeCursor, encodeCursor, type NewRecord } from './records.ts';

export interface Cursors {
  /** Makes the follower known and the caller its only one; resolves with its next position, at first `oldest`. */
  claim(name: string, oldest: number): Promise<Claim>;
  /** Next position of the slowest follower, running or not; undefined while nobody ever followed. */
  slowest(): Promise<number | undefined>;
}

export interface Claim {
  readonly next: number;
  /** Durable when resolved. Throws `unavailable` when somebody else has claimed the name since. */
  save(next: number): Promise<void>;
}

export function createCursors(
  connection: Pick<KafkaConnection, 'fetch'>,
  topic: string,
  send: (record: NewRecord) => Promise<unknown>,
): Cursors {
  const known = new Map<string, Cursor>();
  let offset = 0;
  let reading: Promise<void> = Promise.resolve();

  /** One after the other, so that no older record is taken for a newer one. */
  function refresh(): Promise<void> {
    const read = reading.then(readOn);
    reading = read.catch(() => undefined);
    return read;
  }

  async function readOn(): Promise<void> {
    for (;;) {
      const fetched = await connection.fetch(topic, offset);
      if (fetched === undefined) throw new Fault('inconsistent', 'the cursors of the journal were lost');
      for (const record of fetched.records) {
        const cursor = decodeCursor(record);
        if (!cursor) continue;
        const next = Math.max(cursor.next, known.get(cursor.name)?.next ?? 0);
        known.set(cursor.name, { ...cursor, next });
      }
      // Compaction may leave a batch of which no record is left: step over it.
      offset = fetched.next === offset && fetched.end > offset ? offset + 1 : fetched.next;
      if (offset >= fetched.end) return;
    }
  }

  return {
    async claim(name, oldest) {
      await refresh();
      const next = known.get(name)?.next ?? oldest;
      const owner = randomUUID();
      await send(encodeCursor({ name, next, owner }));
      return {
        next,
        async save(position) {
          await refresh();
          // Its own claim is the newest one as long as nobody came after it.
          if (known.get(name)?.owner !== owner) {
            throw new Fault('unavailable', 'another process follows under that name', 'never');
          }
          await send(encodeCursor({ name, next: position, owner }));
        },
      };
    },

    async slowest() {
      await refresh();
      const positions = [...known.values()].map(({ next }) => next);
      return positions.length === 0 ? undefined : Math.min(...positions);
    },
  };
}
