/** Processes and broker are killed while entries are appended and followed. */
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJournalKafka } from '../../journal/journal-kafka.ts';
import { isFault } from '../../protocol/fault.ts';
import { acknowledgedOf, expectKept, startTalker, type Talker } from '../support/journal-killing.ts';
import { hasKafka, type KafkaBroker, startKafka } from '../support/kafka-broker.ts';
import { until } from '../support/until.ts';

const program = (name: string) => fileURLToPath(new URL(`./${name}`, import.meta.url));
const PATIENCE_MS = 60_000;

describe.skipIf(!hasKafka())('a journal in Kafka', () => {
  let broker: KafkaBroker;
  let folder: string;
  beforeAll(async () => {
    broker = await startKafka();
    folder = mkdtempSync(join(tmpdir(), 'veravita-kafka-'));
  });
  afterAll(async () => {
    await broker.dispose();
    rmSync(folder, { recursive: true, maxRetries: 5 });
  });

  it('loses and doubles nothing through kill -9 of appenders, a follower and the broker', async () => {
    const prefix = randomUUID();
    const said: string[] = [];
    const runs: string[][] = [];
    let appenders: Talker[] = [];
    let follower: Talker | undefined;
    const start = (round: number) => {
      // One keeps its index of ids over its death, the other reads the topic anew. They share every third id.
      appenders = [0, 1].map((n) =>
        startTalker(
          program('append-until-killed.ts'),
          broker.address,
          prefix,
          n === 0 ? join(folder, 'index.sqlite') : '',
          round % 3 === 0 ? 'shared' : `own${n}`,
          String(round * 1_000_000),
        ),
      );
    };
    const handled = () => runs.flat().length + (follower?.lines().length ?? 0);
    const progress = async (what: string) => {
      const before = appenders.map((one) => one.lines().length);
      const seen = handled();
      await until(
        what,
        () => appenders.every((one, n) => one.lines().length > before[n]! + 30) && handled() > seen + 30,
        PATIENCE_MS,
      );
    };
    const killAppenders = async () => {
      for (const one of appenders) {
        await one.kill();
        said.push(...one.lines());
      }
    };
    const killFollower = async () => {
      await follower!.kill();
      runs.push([...follower!.lines()]);
    };
    const follow = () => {
      follower = startTalker(program('follow-until-killed.ts'), broker.address, prefix);
    };

    start(0);
    follow();
    await progress('entries are appended and followed');
    await killAppenders();
    start(1);
    await progress('the next ones go on');
    await broker.kill();
    await broker.restart();
    await progress('they go on after the broker was killed');
    await killFollower();
    follow();
    await progress('the follower goes on after it was killed');
    await broker.kill();
    await killAppenders();
    await killFollower();
    await broker.restart();
    start(3);
    follow();
    await progress('all of them go on after all of them were killed');
    await killAppenders();

    const acknowledged = acknowledgedOf(said);
    expect(acknowledged.size).toBeGreaterThan(150);
    const journal = openJournalKafka({ brokers: [broker.address], prefix, name: 'journal' });
    await expectKept(journal, acknowledged);
    const entries = await journal.read(0, 10_000_000);
    const last = `${entries.at(-1)!.id} ${entries.length - 1}`;
    await until('the follower has the last entry', () => follower!.lines().includes(last), PATIENCE_MS);
    await killFollower();
    let next = 0;
    for (const run of runs) {
      for (const line of run) {
        const [id, text] = line.split(' ');
        const position = Number(text);
        // It may come again, where the cursor could not be saved, and nothing is left out.
        expect(position).toBeLessThanOrEqual(next);
        expect(entries[position]!.id).toBe(id);
        next = Math.max(next, position + 1);
      }
    }
    expect(next).toBe(entries.length);
    await journal.close();
  });

  it('says what is certain while the broker is down, and goes on when it is back', async () => {
    const prefix = randomUUID();
    const config = { brokers: [broker.address], prefix, name: 'journal', requestTimeoutMs: 2000 };
    const journal = openJournalKafka(config);
    const entry = (id: string) => ({ key: 'k', id, body: new Uint8Array(3) });
    expect(await journal.append([entry('a')])).toEqual([0]);
    const seen: string[] = [];
    let failures = 0;
    const follower = journal.follow('f', async (entries) => void seen.push(...entries.map(({ id }) => id)), {
      pollMs: 10,
      backoffMs: { first: 10, longest: 100 },
      onError: () => void failures++,
    });
    await follower.caughtUp();
    await broker.kill();
    const refused = await journal.append([entry('b')]).catch((error: unknown) => error);
    expect(isFault(refused, 'unavailable') && refused.retry).toBe('later');
    const fresh = openJournalKafka(config);
    const first = await fresh.append([entry('c')]).catch((error: unknown) => error);
    expect(isFault(first, 'unavailable') && first.retry).toBe('later');
    await expect(journal.read(0, 9)).rejects.toThrow('kafka');
    await until('the follower says so', () => failures > 0);
    await broker.restart();
    expect(await journal.append([entry('b')])).toEqual([1]);
    expect(await fresh.append([entry('c'), entry('a')])).toEqual([2, 0]);
    await follower.caughtUp();
    expect(seen).toEqual(['a', 'b', 'c']);
    await journal.close();
    await fresh.close();
  });

  it('does not take a batch for the repetition of another that was lost sight of', async () => {
    let freeze = false;
    const journal = openJournalKafka({
      brokers: [broker.address],
      prefix: randomUUID(),
      name: 'journal',
      requestTimeoutMs: 1500,
      faults: (moment) => {
        if (freeze && moment === 'before-commit') broker.freeze();
      },
    });
    const entry = (id: string) => ({ key: 'k', id, body: new Uint8Array(3) });
    await until('the journal works', () =>
      journal.append([entry('a')]).then(
        () => true,
        () => false,
      ),
    );
    freeze = true;
    const lost = await journal.append([entry('b')]).catch((error: unknown) => error);
    freeze = false;
    broker.thaw();
    expect(isFault(lost, 'unavailable') && lost.retry).toBe('unknown');
    // As many entries, as large; the broker has written the other one by now, or never does.
    const patiently = async (id: string): Promise<readonly number[]> => {
      for (;;) {
        try {
          return await journal.append([entry(id)]);
        } catch (error) {
          // It may be slow to wake; what it says that it wrote it must have written.
          expect(isFault(error, 'unavailable')).toBe(true);
          expect((error as Error).message).not.toContain('has not written');
        }
      }
    };
    const [c] = await patiently('c');
    const [b] = await patiently('b');
    expect([b, c].toSorted()).toEqual([1, 2]);
    const entries = await journal.read(0, 9);
    expect(entries.find(({ id }) => id === 'c')?.position).toBe(c);
    expect(entries.find(({ id }) => id === 'b')?.position).toBe(b);
    expect(entries.length).toBe(3);
    await journal.close();
  });

  it('refuses for now rather than fill its memory while the broker stands still', async () => {
    let freeze = false;
    const journal = openJournalKafka({
      brokers: [broker.address],
      prefix: randomUUID(),
      name: 'journal',
      requestTimeoutMs: 30_000,
      faults: (moment) => {
        if (freeze && moment === 'before-commit') broker.freeze();
      },
    });
    const entry = (n: number) => ({ key: 'k', id: `id-${n}`, body: new Uint8Array(1024 * 1024).fill(n) });
    const count = 80;
    expect(await journal.append([entry(0)])).toEqual([0]);
    freeze = true;
    const appends = Array.from({ length: count }, (_, n) =>
      journal.append([entry(n)]).then(
        () => 'held',
        (error: unknown) => (isFault(error, 'unavailable') ? error.retry : 'other'),
      ),
    );
    const refused = await Promise.race([Promise.all(appends.slice(70)), Promise.allSettled(appends.slice(0, 1))]);
    expect(refused).toEqual(Array(10).fill('later'));
    freeze = false;
    broker.thaw();
    expect((await Promise.all(appends)).filter((outcome) => outcome === 'held').length).toBeGreaterThan(50);
    for (let n = 0; n < count; n++) await journal.append([entry(n)]);
    const entries = await journal.read(0, 1000);
    expect(entries.map(({ id }) => id).toSorted()).toEqual(
      Array.from({ length: count }, (_, n) => `id-${n}`).toSorted(),
    );
    for (const { id, body } of entries) expect(body[1000]).toBe(Number(id.slice(3)));
    await journal.close();
  });

  it('refuses topics that were set back to an older state, also after they have grown again', async () => {
    const config = { brokers: [broker.address], prefix: randomUUID(), name: 'journal' };
    const indexPath = join(folder, `${config.prefix}.sqlite`);
    const entry = (id: string) => ({ key: 'k', id, body: new Uint8Array(3) });
    const journal = openJournalKafka({ ...config, indexPath });
    await journal.append([entry('a')]);
    const backup = join(folder, 'backup');
    await broker.kill();
    cpSync(broker.directory, backup, { recursive: true });
    await broker.restart();
    await journal.append([entry('b'), entry('c')]);
    await broker.kill();
    rmSync(broker.directory, { recursive: true });
    cpSync(backup, broker.directory, { recursive: true });
    await broker.restart();
    const setBack = { code: 'inconsistent', retry: 'never' };
    await until('the running one notices', () =>
      journal.end().then(
        () => false,
        (error: unknown) => isFault(error, 'inconsistent'),
      ),
    );
    const unaware = openJournalKafka(config);
    expect(await unaware.append(['x', 'y', 'z'].map(entry))).toEqual([1, 2, 3]);
    await expect(journal.end()).rejects.toMatchObject(setBack);
    await expect(journal.append([entry('d')])).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    await journal.close();
    const later = openJournalKafka({ ...config, indexPath });
    await expect(later.read(0, 9)).rejects.toMatchObject(setBack);
    await later.close();
    await unaware.close();
  });
});
