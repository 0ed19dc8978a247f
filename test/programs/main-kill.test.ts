import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';
import { pathsBelow } from '../../ledger-writer/config.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../../protocol/checkpoint.ts';
import { verifyConsistency } from '../../protocol/merkle.ts';
import { decodePosition } from '../../protocol/position.ts';
import { type NoteKey, parseVerifierKey } from '../../protocol/signed-note.ts';
import { bindLog, readEntries } from '../ledger-writer/read-log.ts';
import { startWriter } from '../ledger-writer/writer-process.ts';

const MAIN = fileURLToPath(new URL('../../ledger-writer/main.ts', import.meta.url));
const KILLS = 3;

/** A generator whose seed is printed, so that a failing run can be repeated. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

it('doubles and loses nothing and never contradicts a checkpoint, killed at random moments', async () => {
  const seed = Number(process.env.VERAVITA_SEED ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  const random = randomOf(seed);
  const data = mkdtempSync(join(tmpdir(), 'veravita-writer-kill-'));
  const paths = pathsBelow(data);
  const commitments = openJournalSqlite({ path: paths.commitmentsPath });
  const checkpointFile = join(paths.logDirectory, 'checkpoint');
  const seen = new Map<string, Checkpoint>();
  const wanted: string[] = [];
  let key: NoteKey | undefined;

  function look(): void {
    if (key === undefined || !existsSync(checkpointFile)) return;
    const { checkpoint } = openCheckpoint(readFileSync(checkpointFile, 'utf8'), [key], key.name);
    seen.set(`${checkpoint.size} ${encodeHex(checkpoint.root)}`, checkpoint);
  }

  async function produce(): Promise<void> {
    const batch = Array.from({ length: 1 + Math.floor(random() * 60) }, () =>
      Uint8Array.from({ length: 32 }, () => Math.floor(random() * 256)),
    );
    wanted.push(...batch.map(encodeHex));
    await commitments.append(batch.map((body) => ({ key: 'k', id: encodeHex(body), body })));
  }

  for (let kill = 0; kill <= KILLS; kill++) {
    const { child, output, end } = await startWriter(data);
    const rounds = 2 + Math.floor(random() * 12);
    key ??= parseVerifierKey(readFileSync(join(paths.keyDirectory, 'log.vkey'), 'utf8').trim());
    for (let round = 0; round < rounds; round++) {
      await produce();
      await new Promise((resolve) => setTimeout(resolve, random() * 12));
      look();
    }
    if (kill < KILLS) {
      await end('SIGKILL');
    } else {
      while (!output().includes(`checkpoint of ${wanted.length} entries`)) {
        if (child.exitCode !== null) throw new Error(output());
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(await end('SIGTERM')).toBe(0);
    }
    look();
  }

  const entries = (await readEntries(paths.logDirectory, key!)).map(encodeHex);
  expect(entries).toEqual(wanted);
  const tiles = await bindLog(paths.logDirectory, key!);
  expect(seen.size).toBeGreaterThan(KILLS);
  for (const { size: size1, root: root1 } of seen.values()) {
    const proof = await tiles.proveConsistency(size1);
    expect(verifyConsistency({ size1, root1, size2: tiles.head.size, root2: tiles.head.root, proof })).toBe(true);
  }
  const positions = openJournalSqlite({ path: paths.positionsPath });
  const told = (await positions.read(0, 1_000_000)).map(({ body }) => decodePosition(body));
  expect(told.map(({ index }) => index)).toEqual(wanted.map((_, index) => index));
  expect(told.map(({ commitment }) => encodeHex(commitment))).toEqual(wanted);
  await positions.close();
  await commitments.close();
  rmSync(data, { recursive: true });
});

it('lets no second process write', async () => {
  const data = mkdtempSync(join(tmpdir(), 'veravita-writer-two-'));
  const first = await startWriter(data);
  await expect(startWriter(data)).rejects.toThrow('another writer');
  expect(await first.end('SIGTERM')).toBe(0);
  rmSync(data, { recursive: true });
});

it('explains itself and refuses bad arguments', async () => {
  const run = async (...args: string[]) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    await once(child, 'close');
    return { code: child.exitCode, output };
  };
  expect(await run('--help')).toMatchObject({ code: 0, output: expect.stringContaining('Usage') });
  expect(await run()).toEqual({ code: 2, output: '--data names the data directory\n' });
});
