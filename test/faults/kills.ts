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

/** Longest life of a process between its start and its end. */
const LONGEST_MS = 1500;

/** Measures all the time, and kills so often in all; how often each. Everything runs when it resolves, or starts to. */
export async function killAtRandom(site: FaultSite, options: KillOptions): Promise<Record<string, number>> {
  const { kills, seed, only = PROGRAMS, onProgress = () => undefined } = options;
  const killed: Record<string, number> = {};
  let left = kills;
  site.start();
  site.producer.start();
  await Promise.all(
    only.map(async (name, i) => {
      const random = createRandom(seed + i);
      const program = site.programs[name];
      while (left > 0) {
        site.start(name);
        await pause(random() * random() * LONGEST_MS + (random() < 0.5 ? 300 : 20));
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
