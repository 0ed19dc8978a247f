/** Programs of the project as processes of their own, as a machine of a hospital runs them. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Processes start slowly on a busy machine. */
const PATIENCE_MS = 60_000;

const started: ChildProcess[] = [];

/** Starts a program, by its path in the project; its output grows as it speaks. */
export function start(program: string, ...args: string[]) {
  const child = spawn(process.execPath, [at(program), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  const running = { child, output: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      running.output += text;
    });
  }
  return running;
}

/** Ends all that {@link start} started and that still runs. */
export async function stopPrograms(): Promise<void> {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

/** What a command prints. */
export function ask(program: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [at(program), ...args], (error, stdout, stderr) =>
      error ? reject(new Error(stderr)) : resolve(stdout.trim()),
    );
  });
}

/** Kills a child of a process, by what it runs, once it is there (Linux). */
export async function killChild(pid: number, program: string): Promise<void> {
  await until(`there is a ${program} to kill`, () => childOf(pid, program) !== undefined, PATIENCE_MS);
  process.kill(childOf(pid, program)!, 'SIGKILL');
}

function childOf(pid: number, program: string): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return children.find((child) => {
    try {
      return readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(program);
    } catch {
      return false; // it ended meanwhile
    }
  });
}
