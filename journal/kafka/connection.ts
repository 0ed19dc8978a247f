/**
 * The few things that the journal asks of Kafka, over kafkajs: topics that keep everything, a batch that is written once
 * and as a whole, a read from an offset. The only file that knows kafkajs.
 *
 * After any failure the connections are given up and the next use makes new ones. For the producer that is not caution but
 * a must: kafkajs takes back its sequence number when a send fails. If the broker had written the batch all the same, the
 * next one of that size would carry the same number, count as its repetition, and be acknowledged without being written.
 */
import kafkajs, { type Admin, type Cluster, type Kafka, type Producer } from 'kafkajs';
import { Fault } from '../../protocol/fault.ts';
import type { NewRecord, StoredRecord } from './records.ts';

/** A topic of one partition, with settings that are asserted each time it is opened. */
export interface TopicSpec {
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
}

export interface ConnectionConfig {
  readonly brokers: readonly string[];
  readonly replication?: number;
  /** Longest wait for one answer; 10,000 ms by default. */
  readonly requestTimeoutMs?: number;
}

/** Part of a topic. */
export interface Fetched {
  readonly records: readonly StoredRecord[];
  /** Where to read on. */
  readonly next: number;
  /** Offset after the newest record that is durable. */
  readonly end: number;
}

export interface KafkaConnection {
  /** Creates topics that are missing, unless the last one is there: then the others were lost. Throws `inconsistent`. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  /**
   * Writes all records or none, next to each other; resolves with the offset of the first when they are durable. Throws
   * `unavailable`, `later` when they are certainly not there and `unknown` otherwise.
   */
  send(topic: string, records: readonly NewRecord[]): Promise<number>;
  /** Undefined when the topic does not hold that offset: no longer, or not yet. Does not wait for what may come. */
  fetch(topic: string, offset: number): Promise<Fetched | undefined>;
  /** Lets go of what is before the offset. */
  deleteBefore(topic: string, offset: number): Promise<void>;
  close(): Promise<void>;
}

/** Most octets of one answer; a single larger batch comes all the same. */
const FETCH_BYTES = 4 * 1024 * 1024;
const ATTEMPTS = 3;
const PAUSE_MS = 100;

/** One set of connections, from the first use to the first failure. */
interface Session {
  readonly cluster: Cluster;
  readonly producer: Producer;
  readonly admin: Admin;
  disconnect(): Promise<unknown>;
}

/** Connects when it is first used. */
export function openKafkaConnection(config: ConnectionConfig): KafkaConnection {
  const { brokers, replication, requestTimeoutMs = 10_000 } = config;
  const kafka = new kafkajs.Kafka({
    clientId: 'veravita',
    brokers: [...brokers],
    // What fails is thrown; kafkajs would print it as well.
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: Math.min(3_000, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 },
  });
  let session: Promise<Session> | undefined;
  let isClosed = false;

  function connect(): Promise<Session> {
    if (isClosed) return Promise.reject(new Fault('unavailable', 'the journal is closed'));
    session ??= connectSession(kafka).catch((error: unknown) => {
      session = undefined;
      throw error;
    });
    return session;
  }

  function giveUp(): void {
    const given = session;
    session = undefined;
    given?.then((one) => one.disconnect()).catch(() => undefined);
  }

  /** For what may be asked twice. */
  async function patiently<T>(ask: (session: Session) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask(await connect());
      } catch (error) {
        giveUp();
        if (error instanceof Fault) throw error;
        if (attempt === ATTEMPTS) throw kafkaFault(error, 'later');
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
      }
    }
  }

  return {
    ensureTopics: (specs) =>
      patiently(async ({ admin }) => {
        const there = new Set(await admin.listTopics());
        const isWhole = there.has(specs.at(-1)!.name);
        for (const { name, settings } of specs) {
          if (there.has(name)) continue;
          if (isWhole) throw new Fault('inconsistent', 'a topic of the journal is missing');
          const configEntries = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
          const numPartitions = 1;
          const replicationFactor = replication ?? -1;
          await admin.createTopics({ topics: [{ topic: name, numPartitions, replicationFactor, configEntries }] });
        }
        await assertTopics(admin, specs);
      }),

    async send(topic, records) {
      let connected: Session;
      try {
        connected = await connect();
      } catch (error) {
        throw kafkaFault(error, 'later'); // nothing went out
      }
      try {
        const messages = records.map(({ key, value, headers }) => ({
          key: Buffer.from(key),
          value: Buffer.from(value),
          ...(headers && {
            headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, Buffer.from(bytes)])),
          }),
        }));
        const [answer] = await connected.producer.send({ topic, acks: -1, timeout: requestTimeoutMs, messages });
        return Number(answer!.baseOffset);
      } catch (error) {
        giveUp();
        throw kafkaFault(error, 'unknown');
      }
    },

    fetch: (topic, offset) =>
      patiently(async ({ cluster }) => {
        await cluster.addMultipleTargetTopics([topic]);
        const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [0]));
        if (nodeId === undefined) throw new Error('the topic has no leader');
        const broker = await cluster.findBroker({ nodeId });
        try {
          const answer = await broker.fetch({
            replicaId: -1,
            maxWaitTime: 0,
            minBytes: 0,
            maxBytes: FETCH_BYTES,
            topics: [{ topic, partitions: [{ partition: 0, fetchOffset: String(offset), maxBytes: FETCH_BYTES }] }],
          });
          return fetchedOf(answer, offset);
        } catch (error) {
          if ((error as { type?: unknown }).type === 'OFFSET_OUT_OF_RANGE') return undefined;
          throw error;
        }
      }),

    deleteBefore: (topic, offset) =>
      patiently(({ admin }) =>
        admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] }),
      ),

    async close() {
      isClosed = true;
      const given = session;
      session = undefined;
      await given?.then((one) => one.disconnect()).catch(() => undefined);
    },
  };
}

