/**
 * Runs worlds: `npm run test:seeds -- --seeds 500 --from 1`. Prints each seed that failed and why; `--seed N` runs one
 * and tells its story. One seed is one world, on every run.
 */
import './patches.ts';
import './disk-patches.ts';
import './network.ts';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CONTROLS, type Control } from './controls.ts';
import { type Outcome, runSeed } from './scenario.ts';
import { PowerCut } from './scheduler.ts';
import { makeTemplate } from './template.ts';

const HELP = `usage: npm run test:seeds -- [--seeds N] [--from S] [--seed S] [--seconds T] [--control NAME] [--json]

  --seeds N       how many worlds (default 60)
  --from S        the first seed (default 1)
  --seed S        this one only, with its story
  --seconds T     no new world after this time
  --control NAME  plants a defect and ends at the first seed that finds it: ${CONTROLS.join(', ')}
  --json          one object for all
`;

interface Settings {
  readonly seeds: number;
  readonly from: number;
  readonly seconds: number;
  readonly story: boolean;
  readonly control: Control | undefined;
  readonly json: boolean;
}

function readSettings(): Settings | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    options: { seeds: text, from: text, seed: text, seconds: text, control: text, json: flag, help: flag },
  });
  if (values.help) return undefined;
  const number = (name: 'seeds' | 'from' | 'seed' | 'seconds', otherwise: number) => {
    const value = Number(values[name] ?? otherwise);
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name} takes a whole number from 1`);
    return value;
  };
  const control = CONTROLS.find((name) => name === values.control);
  if (values.control !== undefined && !control) throw new RangeError(`--control takes one of ${CONTROLS.join(', ')}`);
  const story = values.seed !== undefined;
  return {
    seeds: story ? 1 : number('seeds', 60),
    from: story ? number('seed', 1) : number('from', 1),
    seconds: number('seconds', 86_400),
    story,
    control,
    json: values.json,
  };
}

async function run(settings: Settings): Promise<number> {
  const { seeds, from, seconds, story, control, json } = settings;
  const memory = '/dev/shm';
  const root = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'veravita-seeds-'));
  // A process that was killed leaves promises that nobody waits for.
  let unexpected: unknown;
  const note = (error: unknown) => {
    if (!(error instanceof PowerCut) && !(error instanceof Error && error.cause instanceof PowerCut)) unexpected ??= error;
  };
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  let isStopped = false;
  process.once('SIGINT', () => {
    isStopped = true;
  });
  const failed: Outcome[] = [];
  const counts: Record<string, number> = {};
  const fingerprints: number[] = [];
  let done = 0;
  try {
    const template = await makeTemplate(root);
    const started = performance.now();
    for (let seed = from; seed < from + seeds && !isStopped; seed++) {
      if (performance.now() - started > 1000 * seconds) break;
      unexpected = undefined;
      const folder = join(root, String(seed));
      const trace = story && !json ? (line: string) => console.log(line) : undefined;
      const outcome = await runSeed({ seed, root: folder, template, control, trace });
      const problems = [...outcome.problems, ...(unexpected ? [`unexpected: ${String((unexpected as Error).stack ?? unexpected)}`] : [])];
      rmSync(folder, { recursive: true, force: true });
      done++;
      fingerprints.push(outcome.fingerprint);
      for (const [name, n] of Object.entries(outcome.counts)) counts[name] = (counts[name] ?? 0) + n;
      counts.steps = (counts.steps ?? 0) + outcome.steps;
      if (problems.length === 0) continue;
      failed.push({ ...outcome, problems });
      if (!json) console.log(`seed ${seed}: ${problems.slice(0, 5).join('\n  ')}`);
      if (control) break;
    }
    const rate = done / ((performance.now() - started) / 1000);
    if (json) {
      const found = failed.map(({ seed, problems }) => ({ seed, problems }));
      console.log(JSON.stringify({ seeds: done, failed: found, rate, fingerprints, counts }));
    } else {
      console.log(`${done} seeds from ${from}, ${failed.length} failed, ${rate.toFixed(1)} a second`);
      console.log(Object.entries(counts).map(([name, n]) => `${n} ${name}`).join(', '));
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  if (control) return failed.length > 0 ? 0 : 1;
  return failed.length > 0 ? 1 : 0;
}

try {
  const settings = readSettings();
  if (settings) process.exitCode = await run(settings);
  else process.stdout.write(HELP);
} catch (error) {
  console.error(error instanceof RangeError || (error as { code?: string }).code?.startsWith('ERR_PARSE') ? (error as Error).message : error);
  process.exitCode = 2;
}
