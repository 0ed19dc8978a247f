/** Kills processes that append, and looks whether all that they were told holds. Shared by all engines. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';
import type { Journal } from '../../journal/journal.ts';

/** A process that runs a program of the tests; its lines, as they are whole. */
export interface Talker {
  readonly child: ChildProcess;
  /** Whole lines so far. A last one that was cut need not be counted. */
  lines(): readonly string[];
  kill(): Promise<void>;
}

export function startTalker(program: string, ...args: string[]): Talker {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return {
    child,
    lines: () => output.split('\n').slice(0, -1),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, 'close'); // with all that it said
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** `ID POSITION` lines as they were acknowledged. */
export function acknowledgedOf(lines: readonly string[]): Map<string, number> {
  return new Map(lines.map((line) => line.split(' ')).map(([id, position]) => [id!, Number(position)]));
}

/** Everything acknowledged is there, at its position; no id twice; no position missing; no body altered. */
export async function expectKept(journal: Journal, acknowledged: ReadonlyMap<string, number>): Promise<void> {
  const entries = await journal.read(0, 10_000_000);
  expect(entries.map(({ position }) => position)).toEqual(entries.map((_, index) => index));
  expect(new Set(entries.map(({ id }) => id)).size).toBe(entries.length);
  for (const { id, body } of entries) expect(new TextDecoder().decode(body)).toBe(id.repeat(20));
  for (const [id, position] of acknowledged) expect(entries[position]?.id).toBe(id);
}
