/** Three organizations watch the log of a fourth: all processes are real, and all that is looked at is public. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';
import { pathsBelow } from '../../ledger-writer/config.ts';
import { encodeAddCheckpoint } from '../../protocol/add-checkpoint.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { openCheckpoint } from '../../protocol/checkpoint.ts';
import { openCosignatures } from '../../protocol/cosignature.ts';
import { type NoteKey, parseVerifierKey } from '../../protocol/signed-note.ts';
import { proveConsistency } from '../../protocol/tlog-tiles.ts';
import { readEntries, readerOf } from '../ledger-writer/read-log.ts';
import { startWitness, type WitnessProcess } from '../ledger-writer/witness/process.ts';
import { startWriter, type WriterProcess } from '../ledger-writer/writer-process.ts';
import { until } from '../support/until.ts';

let base: string;
let data: string;
let key: NoteKey;
let vkey: string;
let writer: WriterProcess | undefined;
const parties: WitnessProcess[] = [];

const commitment = (text: string) => new Uint8Array(createHash('sha256').update(text).digest());

async function commit(directory: string, ...texts: string[]): Promise<void> {
  const journal = openJournalSqlite({ path: pathsBelow(directory).commitmentsPath });
  await journal.append(texts.map(commitment).map((body) => ({ key: 'k', id: encodeHex(body), body })));
  await journal.close();
}

async function told(directory: string): Promise<number> {
  const { positionsPath } = pathsBelow(directory);
  if (!existsSync(positionsPath)) return 0;
  const journal = openJournalSqlite({ path: positionsPath });
  const end = await journal.end();
  await journal.close();
  return end;
}

function published(directory = data): { size: number; by: string[]; note: string } {
  const note = readFileSync(join(directory, 'log', 'checkpoint'), 'utf8');
  const opened = openCheckpoint(note, [key], key.name);
  const by = openCosignatures(
    opened.note,
    parties.map((party) => party.key),
  )
    .map(({ witness }) => witness.name)
    .sort();
  return { size: opened.checkpoint.size, by, note };
}

const party = (i: number, port?: number) =>
  startWitness({ data: join(base, `party${i}`), log: vkey, name: `party${i}.example`, ...(port && { port }) });
const policy = (quorum: number) => [
  ...parties.flatMap((one) => ['--witness', `${one.url}=${one.vkey}`]),
  ...['--quorum', String(quorum)],
];

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'veravita-parties-'));
  data = join(base, 'log-owner');
  // The first start makes the key that the parties are told.
  await (await startWriter(data)).end('SIGTERM');
  vkey = readFileSync(join(pathsBelow(data).keyDirectory, 'log.vkey'), 'utf8').trim();
  key = parseVerifierKey(vkey);
  parties.push(...(await Promise.all([1, 2, 3].map((i) => party(i)))));
  writer = await startWriter(data, ...policy(2));
}, 60_000);
afterAll(async () => {
  if (writer?.child.exitCode === null) await writer.end('SIGKILL');
  await Promise.all(
    parties.filter(({ child }) => child.exitCode === null && !child.killed).map((one) => one.end('SIGKILL')),
  );
  rmSync(base, { recursive: true });
});

it('publishes with all three, and with two when one is down', async () => {
  await commit(data, 'a', 'b');
  await until('all three cosigned', () => published().size === 2 && published().by.length === 3);
  await until('the positions are told', async () => (await told(data)) === 2);
  await parties[2]!.end('SIGKILL');
  await commit(data, 'c');
  await until('two cosigned', () => published().size === 3);
  expect(published().by).toEqual(['party1.example', 'party2.example']);
  await until('the positions are told', async () => (await told(data)) === 3);
});

it('publishes nothing with one, takes what comes, and goes on when one returns', async () => {
  await parties[1]!.end('SIGKILL');
  const before = published().note;
  await commit(data, 'd', 'e');
  await until('it says that it waits', () =>
    writer!.output().includes('5 entries: 1 of 3 witnesses cosigned, not published'),
  );
  await commit(data, 'f');
  await until('it takes and signs on', () => writer!.output().includes('6 entries: 1 of 3 witnesses'));
  expect(published().note).toBe(before);
  expect(await told(data)).toBe(3);
  // Killed while it waits, it has forgotten nothing.
  await writer!.end('SIGKILL');
  writer = await startWriter(data, ...policy(2));
  expect(published().note).toBe(before);
  parties[1] = await party(2, Number(new URL(parties[1]!.url).port));
  await until('two cosigned', () => published().size === 6);
  await until('the positions are told', async () => (await told(data)) === 6);
  parties[2] = await party(3, Number(new URL(parties[2]!.url).port));
  await until('the late cosignature is filled in', () => published().by.length === 3);
  expect((await readEntries(join(data, 'log'), key)).map(encodeHex)).toEqual(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((text) => encodeHex(commitment(text))),
  );
});

it('cannot go on from an old copy of itself, and signs nothing there', async () => {
  await writer!.end('SIGTERM');
  const old = join(base, 'old');
  cpSync(data, old, { recursive: true });
  writer = await startWriter(data, ...policy(2));
  await commit(data, 'g');
  await until('it is published', () => published().size === 7);
  await writer.end('SIGTERM');
  // All of the machine rolled back, its memory of what it signed too: only the witnesses know better.
  await commit(old, 'h');
  const stale = await startWriter(old, ...policy(2));
  await until('it says so', () => stale.output().includes('inconsistent: witnesses have cosigned'));
  await commit(old, 'i');
  expect(published(old).size).toBe(6);
  expect(stale.output()).toContain('party1.example: conflict');
  expect(stale.output()).not.toMatch(/[78] entries/);
  expect(await stale.end('SIGTERM')).toBe(0);
});

it('cannot show two trees: none of the parties cosigns the other one', async () => {
  const other = join(base, 'old');
  const forked = await startWriter(other); // asks nobody, and so signs and publishes a fork
  await commit(other, 'j', 'k');
  await until('the fork is signed', () => published(other).size === 10);
  await forked.end('SIGTERM');
  const { note, size } = published(other);
  const { checkpoint } = openCheckpoint(note, [key], key.name);
  for (const { url } of parties) {
    const send = async (oldSize: number) => {
      const proof = await proveConsistency(checkpoint, oldSize, readerOf(join(other, 'log')));
      const body = encodeAddCheckpoint({ oldSize, proof, checkpoint: note });
      const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
      return [answer.status, await answer.text()];
    };
    expect(size).toBe(10);
    expect(await send(6)).toEqual([409, '7\n']);
    expect((await send(7))[0]).toBe(422);
  }
});
