/**
 * `node run.mjs bench/journal.ts kafka://127.0.0.1:9092`: the two journals beside each other, on one machine and disk. Topics
 * of a prefix of its own stay behind.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Journal } from '../journal/journal.ts';
import { openJournalKafka } from '../journal/journal-kafka.ts';
import { openJournalSqlite } from '../journal/journal-sqlite.ts';
import { isLoopback, readKafkaAddress } from '../journal/kafka/address.ts';
import { describeMachine } from './machine.ts';

const BODY_BYTES = 1024;
const LAP_MS = 4000;
const AT_ONCE = 100;
const LAPS = 3;

/** Entries a second while one way of appending goes on for a lap; the last one waits to be durable. */
async function rate(append: () => Promise<number>): Promise<{ perSecond: number; medianMs: number }> {
  const from = performance.now();
  const times: number[] = [];
  let entries = 0;
  while (performance.now() - from < LAP_MS) {
    const began = performance.now();
    entries += await append();
    times.push(performance.now() - began);
  }
  const medianMs = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
  return { perSecond: (entries / (performance.now() - from)) * 1000, medianMs };
}

async function lap(journal: Journal): Promise<Record<string, string>> {
  const body = new Uint8Array(randomBytes(BODY_BYTES));
  const entry = () => ({ key: 'agent', id: randomUUID(), body });
  const entries = () => Array.from({ length: AT_ONCE }, entry);
  const before = await journal.end();
  const show = ({ perSecond, medianMs }: Awaited<ReturnType<typeof rate>>) =>
    `${Math.round(perSecond)}/s, ${medianMs.toFixed(2)} ms`;
  const single = show(await rate(async () => (await journal.append([entry()])).length));
  const hundred = show(await rate(async () => (await journal.append(entries())).length));
  const callers = show(
    await rate(async () => (await Promise.all(entries().map((one) => journal.append([one])))).length),
  );
  const count = (await journal.end()) - before;
  const from = performance.now();
  const follower = journal.follow(randomUUID(), async () => undefined);
  await follower.caughtUp();
  const followed = `${Math.round((follower.position / (performance.now() - from)) * 1000)}/s`;
  await follower.stop();
  return {
    'one, then the next': single,
    [`${AT_ONCE} in one append`]: hundred,
    [`${AT_ONCE} callers at once`]: callers,
    followed: `${followed} (${count} of this lap)`,
  };
}

const read = readKafkaAddress(process.argv[2] ?? '');
if ('problems' in read || !isLoopback(read.address)) {
  console.error('usage: node run.mjs bench/journal.ts kafka://127.0.0.1:PORT');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'veravita-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
console.log(JSON.stringify(describeMachine(folder)));
const kafka = { ...read.address, prefix: `bench-${randomUUID()}`, name: 'journal' };
const journals: Record<string, Journal> = {
  SQLite: openJournalSqlite({ path: join(folder, 'journal.sqlite') }),
  Kafka: openJournalKafka({ ...kafka, indexPath: join(folder, 'index.sqlite') }),
};
for (let number = 0; number < LAPS; number++) {
  for (const [name, journal] of Object.entries(journals)) {
    for (const [way, figure] of Object.entries(await lap(journal))) console.log(name.padEnd(8), way.padEnd(22), figure);
  }
}
for (const journal of Object.values(journals)) await journal.close();
