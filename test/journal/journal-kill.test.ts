import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';

const CHILD = fileURLToPath(new URL('./append-until-killed.ts', import.meta.url));
const KILLS = 3;

/** Starts the appending process, kills it after so many acknowledgements, and returns them as [id, position]. */
async function appendAndKill(path: string, start: number, after: number): Promise<[string, number][]> {
  const child = spawn(process.execPath, [CHILD, path, String(start)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > after) child.kill('SIGKILL');
  });
  await once(child, 'close');
  // The last line may be cut; what it acknowledged need not be counted.
  const lines = output
    .slice(0, output.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => line.split(' ')).map(([id, position]) => [id!, Number(position)]);
}

it('loses no acknowledged append, keeps positions and doubles no id through kill -9', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'veravita-journal-'));
  const path = join(directory, 'journal.sqlite');
  const acknowledged = new Map<string, number>();
  for (let kill = 0; kill < KILLS; kill++) {
    for (const [id, position] of await appendAndKill(path, kill * 1_000_000, 5 + kill * 37))
      acknowledged.set(id, position);
  }
  const journal = openJournalSqlite({ path });
  const entries = await journal.read(0, 10_000_000);
  expect(entries.map(({ position }) => position)).toEqual(entries.map((_, index) => index));
  expect(new Set(entries.map(({ id }) => id)).size).toBe(entries.length);
  for (const { id, body } of entries) expect(new TextDecoder().decode(body)).toBe(id.repeat(20));
  expect(acknowledged.size).toBeGreaterThan(KILLS * 5);
  for (const [id, position] of acknowledged) expect(entries[position]?.id).toBe(id);
  await journal.close();
  rmSync(directory, { recursive: true });
});
