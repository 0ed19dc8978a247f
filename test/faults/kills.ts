/** kill -9 of every process, each at moments of its own: while it starts, works, recovers, and while the others do. */
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom } from '../../simulators/random.ts';
import { type FaultSite, PROGRAMS, type ProgramName } from './fault-site.ts';

export interface KillOptions {
  readonly kills: number;
  readonly seed: number;
  readonly only?: readonly ProgramName[];
  readonly onProgress?: (killed: number) => void;
}

/** Longest time that a process works before it is killed. */
const LONGEST_MS = 500;
/** Share of the kills that come while it still starts and recovers. */
const EARLY = 0.3;
/** A start takes about so long; on a busy machine much longer. */
const START_MS = 700;

/** Measures all the time, and kills so often in all; how often each. Nothing is started again after the last. */
export async function killAtRandom(site: FaultSite, options: KillOptions): Promise<Record<string, number>> {
  const { kills, seed, only = PROGRAMS, onProgress = () => undefined } = options;
  const killed: Record<string, number> = {};
  let left = kills;
  site.start();
  site.producer.start();
  await Promise.all(PROGRAMS.map((name) => site.programs[name].whenReady()));
  await Promise.all(
    only.map(async (name, i) => {
      const random = createRandom(seed + i);
      const program = site.programs[name];
      while (left > 0) {
        site.start(name);
        if (random() < EARLY) {
          await pause(random() * START_MS);
        } else {
          await program.whenReady();
          await pause(random() * LONGEST_MS);
        }
        if (!program.isRunning || left <= 0) continue;
        left--;
        await program.end('SIGKILL');
        killed[name] = (killed[name] ?? 0) + 1;
        onProgress(kills - left);
      }
    }),
  );
  await site.producer.stop();
  return killed;
}
