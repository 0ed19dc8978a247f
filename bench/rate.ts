/** How fast something goes: a part of it to warm up, then as much as was asked for or as the time allows. */

/** What was measured. */
export interface Rate {
  /** Readings that were timed; those of the warm-up are not among them. */
  readonly readings: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Of this process, all threads: less than `seconds` where it waits for the disk. */
  readonly cpuSeconds: number;
}

export interface RateOptions {
  /** Readings to be timed, fewer when that would take longer than `limitMs` at the speed of the warm-up. */
  readonly readings: number;
  readonly limitMs: number;
}

/** `run` takes in so many readings and resolves when all of them are where they shall be. */
export async function measureRate(run: (count: number) => Promise<void>, options: RateOptions): Promise<Rate> {
  const warmUp = Math.ceil(options.readings / 10);
  const slowest = warmUp / (await timeOf(() => run(warmUp)));
  const readings = Math.max(warmUp, Math.min(options.readings, Math.floor(slowest * options.limitMs)));
  const cpuBefore = process.cpuUsage();
  const ms = await timeOf(() => run(readings));
  const { user, system } = process.cpuUsage(cpuBefore);
  return { readings, seconds: ms / 1000, perSecond: (1000 * readings) / ms, cpuSeconds: (user + system) / 1e6 };
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
