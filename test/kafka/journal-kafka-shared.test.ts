/** What is particular to Kafka: several writers at once, indexes that are lost, old or broken, topics that are not right. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Journal } from '../../journal/journal.ts';
import { type JournalKafkaConfig, openJournalKafka } from '../../journal/journal-kafka.ts';
import { type KafkaConnection, openKafkaConnection } from '../../journal/kafka/connection.ts';
import { specsOf, topicsOf } from '../../journal/kafka/topics.ts';
import { isFault } from '../../protocol/fault.ts';
import { hasKafka, type KafkaBroker, startKafka } from '../support/kafka-broker.ts';
import { until } from '../support/until.ts';

const entry = (id: string) => ({ key: 'k', id, body: new TextEncoder().encode(id) });
const quick = { pollMs: 10, backoffMs: { first: 1, longest: 4 } };

describe.skipIf(!hasKafka())('a journal in Kafka that is shared', () => {
  let broker: KafkaBroker;
  let folder: string;
  let prefix: string;
  let connection: KafkaConnection;
  const opened: Journal[] = [];
  beforeAll(async () => {
    broker = await startKafka();
    folder = mkdtempSync(join(tmpdir(), 'veravita-kafka-'));
    connection = openKafkaConnection({ brokers: [broker.address] });
  });
  beforeEach(() => {
    prefix = randomUUID();
    return async () => {
      for (const journal of opened.splice(0)) await journal.close();
    };
  });
  afterAll(async () => {
    await connection.close();
    await broker.dispose();
    rmSync(folder, { recursive: true, maxRetries: 5 });
  });

  function open(config: Partial<JournalKafkaConfig> = {}): Journal {
    const journal = openJournalKafka({ brokers: [broker.address], prefix, name: 'journal', ...config });
    opened.push(journal);
    return journal;
  }
  const topics = () => topicsOf(prefix, 'journal');
  const all = async (journal: Journal) =>
    (await journal.read(0, 100_000)).map(({ id, position }) => [position, id] as const);

  it('gives each id one position, whoever appends it at the same moment', async () => {
    const writers = [open(), open(), open()];
    const positions = new Map<string, Set<number>>();
    const neighbors: (readonly number[])[] = [];
    const ids = Array.from({ length: 150 }, (_, n) => `id-${n}`);
    await Promise.all(
      writers.map(async (writer, w) => {
        for (let n = 0; n < ids.length; n += 3) {
          // All three append the same two, and one of its own between them.
          const wanted = [ids[n]!, `own-${w}-${n}`, ids[n + 1]!];
          const got = await writer.append(wanted.map(entry));
          neighbors.push(got);
          for (const [i, id] of wanted.entries()) {
            positions.set(id, (positions.get(id) ?? new Set()).add(got[i]!));
          }
        }
      }),
    );
    for (const places of positions.values()) expect(places.size).toBe(1);
    const fresh = await all(open());
    expect(fresh).toEqual([...positions].map(([id, [at]]) => [at, id]).toSorted(([a], [b]) => Number(a) - Number(b)));
    for (const writer of writers) expect(await all(writer)).toEqual(fresh);
    // An append of which nothing was there before is in one piece.
    expect(neighbors.some(([a, b, c]) => b === a! + 1 && c === a! + 2)).toBe(true);
  });

  it('does not see what was written twice, because another process came between', async () => {
    let between = () => {};
    const journal = open({ faults: (moment) => moment === 'before-commit' && between() });
    await journal.append([entry('a')]);
    // After the journal has read to the end and before it writes.
    between = () => {
      between = () => {};
      const program = fileURLToPath(new URL('./append-once.ts', import.meta.url));
      const other = spawnSync(process.execPath, [program, broker.address, prefix, 'b', 'c']);
      expect(other.status).toBe(0);
    };
    expect(await journal.append(['x', 'b', 'y'].map(entry))).toEqual([3, 1, 4]);
    const { records } = (await connection.fetch(topics().entries, 0))!;
    expect(records.length).toBe(6); // one of them is not there
    const expected = ['a', 'b', 'c', 'x', 'y'].map((id, position) => [position, id]);
    expect(await all(journal)).toEqual(expected);
    expect(await all(open())).toEqual(expected);
    const seen: string[] = [];
    await journal.follow('f', async (entries) => void seen.push(...entries.map(({ id }) => id)), quick).caughtUp();
    expect(seen).toEqual(['a', 'b', 'c', 'x', 'y']);
    // The double is where the entries end that are trimmed.
    expect(await journal.trim(4)).toBe(4);
    for (const one of [journal, open()]) expect(await one.append(['b', 'x', 'y'].map(entry))).toEqual([1, 3, 4]);
    expect(await all(open())).toEqual([[4, 'y']]);
  });

  it('writes an append in one piece, whatever others append', async () => {
    const writers = [open(), open()];
    await Promise.all(
      writers.map(async (writer, w) => {
        for (let n = 0; n < 30; n++) {
          const got = await writer.append([0, 1, 2, 3].map((i) => entry(`${w}-${n}-${i}`)));
          expect(got).toEqual(got.map((_, i) => got[0]! + i));
        }
      }),
    );
  });

  it('keeps positions and ids of what was trimmed, for who never saw it and for who saw a part', async () => {
    const indexPath = join(folder, `${prefix}.sqlite`);
    const old = open({ indexPath });
    await old.append(['a', 'b', 'c'].map(entry));
    await old.close();
    const other = open();
    const more = Array.from({ length: 10_000 }, (_, n) => `more-${n}`);
    for (let n = 0; n < more.length; n += 2500) await other.append(more.slice(n, n + 2500).map(entry));
    await other.append(['d', 'e'].map(entry));
    await other.follow('f', async () => undefined, quick).caughtUp();
    expect(await other.trim(10_004)).toBe(10_004);
    expect(await connection.fetch(topics().entries, 0)).toBeUndefined(); // Kafka has let go of them
    for (const journal of [open({ indexPath }), open(), other]) {
      expect(await all(journal)).toEqual([[10_004, 'e']]);
      expect(await journal.append(['more-9999', 'a', 'd'].map(entry))).toEqual([10_002, 0, 10_003]);
      expect(await journal.end()).toBe(10_005);
      expect(await journal.trim(3)).toBe(10_004);
    }
    expect(await open().append([entry('f')])).toEqual([10_005]);
  });

  it('trims to the end, goes on from there, and may be trimmed by two at once', async () => {
    const one = open();
    const two = open();
    const ids = Array.from({ length: 100 }, (_, n) => `id-${n}`);
    await one.append(ids.map(entry));
    await one.follow('f', async () => undefined, quick).caughtUp();
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? one : two).trim(n * 5 + 5)));
    expect(await open().trim(0)).toBe(100);
    expect(await two.append([entry('id-0'), entry('next'), entry('id-99')])).toEqual([0, 100, 99]);
    const fresh = open();
    expect(await all(fresh)).toEqual([[100, 'next']]);
    // A follower that comes when all is trimmed is at the end at once.
    await fresh.follow('f', async () => undefined, quick).caughtUp();
    await fresh.trim(101);
    const late = open();
    await late.follow('late', async () => undefined, quick).caughtUp();
    expect(await late.end()).toBe(101);
  });

  it('begins a broken index anew, refuses one of another journal, and lets one process have it', async () => {
    const indexPath = join(folder, `${prefix}.sqlite`);
    writeFileSync(indexPath, 'not a database, and long enough to be looked at as one'.repeat(100));
    const journal = open({ indexPath });
    await journal.append(['a', 'b'].map(entry));
    expect(() => open({ indexPath })).toThrow('busy');
    await journal.close();
    // The same file, another journal.
    const foreign = open({ indexPath, name: 'foreign' });
    await expect(foreign.end()).rejects.toMatchObject({ code: 'inconsistent', retry: 'never' });
    await foreign.close();
    const again = open({ indexPath });
    expect(await again.append([entry('b'), entry('c')])).toEqual([1, 2]);
  });

  it('lets the newest of two followers of a name go on, and tells the other', async () => {
    const [one, two] = [open(), open()];
    await one.append(['a', 'b'].map(entry));
    const seen: string[][] = [[], []];
    let told: unknown;
    const options = { ...quick, batchSize: 1 };
    const older = one.follow('f', async (entries) => void seen[0]!.push(entries[0]!.id), {
      ...options,
      onError: (error) => {
        told = error;
      },
    });
    await older.caughtUp();
    await two.follow('f', async (entries) => void seen[1]!.push(entries[0]!.id), options).caughtUp();
    await two.append(['c', 'd', 'e'].map(entry));
    await until('the older is told', () => told !== undefined);
    await until('the newer has all', () => seen[1]!.length === 3);
    expect(told).toMatchObject({ code: 'unavailable', retry: 'never' });
    expect(seen).toEqual([
      ['a', 'b', 'c'],
      ['c', 'd', 'e'],
    ]);
    await older.stop();
  });

  it('ignores what another program wrote, which takes no position', async () => {
    const journal = open();
    await journal.append([entry('a')]);
    await connection.send(topics().entries, [{ key: Uint8Array.of(1), value: Uint8Array.of(2) }]);
    await connection.send(topics().ids, [{ key: Uint8Array.of(0xff), value: Uint8Array.of(0xff) }]);
    await connection.send(topics().cursors, [{ key: Uint8Array.of(0xff), value: Uint8Array.of(0xff) }]);
    await journal.append([entry('b')]);
    expect(await all(journal)).toEqual([
      [0, 'a'],
      [1, 'b'],
    ]);
    expect(await all(open())).toEqual(await all(journal));
    await journal.follow('f', async () => undefined, quick).caughtUp();
    expect(await journal.trim(1)).toBe(1);
    expect(await all(open())).toEqual([[1, 'b']]);
  });

  it('refuses an append that is larger than a batch may be, and takes one that is nearly so', async () => {
    const journal = open();
    const large = (mebibytes: number) => ({
      key: 'k',
      id: `${mebibytes}`,
      body: new Uint8Array(mebibytes * 1024 * 1024),
    });
    await expect(journal.append([large(32)])).rejects.toMatchObject({ code: 'too-large', retry: 'never' });
    expect(await journal.append([large(31)])).toEqual([0]);
    expect((await open().read(0, 9))[0]!.body.length).toBe(31 * 1024 * 1024);
  });

  it('refuses topics that forget, or of which some were lost', async () => {
    const [entries] = specsOf(topics());
    await connection.ensureTopics([{ ...entries!, settings: { ...entries!.settings, 'retention.ms': '86400000' } }]);
    const journal = open();
    const told = await journal.end().catch((error: unknown) => error);
    expect(isFault(told, 'inconsistent') && told.message).toContain('retention.ms');
    // Whoever appends keeps what it has.
    const refusal = { code: 'unavailable', retry: 'later' };
    await expect(journal.append([entry('a')])).rejects.toMatchObject(refusal);
    const [, , otherIds] = specsOf(topicsOf(prefix, 'other'));
    await connection.ensureTopics([otherIds!]);
    await expect(open({ name: 'other' }).end()).rejects.toThrow('a topic of the journal is missing');
  });
});
