/**
 * The entries of a journal as all its processes see them. Any of them may write at any time, and Kafka cannot be asked to
 * write only if nobody else has; so whoever reads decides, and all decide alike: the first record with an id is the entry,
 * its position the number of entries before it, and every later record with that id is not there.
 *
 * Before an append says that an id is new, everything that is durable was read. That keeps doubles out of the topic; the
 * rule above is for the few that a race or a crash brings in.
 */
import { randomUUID } from 'node:crypto';
import { Fault, isFault, type Retry } from '../../protocol/fault.ts';
import type { JournalEntry, NewEntry } from '../journal.ts';
import type { Fetched, KafkaConnection } from './connection.ts';
import type { IdIndex } from './id-index.ts';
import {
  CHUNK_IDS,
  decodeChunk,
  decodeEntry,
  decodeGenesis,
  encodeChunk,
  encodeEntry,
  encodeGenesis,
  type IdChunk,
  type NewRecord,
} from './records.ts';
import { type JournalTopics, specsOf } from './topics.ts';

export interface SharedLog {
  /** Durable when resolved: the position of each id. All new ones are written next to each other, or none. */
  append(entries: readonly NewEntry[]): Promise<ReadonlyMap<string, number>>;
  read(from: number, limit: number): Promise<readonly JournalEntry[]>;
  end(): Promise<number>;
  /** First position that is kept. */
  oldest(): Promise<number>;
  /** Lets go of what is before a position; resolves with the first that is kept. */
  trim(before: number): Promise<number>;
}

export interface SharedLogParts {
  readonly connection: KafkaConnection;
  readonly topics: JournalTopics;
  readonly index: IdIndex;
  /** Sends, and fails where a test says so. */
  readonly send: (topic: string, records: readonly NewRecord[]) => Promise<number>;
}

/** Places that are looked up at once. */
const PLACES = 4096;

