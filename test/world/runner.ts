/** Runs seeds one after the other, each in a folder of its own that is gone afterward. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Control } from './controls.ts';
import { type Outcome, runSeed } from './scenario.ts';
import { PowerCut } from './scheduler.ts';
import { makeTemplate } from './template.ts';
import type { Template } from './world.ts';

export interface Run {
  /** Worlds that came to their end. */
  readonly seeds: number;
  readonly failed: readonly Outcome[];
  /** Of each seed, in order. */
  readonly fingerprints: readonly number[];
  /** What came to pass in all of them, by name. */
  readonly counts: Readonly<Record<string, number>>;
  readonly ms: number;
}

export interface RunOptions {
  readonly from: number;
  readonly seeds: number;
  readonly seconds: number;
  readonly control?: Control | undefined;
  /** Ends with the first seed that fails. */
  readonly untilFailed?: boolean;
  readonly isStopped?: () => boolean;
  readonly trace?: ((line: string) => void) | undefined;
  readonly onFailed?: (outcome: Outcome) => void;
}

export interface Runner {
  run(options: RunOptions): Promise<Run>;
  close(): void;
}

/** A fsync in memory costs nothing, and what survives is ours to say. */
const MEMORY = '/dev/shm';

export async function openRunner(): Promise<Runner> {
  const root = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'veravita-seeds-'));
  const unexpected: unknown[] = [];
  // What a dead process left is nobody's; all else is a bug.
  const note = (error: unknown) => {
    if (!isOfTheDead(error)) unexpected.push(error);
  };
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  const close = () => {
    process.off('unhandledRejection', note);
    process.off('uncaughtException', note);
    rmSync(root, { recursive: true, force: true });
  };
  let template: Template;
  try {
    template = await makeTemplate(root);
  } catch (error) {
    close();
    throw error;
  }

  async function one(seed: number, { control, trace }: RunOptions): Promise<Outcome> {
    unexpected.length = 0;
    const folder = join(root, String(seed));
    try {
      const outcome = await runSeed({ seed, root: folder, template, control, trace });
      const stacks = unexpected.map((error) => `unexpected: ${(error as Error).stack ?? String(error)}`);
      return { ...outcome, problems: [...outcome.problems, ...stacks] };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  return {
    close,
    async run(options) {
      const { from, seeds, seconds, untilFailed = false, isStopped = () => false, onFailed } = options;
      const failed: Outcome[] = [];
      const fingerprints: number[] = [];
      const counts: Record<string, number> = {};
      const started = performance.now();
      const elapsed = () => performance.now() - started;
      for (let seed = from; seed < from + seeds && !isStopped() && elapsed() < 1000 * seconds; seed++) {
        const outcome = await one(seed, options);
        fingerprints.push(outcome.fingerprint);
        for (const [name, n] of Object.entries({ ...outcome.counts, steps: outcome.steps })) {
          counts[name] = (counts[name] ?? 0) + n;
        }
        if (outcome.problems.length === 0) continue;
        failed.push(outcome);
        onFailed?.(outcome);
        if (untilFailed) break;
      }
      return { seeds: fingerprints.length, failed, fingerprints, counts, ms: elapsed() };
    },
  };
}

function isOfTheDead(error: unknown): boolean {
  return error instanceof PowerCut || (error instanceof Error && error.cause instanceof PowerCut);
}