async function connectSession(kafka: Kafka): Promise<Session> {
  let cluster: Cluster | undefined;
  // kafkajs reads topics through consumer groups only. Here every process reads all of a topic, from where it likes, so a
  // group would add nothing but its rebalances. An assigner is handed the cluster, which fetches; this one assigns nothing.
  const consumer = kafka.consumer({
    groupId: 'veravita',
    allowAutoTopicCreation: false,
    partitionAssigners: [
      (given) => {
        cluster = given.cluster;
        return {
          name: 'none',
          version: 1,
          assign: async () => [],
          protocol: () => ({ name: 'none', metadata: Buffer.alloc(0) }),
        };
      },
    ],
  });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false });
  const admin = kafka.admin();
  const clients = [consumer, producer, admin];
  const disconnect = () => Promise.allSettled(clients.map((client) => client.disconnect()));
  try {
    // One after the other: where nobody answers, the first says so.
    for (const client of clients) await client.connect();
    return { cluster: cluster!, producer, admin, disconnect };
  } catch (error) {
    await disconnect();
    throw error;
  }
}

async function assertTopics(admin: Admin, specs: readonly TopicSpec[]): Promise<void> {
  const { topics } = await admin.fetchTopicMetadata({ topics: specs.map(({ name }) => name) });
  if (topics.some(({ partitions }) => partitions.length !== 1)) {
    throw new Fault('inconsistent', 'a topic of the journal has more than one partition');
  }
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: specs.map(({ name, settings }) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name,
      configNames: Object.keys(settings),
    })),
  });
  for (const { name, settings } of specs) {
    const entries = resources.find(({ resourceName }) => resourceName === name)?.configEntries ?? [];
    for (const [setting, expected] of Object.entries(settings)) {
      if (entries.find(({ configName }) => configName === setting)?.configValue !== expected) {
        throw new Fault('inconsistent', `a topic of the journal does not keep ${setting} at ${expected}`);
      }
    }
  }
}

/** What kafkajs' types leave open. */
interface FetchAnswer {
  readonly responses: readonly {
    readonly partitions: readonly {
      readonly highWatermark: string;
      readonly messages: readonly (Omit<StoredRecord, 'offset'> & {
        readonly offset: string;
        readonly isControlRecord?: boolean;
      })[];
    }[];
  }[];
}

function fetchedOf({ responses }: FetchAnswer, from: number): Fetched {
  const [partition] = responses[0]?.partitions ?? [];
  if (!partition) throw new Error('an answer without the partition');
  const records: StoredRecord[] = [];
  let next = from;
  for (const { offset: text, key, value, headers, isControlRecord } of partition.messages) {
    const offset = Number(text);
    if (offset < from) continue; // a batch comes whole
    next = offset + 1;
    if (!isControlRecord) records.push({ offset, key, value, headers: headers ?? {} });
  }
  return { records, next, end: Number(partition.highWatermark) };
}

/** An error of kafkajs as `unavailable`; its message may name topics and hosts, so it is only the cause. */
function kafkaFault(error: unknown, retry: 'later' | 'unknown'): Fault {
  if (error instanceof Fault) return error;
  const fault = new Fault('unavailable', 'kafka does not answer as it should', retry);
  fault.cause = error;
  return fault;
}
