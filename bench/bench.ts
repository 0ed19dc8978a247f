/** Everything that is measured, in one run, so that the ratios hold on whatever machine it runs. */
import { describeMachine, type Machine } from './machine.ts';
import { measurePlain } from './plain.ts';
import type { Rate } from './rate.ts';
import { measureRadioRoad, measureRoad } from './road.ts';
import { openSite } from './site.ts';
import { measureStages, type StageRun, type StageTimes } from './stages.ts';
import { measureWire, type WireSize } from './wire.ts';

/** How much of everything. */
export interface BenchPlan {
  /** Readings of the longest measurement; the others take a share of it. */
  readonly readings: number;
  /** Readings in a batch. */
  readonly batch: number;
  /** The first is of `batch` readings; the others show how cost grows. */
  readonly stages: readonly [StageRun, ...StageRun[]];
}

/** What was measured. */
export interface BenchResult {
  readonly machine: Machine;
  readonly batch: number;
  readonly road: Rate;
  /** Through the radio. */
  readonly radioRoad: Rate;
  readonly plainSingle: Rate;
  readonly plainBatch: Rate;
  /** In the order of the plan. */
  readonly stages: readonly { readonly batch: number; readonly ms: StageTimes }[];
  readonly wire: readonly WireSize[];
  readonly seconds: number;
}

export const DEFAULT_READINGS = 100_000;

/** The plan of `npm run bench`: about a minute and a half on two cores, under three whatever the disk. */
export function planBench(readings: number): BenchPlan {
  return {
    readings,
    batch: 500,
    stages: [
      { batch: 500, rounds: 32 },
      { batch: 50, rounds: 64 },
      { batch: 5000, rounds: 8 },
    ],
  };
}

/** `directory` is empty and stays behind with all that was written; `progress` is told what is measured now. */
export async function runBench(
  directory: string,
  { readings, batch, stages }: BenchPlan,
  progress: (what: string) => void,
): Promise<BenchResult> {
  const startedAt = performance.now();
  const machine = describeMachine(directory);
  const site = await openSite(directory);
  let road: Rate;
  let radioRoad: Rate;
  try {
    progress('the road');
    road = await measureRoad(site, { readings, limitMs: 75_000, batch });
    progress('the road through the radio');
    radioRoad = await measureRadioRoad(site, { readings: Math.ceil(readings / 5), limitMs: 15_000, batch });
  } finally {
    await site.world.stop();
  }
  progress('the plain pipeline');
  const plainSingle = await measurePlain(directory, {
    readings: Math.ceil(readings / 5),
    limitMs: 15_000,
    perMessage: 1,
  });
  const plainBatch = await measurePlain(directory, { readings, limitMs: 10_000, perMessage: batch });
  progress('the stages');
  const times = await measureStages(directory, stages);
  return {
    machine,
    batch,
    road,
    radioRoad,
    plainSingle,
    plainBatch,
    stages: stages.map((run, i) => ({ batch: run.batch, ms: times[i]! })),
    wire: await measureWire(directory, [batch, 60]),
    seconds: (performance.now() - startedAt) / 1000,
  };
}
