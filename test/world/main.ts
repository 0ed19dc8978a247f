/**
 * Runs worlds: `npm run test:seeds -- --seeds 500 --from 1`. Prints each seed that failed and why; `--seed N` runs one
 * and tells its story. One seed is one world, on every run.
 */
import { parseArgs } from 'node:util';
import { CONTROLS } from './controls.ts';
import type { Run, Runner } from './runner.ts';
import type { Outcome } from './scenario.ts';

const HELP = `usage: npm run test:seeds -- [--seeds N] [--from S] [--seed S] [--seconds T] [--controls] [--json]

  --seeds N    how many worlds (default 60)
  --from S     the first seed (default 1)
  --seed S     this one only, with its story
  --seconds T  no new world after this time
  --controls   plants each known defect in turn; the seeds must find it
  --json       one object for all
`;

interface Settings {
  readonly seeds: number;
  readonly from: number;
  readonly seconds: number;
  readonly story: boolean;
  readonly controls: boolean;
  readonly json: boolean;
}

function readSettings(): Settings | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    options: { seeds: text, from: text, seed: text, seconds: text, controls: flag, json: flag, help: flag },
  });
  if (values.help) return undefined;
  const number = (name: 'seeds' | 'from' | 'seed' | 'seconds', otherwise: number) => {
    const value = Number(values[name] ?? otherwise);
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name} takes a whole number from 1`);
    return value;
  };
  const { seed, controls, json } = values;
  const story = seed !== undefined;
  return {
    seeds: story ? 1 : number('seeds', 60),
    from: story ? number('seed', 1) : number('from', 1),
    seconds: number('seconds', 86_400),
    story: story && !json,
    controls,
    json,
  };
}

let isStopped = false;
process.once('SIGINT', () => {
  isStopped = true;
});

async function runSeeds(runner: Runner, settings: Settings): Promise<boolean> {
  const { story, json, from } = settings;
  const print = ({ seed, problems }: Outcome) => console.log(`seed ${seed}: ${problems.slice(0, 8).join('\n  ')}`);
  const run = await runner.run({
    ...settings,
    isStopped: () => isStopped,
    ...(story && { trace: (line: string) => console.log(line) }),
    ...(!json && { onFailed: print }),
  });
  const failed = run.failed.map(({ seed, problems }) => ({ seed, problems }));
  const { seeds, fingerprints, counts, ms } = run;
  if (json) {
    console.log(JSON.stringify({ seeds, failed, fingerprints, counts, ms: Math.round(ms) }));
  } else {
    console.log(`${seeds} seeds from ${from}, ${failed.length} failed, ${rateOf(run)} a second`);
    console.log(describeCounts(counts));
  }
  return failed.length === 0 && seeds > 0;
}

/** True when every planted defect was found. */
async function runControls(runner: Runner, { seeds, from, seconds, json }: Settings): Promise<boolean> {
  const found: Record<string, { seed: number; problems: readonly string[] } | null> = {};
  for (const control of CONTROLS) {
    const run = await runner.run({ seeds, from, seconds, control, untilFailed: true, isStopped: () => isStopped });
    const [first] = run.failed;
    found[control] = first ? { seed: first.seed, problems: first.problems } : null;
    if (!json) console.log(`${control}: ${first ? `seed ${first.seed}, ${first.problems[0]}` : 'NOT FOUND'}`);
  }
  if (json) console.log(JSON.stringify({ found }));
  return Object.values(found).every((one) => one !== null);
}

function rateOf({ seeds, ms }: Run): string {
  return (seeds / (ms / 1000)).toFixed(1);
}

function describeCounts(counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, n]) => `${n} ${name}`).join(', ');
}

async function run(settings: Settings): Promise<number> {
  // Before the product: it takes hold of timers and the like when it loads.
  await import('./patches.ts');
  const { openRunner } = await import('./runner.ts');
  const runner = await openRunner();
  try {
    return (await (settings.controls ? runControls : runSeeds)(runner, settings)) ? 0 : 1;
  } finally {
    runner.close();
  }
}

try {
  const settings = readSettings();
  if (settings) process.exitCode = await run(settings);
  else process.stdout.write(HELP);
} catch (error) {
  const isMistake = error instanceof RangeError || (error as { code?: string }).code?.startsWith('ERR_PARSE');
  console.error(isMistake ? (error as Error).message : error);
  process.exitCode = 2;
}
