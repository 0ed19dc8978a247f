/**
 * Some worlds of seeds, each checked at its end; that a seed is one world; and that the checks find what they are there
 * to find. More of them: VERAVITA_SEEDS=300, or `npm run test:seeds`. In a process of its own, because the world stands
 * under timers, files and sockets of everything in its process.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { signEd25519 } from '../../protocol/ed25519.ts';
import { edgeVerdicts } from '../support/ed25519-verdicts.ts';
import { CONTROLS } from './controls.ts';
import * as native from './native-ed25519.ts';

const SEEDS = Number(process.env.VERAVITA_SEEDS ?? 8);
const FROM = 5;
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

interface Report {
  readonly seeds: number;
  readonly failed: readonly { readonly seed: number; readonly problems: readonly string[] }[];
  readonly fingerprints: readonly number[];
  readonly counts: Readonly<Record<string, number>>;
}

async function runMain(...args: string[]): Promise<unknown> {
  const work = promisify(execFile)(process.execPath, [MAIN, '--json', ...args], { maxBuffer: 2 ** 26 });
  // A failed seed is for the expectations; only what printed nothing is an error.
  const { stdout } = await work.catch((error: { stdout?: string }) => {
    if (error.stdout) return { stdout: error.stdout };
    throw error;
  });
  return JSON.parse(stdout);
}

describe('worlds', { concurrent: true, timeout: 60_000 + 10_000 * SEEDS }, () => {
  it(`lose, double and invent nothing in ${SEEDS} seeds, and each is the same when it is run again`, async () => {
    const all = (await runMain('--from', String(FROM), '--seeds', String(SEEDS))) as Report;
    expect(all.failed).toEqual([]);
    expect(all.seeds).toBe(SEEDS);
    // Something happened in them.
    expect(all.counts.readings).toBeGreaterThan(10 * SEEDS);
    expect(all.counts.batches).toBeGreaterThan(3 * SEEDS);
    for (const kind of ['power', 'kill', 'cut at a step', 'replay', 'clock'])
      expect(all.counts[kind], kind).toBeGreaterThan(0);
    const again = (await runMain('--seed', String(FROM + SEEDS - 1))) as Report;
    expect(again.fingerprints).toEqual(all.fingerprints.slice(-1));
  });

  it('find every planted defect', async () => {
    const { found } = (await runMain('--controls', '--from', '10', '--seeds', '30')) as {
      found: Record<string, { problems: readonly string[] } | null>;
    };
    expect(Object.keys(found)).toEqual([...CONTROLS]);
    for (const control of CONTROLS) expect(found[control], control).not.toBeNull();
    expect(found['doubles-not-checked']?.problems.join()).toMatch(/doubled/);
    expect(found['tiles-not-synced']?.problems.join()).toMatch(/tile of the log|the log is not/);
    expect(found['revocations-ignored']?.problems.join()).toMatch(/filed without consent/);
    expect(found['withheld-without-reason']?.problems.join()).toMatch(/lost/);
    expect(found['filing-skips-readings']?.problems.join()).toMatch(/missing/);
    expect(found['synchronous-normal']?.problems.join()).toMatch(/gone|older than the log|lost/);
  });
});

describe('signatures in worlds', () => {
  it('are those of the product, edge cases and all', () => {
    const verdicts = edgeVerdicts();
    expect(verdicts).toContain(true);
    expect(edgeVerdicts(native.verifyEd25519)).toEqual(verdicts);
    for (let i = 0; i < 20; i++) {
      const [seed, message] = [new Uint8Array(32).fill(i), new Uint8Array(i)];
      expect(native.signEd25519(seed, message)).toEqual(signEd25519(seed, message));
    }
  });
});
