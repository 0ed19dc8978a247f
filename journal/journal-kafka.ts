/** The {@link Journal} in Apache Kafka, shared by any number of processes and machines. Contract: journal.ts. */
import { Fault, isFault } from '../protocol/fault.ts';
import { type FollowSource, startFollower } from './follow.ts';
import type { Follower, Journal, JournalEntry, NewEntry } from './journal.ts';
import { type KafkaConnection, openKafkaConnection } from './kafka/connection.ts';
import { type Claim, type Cursors, createCursors } from './kafka/cursors.ts';
import { type IdIndex, openIdIndex } from './kafka/id-index.ts';
import { createSharedLog, type SharedLog } from './kafka/shared-log.ts';
import { MAX_BATCH_BYTES, topicsOf } from './kafka/topics.ts';

export interface JournalKafkaConfig {
  /** `host:port`; any of them tells of the others. */
  readonly brokers: readonly string[];
  /** Begins the names of the topics. */
  readonly prefix: string;
  /** Of the journal: letters, digits and hyphens. */
  readonly name: string;
  /** File of the index of ids, this process's own. Without it the topics are read anew at each start. */
  readonly indexPath?: string;
  /** Copies of each topic that is created; the broker's default where it is not said. */
  readonly replication?: number;
  /** Longest wait for one answer of the broker; 10,000 ms by default. */
  readonly requestTimeoutMs?: number;
  /** For tests: throws where a real broker would fail, before it has the records or after it. */
  readonly faults?: (moment: 'before-commit' | 'after-commit') => void;
}

/** Most entries and octets in one batch; more wait for the next one. */
const GROUP_ENTRIES = 4096;
const GROUP_BYTES = 8 * 1024 * 1024;

/** Octets that may wait. Whoever brings more is told to come again later: a broker that is slow must not fill our memory. */
const WAITING_BYTES = 64 * 1024 * 1024;

/** What a record costs beside its key, id and body, and a batch beside its records; at most. */
const RECORD_BYTES = 64;
const BATCH_HEAD_BYTES = 64;

interface Job {
  readonly entries: readonly NewEntry[];
  readonly bytes: number;
  resolve(positions: readonly number[]): void;
  reject(error: unknown): void;
}

/** Opens the journal. Connects, and creates its topics where they are missing, when it is first used. */
export function openJournalKafka(config: JournalKafkaConfig): Journal {
  return new JournalKafka(config);
}

class JournalKafka implements Journal {
  readonly #connection: KafkaConnection;
  readonly #index: IdIndex;
  readonly #log: SharedLog;
  readonly #cursors: Cursors;
  readonly #jobs: Job[] = [];
  readonly #followers = new Map<string, Follower>();
  readonly #wakes = new Set<() => void>();
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(config: JournalKafkaConfig) {
    const { prefix, name, indexPath, faults } = config;
    const topics = topicsOf(prefix, name);
    const connection = openKafkaConnection(config);
    const send: KafkaConnection['send'] = async (topic, records) => {
      failIf(faults, 'before-commit', 'later');
      const offset = await connection.send(topic, records);
      failIf(faults, 'after-commit', 'unknown');
      return offset;
    };
    this.#connection = connection;
    this.#index = openIdIndex(indexPath);
    this.#log = createSharedLog({ connection, topics, index: this.#index, send });
    this.#cursors = createCursors(connection, topics.cursors, (record) => send(topics.cursors, [record]));
  }

  async append(entries: readonly NewEntry[]): Promise<readonly number[]> {
    this.#assertOpen();
    if (entries.length === 0) return [];
    // Copied now: the caller may change its buffers before they are sent.
    const copies = entries.map(({ key, id, body }) => ({ key, id, body: body.slice() }));
    const bytes = copies.reduce(
      (sum, { key, id, body }) => sum + 3 * (key.length + id.length) + body.length + RECORD_BYTES,
      0,
    );
    if (bytes > MAX_BATCH_BYTES - BATCH_HEAD_BYTES)
      throw new Fault('too-large', 'an append is larger than a batch of Kafka may be');
    if (this.#jobs.length > 0 && this.#waitingBytes + bytes > WAITING_BYTES) {
      throw new Fault('unavailable', 'too much waits for kafka', 'later');
    }
    const positions = await new Promise<readonly number[]>((resolve, reject) => {
      this.#waitingBytes += bytes;
      this.#jobs.push({ entries: copies, bytes, resolve, reject });
      this.#writing ??= this.#write();
    });
    for (const wake of [...this.#wakes]) wake();
    return positions;
  }

  async read(from: number, limit: number): Promise<readonly JournalEntry[]> {
    this.#assertOpen();
    return this.#log.read(from, limit);
  }

  async end(): Promise<number> {
    this.#assertOpen();
    return this.#log.end();
  }

  follow(name: string, handle: Parameters<Journal['follow']>[1], options?: Parameters<Journal['follow']>[2]): Follower {
    this.#assertOpen();
    if (this.#followers.has(name)) throw new Fault('unavailable', 'a follower of that name is running');
    const follower = startFollower(this.#sourceOf(name), handle, options);
    this.#followers.set(name, follower);
    return follower;
  }

  async trim(before: number): Promise<number> {
    this.#assertOpen();
    const oldest = await this.#log.oldest();
    const slowest = await this.#cursors.slowest();
    return slowest === undefined ? oldest : this.#log.trim(Math.min(before, slowest));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#followers.values()].map((follower) => follower.stop()));
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    await this.#connection.close();
    this.#index.close();
  }

  #sourceOf(name: string): FollowSource {
    let claim: Claim | undefined;
    /** Somebody else follows under the name: hands over nothing more. */
    let fenced: Fault | undefined;
    return {
      read: async (from, limit) => {
        if (fenced) throw fenced;
        return this.#log.read(from, limit);
      },
      end: () => this.#log.end(),
      loadCursor: async () => {
        claim = await this.#cursors.claim(name, await this.#log.oldest());
        return claim.next;
      },
      saveCursor: async (next) => {
        try {
          await claim!.save(next);
        } catch (error) {
          if (isFault(error) && error.retry === 'never') fenced = error;
          throw error;
        }
      },
      onAppend: (wake) => {
        this.#wakes.add(wake);
        return () => void this.#wakes.delete(wake);
      },
      stopped: () => void this.#followers.delete(name),
    };
  }

  /** Writes groups of what waits, one after the other, until nothing does. */
  async #write(): Promise<void> {
    // What is asked for in this turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#jobs.length > 0) {
      const group = this.#takeGroup();
      try {
        const positions = await this.#log.append(group.flatMap(({ entries }) => entries));
        for (const { entries, resolve } of group) resolve(entries.map(({ id }) => positions.get(id)!));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#writing = undefined;
  }

  #takeGroup(): readonly Job[] {
    let [count, entries, bytes] = [0, 0, 0];
    for (const job of this.#jobs) {
      entries += job.entries.length;
      bytes += job.bytes;
      if (count > 0 && (entries > GROUP_ENTRIES || bytes > GROUP_BYTES)) break;
      count++;
      this.#waitingBytes -= job.bytes;
    }
    return this.#jobs.splice(0, count);
  }

  #assertOpen(): void {
    if (this.#closed) throw new Fault('unavailable', 'the journal is closed');
  }
}

function failIf(
  faults: JournalKafkaConfig['faults'],
  moment: 'before-commit' | 'after-commit',
  retry: 'later' | 'unknown',
): void {
  try {
    faults?.(moment);
  } catch (error) {
    const fault = new Fault('unavailable', 'kafka does not answer as it should', retry);
    fault.cause = error;
    throw fault;
  }
}
