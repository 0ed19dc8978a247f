/** `npm run simulate -- run SCENARIO --road DIRECTORY`: the whole road over a scenario, and what became of every reading. */
import { mkdirSync, readdirSync } from 'node:fs';
import { formatAudit, isClean } from './scenarios/audit.ts';
import { runScenarioOnRoad } from './scenarios/road.ts';
import { describeResult, openTruth, type RunSettings } from './simulate-run.ts';

export interface RoadOutput {
  readonly say: (text: string) => void;
  /** A line that the next one replaces. */
  readonly progress: (text: string) => void;
}

/** Resolves with whether the record is what the ground truth says. Throws when the directory has something in it. */
export async function playOnRoad(settings: RunSettings & { readonly road: string }, out: RoadOutput): Promise<boolean> {
  const { scenario, road: directory } = settings;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (readdirSync(directory).length > 0) throw new Error('the directory of --road has something in it');
  const truth = settings.truth === undefined ? undefined : openTruth(settings.truth);
  try {
    const { result, rows, notInLog, seconds } = await runScenarioOnRoad({
      scenario,
      directory,
      ...(truth && { truth: truth.write }),
      onProgress: ({ measured, of }) => out.progress(`${measured} of ${of} measurements`),
    });
    out.say(
      `${describeResult(result)}${formatAudit(rows)}${notInLog} readings not in the log; ${seconds.toFixed(0)} s\n`,
    );
    return isClean(rows) && notInLog === 0 && result.kept === 0;
  } finally {
    truth?.close();
  }
}
