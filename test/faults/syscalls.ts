/** Harm at the Nth system call of a kind: the process is killed there, or the call fails. strace does it from outside. */
import { execFileSync } from 'node:child_process';
import { type FaultSite, PROGRAMS, type ProgramName } from './fault-site.ts';
import type { Launch } from './program.ts';

export const CALLS = {
  fsync: 'fsync,fdatasync',
  write: 'write,pwrite64,writev,ftruncate',
  rename: 'rename,renameat,renameat2,link,unlink,mkdir',
} as const;
export type CallKind = keyof typeof CALLS;

export type Harm = 'SIGKILL' | 'EIO' | 'ENOSPC';

/** Why no system call can be harmed here; `undefined` when it can. */
export function whyNoStrace(): string | undefined {
  try {
    execFileSync('strace', ['-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', '-e', 'trace=fsync', 'true'], {
      stdio: 'ignore',
    });
    return undefined;
  } catch {
    return 'strace is not here, or may not trace (apt-get install strace)';
  }
}

/** strace counts for each thread; with one thread in node's pool beside the main one, the same call is the same again. */
function harmed(kind: CallKind, nth: number, harm: Harm): Launch {
  const calls = CALLS[kind];
  const what = harm === 'SIGKILL' ? 'signal=SIGKILL' : `error=${harm}`;
  return {
    under: [
      ...['strace', '-f', '-qq', '-o', '/dev/null'],
      ...['-e', `trace=${calls}`, '-e', `inject=${calls}:${what}:when=${nth}`],
    ],
    environment: { UV_THREADPOOL_SIZE: '1' },
  };
}

/** Values that are measured in one life of a process under harm. */
const VALUES = 12;
const PATIENCE_MS = 30_000;

/**
 * One life of a program, from its start until what is measured meanwhile is in the log, harmed at one call. The others run
 * unharmed. True when it ended by that; a failed call need not end it.
 */
export async function harmOnce(site: FaultSite, name: ProgramName, kind: CallKind, nth: number, harm: Harm) {
  const program = site.programs[name];
  await program.end('SIGKILL');
  site.start(...PROGRAMS.filter((other) => other !== name));
  program.start(harmed(kind, nth, harm));
  site.producer.measure(VALUES);
  // Others that fall meanwhile, for want of the one that is harmed, come back.
  const others = PROGRAMS.filter((other) => other !== name);
  const supervised = setInterval(() => site.start(...others), 50);
  await site.producer.whenSettled(PATIENCE_MS, () => !program.isRunning);
  clearInterval(supervised);
  const fell = !program.isRunning;
  await program.end('SIGKILL');
  return fell;
}

/** From the first call on, every `stride`th, until one life goes by unharmed. How many were hit. */
export async function sweep(
  site: FaultSite,
  name: ProgramName,
  kind: CallKind,
  stride: number,
  onProgress: (nth: number) => void = () => undefined,
): Promise<number> {
  let hit = 0;
  for (let nth = 1; ; nth += stride) {
    if (!(await harmOnce(site, name, kind, nth, 'SIGKILL'))) return hit;
    hit++;
    onProgress(nth);
  }
}
