import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseSignatureLines } from '../../../protocol/add-checkpoint.ts';
import { openCosignatures } from '../../../protocol/cosignature.ts';
import { encodeVerifierKey, parseNote } from '../../../protocol/signed-note.ts';
import { areOfOneLog, branchOf, LOG } from './branches.ts';
import { startWitness, type WitnessProcess } from './process.ts';

const KILLS = Number(process.env.VERAVITA_KILLS ?? 3);
const SIZE = 600;
const branches = [branchOf('main', SIZE, SIZE), branchOf('fork', 5, SIZE), branchOf('late', 60, SIZE)];

let base: string;
let witness: WitnessProcess | undefined;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'veravita-witness-kill-'));
});
afterEach(async () => {
  if (witness?.child.exitCode === null) await witness.end('SIGKILL');
  rmSync(base, { recursive: true });
});

const start = () => startWitness({ data: join(base, 'one'), log: encodeVerifierKey(LOG), name: 'one.example/witness' });

it('never cosigns a fork, killed at random moments and started again', { timeout: 120_000 }, async () => {
  const seed = Number(process.env.VERAVITA_SEED ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  let random = seed;
  const next = (below: number) => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((random / 2 ** 32) * below);
  };
  const heads: { size: number; root: Uint8Array }[] = [];
  let refused = 0;
  let size = 0;
  for (let kill = 0; kill <= KILLS; kill++) {
    witness = await start();
    const { url, key } = witness;
    let timer: NodeJS.Timeout | undefined;
    // Both trees at once, from whatever size the last answer told, until the process is gone.
    for (let dead = false, round = 0; !dead && round < 500 && size < SIZE - 10; round++) {
      // Not by the clock alone: on a busy machine it would never have answered.
      if (round === 1) timer = setTimeout(() => witness!.child.kill('SIGKILL'), next(100));
      const asked = branches.map((branch) => ({ branch, to: size + 1 + next(3) }));
      const answers = await Promise.allSettled(
        asked.map(async ({ branch, to }) => {
          const body = branch.request(size, to);
          const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
          return { branch, to, status: answer.status, text: await answer.text() };
        }),
      );
      for (const answer of answers) {
        if (answer.status === 'rejected') {
          dead = true;
          continue;
        }
        const { branch, to, status, text } = answer.value;
        if (status === 200) {
          const note = parseNote(branch.checkpoint(to));
          const signatures = parseSignatureLines(note.text, text);
          expect(openCosignatures({ ...note, signatures }, [key])).toHaveLength(1);
          heads.push({ size: to, root: branch.root(to) });
          size = Math.max(size, to);
        } else {
          expect([409, 422]).toContain(status);
          if (status === 409) size = Math.max(size, Number(text));
          refused++;
        }
      }
    }
    clearTimeout(timer);
    await witness.end('SIGKILL');
  }
  expect(heads.length).toBeGreaterThan(KILLS);
  expect(refused).toBeGreaterThan(0);
  expect(areOfOneLog(heads, branches)).toBe(true);
});

it('runs once for one memory, stops cleanly, and keeps its key', async () => {
  witness = await start();
  const { vkey } = witness;
  expect(readFileSync(join(base, 'one', 'witness.vkey'), 'utf8').trim()).toBe(vkey);
  await expect(start()).rejects.toThrow('another witness has the state open');
  expect(await witness.end('SIGTERM')).toBe(0);
  witness = await start();
  expect(witness.vkey).toBe(vkey);
});

it('explains itself and lists all that is wrong', () => {
  const main = fileURLToPath(new URL('../../../ledger-writer/witness/main.ts', import.meta.url));
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env: {} });
    return { status, output: stdout + stderr };
  };
  expect(run('--help')).toMatchObject({ status: 0, output: expect.stringContaining('npm run witness') });
  const { status, output } = run('--log', 'nonsense', '--name', 'a b', '--port', 'x');
  expect(status).toBe(2);
  expect(output.trim().split('\n')).toHaveLength(4);
  expect(run('--nonsense').status).toBe(2);
});