export function createSharedLog({ connection, topics, index, send }: SharedLogParts): SharedLog {
  let turn: Promise<unknown> = Promise.resolve();
  let isOpen = false;
  /** What Kafka was told to let go of. */
  let deleted = 0;
  /** Entries as they came last: a follower reads on where it stopped, in steps that are smaller than an answer. */
  let window: { readonly from: number; readonly fetched: Fetched } | undefined;

  /** One at a time: what moves the index. */
  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = turn.then(() => run());
    turn = done.catch(() => {
      isOpen = false; // what comes back after a failure is looked at again
    });
    return done;
  }

  async function fetchEntries(from: number): Promise<Fetched | undefined> {
    const fetched = await connection.fetch(topics.entries, from);
    if (fetched && fetched.next > from) window = { from, fetched };
    return fetched;
  }

  /** Creates the topics where they are missing, and looks whether they are those that the index is of. */
  async function open(): Promise<void> {
    if (isOpen) return;
    await connection.ensureTopics(specsOf(topics));
    for (;;) {
      const first = await connection.fetch(topics.ids, 0);
      if (first === undefined) throw lost();
      if (first.records.length === 0) {
        await send(topics.ids, [encodeGenesis(randomUUID())]); // two may: the first counts
        continue;
      }
      const genesis = decodeGenesis(first.records[0]!);
      if (genesis === undefined) throw new Fault('inconsistent', 'the topics are not those of a journal');
      const { genesis: known } = index.state();
      if (known === '') index.begin(genesis);
      // Topics that were lost and made anew look like this, too.
      else if (known !== genesis) throw new Fault('inconsistent', 'the index of ids is of another journal');
      break;
    }
    await readIds();
    await assertNewest();
    isOpen = true;
  }

  /** The newest entry of the index must still be there: topics that were set back would give its position again. */
  async function assertNewest(): Promise<void> {
    const newest = index.state().nextPosition - 1;
    const [place] = index.places(newest, 1);
    if (place === undefined) return; // none, or trimmed
    const fetched = await connection.fetch(topics.entries, place.offset);
    if (fetched === undefined) return; // trimmed meanwhile, or too short: reading on tells
    const [record] = fetched.records;
    if (record === undefined || decodeEntry(record)?.id !== index.ids(newest, newest + 1)[0]) throw lost();
  }

  /** Reads the ids of what was trimmed. */
  async function readIds(): Promise<void> {
    for (;;) {
      const { idsOffset } = index.state();
      const fetched = await connection.fetch(topics.ids, idsOffset);
      if (fetched === undefined) throw lost();
      const chunks = fetched.records.flatMap((record) => decodeChunk(record) ?? []);
      if (fetched.next > idsOffset) index.takeChunks(chunks, fetched.next);
      if (fetched.next >= fetched.end) return;
      if (fetched.next === idsOffset) throw heldBack();
    }
  }

  /** Reads the entries to their end, at least to an offset. */
  async function readOn(atLeast = 0): Promise<void> {
    await open();
    for (;;) {
      const { nextOffset } = index.state();
      const fetched = await fetchEntries(nextOffset);
      if (fetched === undefined) {
        // Somebody trimmed beyond where we are; their ids tell how far.
        await readIds();
        if (index.state().nextOffset === nextOffset) throw lost();
        continue;
      }
      const { records, next, end } = fetched;
      if (next > nextOffset) {
        const ids = records.map((record) => ({ offset: record.offset, id: decodeEntry(record)?.id }));
        index.take(ids, next);
      }
      if (next >= end && next >= atLeast) return;
      if (next === nextOffset) throw heldBack();
    }
  }

  async function appendInTurn(entries: readonly NewEntry[]): Promise<ReadonlyMap<string, number>> {
    await readOn().catch((error: unknown) => {
      throw refusal(error, 'later'); // whatever it was, none of these went out
    });
    const fresh = new Map<string, NewEntry>();
    for (const entry of entries) {
      if (!fresh.has(entry.id) && index.positionOf(entry.id) === undefined) fresh.set(entry.id, entry);
    }
    if (fresh.size > 0) {
      const base = await send(topics.entries, [...fresh.values()].map(encodeEntry));
      // Durable line. Whatever fails from here on, the entries are there.
      try {
        if (base === index.state().nextOffset) {
          const records = [...fresh.keys()].map((id, i) => ({ offset: base + i, id }));
          index.take(records, base + fresh.size);
        } else {
          await readOn(base + fresh.size);
        }
      } catch (error) {
        throw refusal(error, 'unknown');
      }
    }
    return new Map(
      entries.map(({ id }) => {
        const position = index.positionOf(id);
        // Acknowledged without being written: never say a position for that.
        if (position === undefined) throw new Fault('unavailable', 'kafka has not written what it took', 'unknown');
        return [id, position];
      }),
    );
  }

  /** Entries at places of the index; fewer when they were trimmed meanwhile. */
  async function readPlaces(from: number, limit: number): Promise<readonly JournalEntry[] | undefined> {
    const places = index.places(from, limit);
    const found: JournalEntry[] = [];
    const last = places.at(-1);
    if (last === undefined) return found;
    const positions = new Map(places.map(({ offset, position }) => [offset, position]));
    for (let offset = places[0]!.offset; offset <= last.offset; ) {
      const isNear = window && window.from <= offset && offset < window.fetched.next;
      const fetched = isNear ? window?.fetched : await fetchEntries(offset);
      if (fetched === undefined) return undefined;
      for (const record of fetched.records) {
        const position = record.offset < offset ? undefined : positions.get(record.offset);
        if (position === undefined) continue;
        const entry = decodeEntry(record);
        if (entry === undefined) throw lost();
        found.push({ position, ...entry });
      }
      if (fetched.next === offset) throw heldBack();
      offset = fetched.next;
    }
    return found;
  }

  async function trimInTurn(before: number): Promise<number> {
    await readOn();
    await readIds();
    const until = Math.min(before, index.state().nextPosition);
    // The ids first: what Kafka has let go of can be read from nowhere else.
    while (index.state().trimmed < until) {
      const { trimmed: from } = index.state();
      const ids = index.ids(from, Math.min(until, from + CHUNK_IDS));
      const [kept] = index.places(from + ids.length, 1);
      const chunk: IdChunk = { from, ids, nextOffset: kept?.offset ?? index.state().nextOffset };
      await send(topics.ids, [encodeChunk(chunk)]);
      await readIds();
    }
    const { trimmed, nextOffset } = index.state();
    const [kept] = index.places(trimmed, 1);
    const offset = kept?.offset ?? nextOffset;
    if (offset > deleted) await connection.deleteBefore(topics.entries, offset);
    deleted = Math.max(deleted, offset);
    return trimmed;
  }

  return {
    append: (entries) => inTurn(() => appendInTurn(entries)),

    async read(from, limit) {
      const found: JournalEntry[] = [];
      while (found.length < limit) {
        const start = (found.at(-1)?.position ?? from - 1) + 1;
        const count = Math.min(limit - found.length, PLACES);
        if (index.places(start, count).length < count) await inTurn(readOn);
        const { trimmed } = index.state();
        const more = await readPlaces(start, count);
        if (more?.length === 0) break;
        if (more === undefined) {
          await inTurn(readIds);
          if (index.state().trimmed === trimmed) throw lost();
        } else {
          found.push(...more);
        }
      }
      return found;
    },

    end: () =>
      inTurn(async () => {
        await readOn();
        return index.state().nextPosition;
      }),

    oldest: () =>
      inTurn(async () => {
        await open();
        await readIds();
        return index.state().trimmed;
      }),

    trim: (before) => inTurn(() => trimInTurn(before)),
  };
}

function lost(): Fault {
  return new Fault('inconsistent', 'the topics of the journal are shorter than they were');
}

function heldBack(): Fault {
  return new Fault('unavailable', 'kafka holds back what it has', 'later');
}

/** As what an append may reject with; a journal that is broken is no reason to give up an entry. */
function refusal(error: unknown, retry: Retry): unknown {
  if (!isFault(error)) return error;
  const fault = new Fault('unavailable', error.message, retry);
  fault.cause = error;
  return fault;
}
