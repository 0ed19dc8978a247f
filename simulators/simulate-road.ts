/** `npm run simulate -- run SCENARIO --road DIRECTORY`: the whole road over a scenario, and what became of every reading. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isClean } from './scenarios/audit.ts';
import { formatAudit } from './scenarios/format-audit.ts';
import { runScenarioOnRoad } from './scenarios/road.ts';
import { describeResult, openTruth, type RunSettings } from './simulate-run.ts';

export interface RoadSurroundings {
  readonly say: (text: string) => void;
  readonly progress: (text: string) => void;
  /** Resolves when the run is to end early. */
  readonly whenStopped: Promise<void>;
}

/** What became of each number, as lines of JSON: measurements by their number in the truth, readings by their id. */
const AUDIT = 'audit.ndjson';

/** Resolves with whether the record is what the ground truth says. Throws when the directory has something in it. */
export async function playOnRoad(
  settings: RunSettings & { readonly road: string },
  { say, progress, whenStopped }: RoadSurroundings,
): Promise<boolean> {
  const { scenario, road: directory } = settings;
  const truth = settings.truth === undefined ? undefined : openTruth(settings.truth);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (readdirSync(directory).length > 0) throw new Error('the directory of --road has something in it; name another');
    const verdicts: string[] = [];
    const { result, rows, notInLog, seconds } = await runScenarioOnRoad({
      scenario,
      directory,
      whenStopped,
      onVerdict: (address, verdict) => void verdicts.push(`${JSON.stringify({ address, ...verdict })}\n`),
      ...(truth && { truth: truth.write }),
      onProgress: ({ measured, of }) => progress(`${measured} of ${of} measurements`),
    });
    writeFileSync(join(directory, AUDIT), verdicts.join(''), { mode: 0o600, flag: 'wx' });
    const isGood = isClean(rows) && notInLog === 0 && result.kept === 0;
    say(`${describeResult(result)}${formatAudit(rows)}${notInLog} readings not in the log; ${seconds.toFixed(0)} s.\n`);
    say(`${isGood ? 'The record is what the wearables sent.' : 'The record is not what the wearables sent.'} `);
    say(`Number by number: ${AUDIT} in the directory.\n`);
    return isGood;
  } finally {
    truth?.close();
  }
}
