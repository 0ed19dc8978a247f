/**
 * kill -9 at random moments of a replay, and the same command again, until it is done: nothing lost, nothing doubled, and
 * the log never took back what it had signed. VERAVITA_SEED repeats a run. Many kills, of agent, service and ledger writer
 * as separate processes, are in test/faults.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openCheckpoint } from '../../protocol/checkpoint.ts';
import { verifyConsistency } from '../../protocol/merkle.ts';
import { parseVerifierKey } from '../../protocol/signed-note.ts';
import { proveConsistency } from '../../protocol/tlog-tiles.ts';
import { createRandom } from '../../simulators/random.ts';
import type { ReplayResult } from '../../simulators/replay.ts';
import { readerOf } from '../ledger-writer/read-log.ts';

const KILLS = 5;
const SEED = Number(process.env.VERAVITA_SEED ?? Date.now() % 1_000_000);
const ROOT = join(import.meta.dirname, '..', '..');
const RECORDING = join(ROOT, 'simulators', 'recordings', 'heart-rate-fitbit.csv');
/** Longest time until a kill; a run that ends before was no kill, and another is tried. */
const LONGEST_MS = 3000;

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'veravita-kill-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function start() {
  const args = [join(ROOT, 'simulators', 'replay-main.ts'), RECORDING, '--data', directory, '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  return { child, output, ended };
}

/** True when the run was killed, false when it was done before. */
async function killAfter(ms: number): Promise<boolean> {
  const { child, ended } = start();
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const { code, signal } = await ended;
  clearTimeout(timer);
  if (signal === null) expect(code).toBe(0);
  return signal === 'SIGKILL';
}

it(`survives ${KILLS} kills`, async () => {
  console.info(`replay-kill: ${KILLS} kills, VERAVITA_SEED=${SEED}`);
  const random = createRandom(SEED);
  const checkpoints = new Set<string>();
  for (let killed = 0; killed < KILLS; ) {
    if (await killAfter(50 + random() * (LONGEST_MS - 50))) killed++;
    const note = join(directory, 'log', 'checkpoint');
    if (existsSync(note)) checkpoints.add(readFileSync(note, 'utf8'));
  }

  const { output, ended } = start();
  const [[stdout, stderr], { code }] = await Promise.all([output, ended]);
  expect(code, stderr).toBe(0);
  const result = JSON.parse(stdout) as ReplayResult;
  expect(result).toMatchObject({ readings: 5600, filed: 5600, inLog: 5600, lost: 0, duplicates: 0 });

  const key = parseVerifierKey(readFileSync(join(directory, 'keys', 'log', 'log.vkey'), 'utf8').trim());
  const open = (note: string) => openCheckpoint(note, [key], key.name).checkpoint;
  const last = open(readFileSync(join(directory, 'log', 'checkpoint'), 'utf8'));
  expect(last.size).toBe(result.checkpointSize);
  for (const seen of [...checkpoints].map(open)) {
    const proof = await proveConsistency(last, seen.size, readerOf(join(directory, 'log')));
    const claim = { size1: seen.size, root1: seen.root, size2: last.size, root2: last.root, proof };
    expect(verifyConsistency(claim), `checkpoint of ${seen.size}`).toBe(true);
  }
  const sizes = [...checkpoints].map((note) => open(note).size);
  expect(sizes).toEqual(sizes.toSorted((a, b) => a - b)); // never smaller than before
  console.info(
    `replay-kill: checkpoints of ${sizes.join(', ')}, at last ${last.size}; ${result.again} were there before`,
  );
});
