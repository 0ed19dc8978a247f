import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';
import { openDatabase } from '../../journal/sqlite.ts';
import { describeJournal } from '../contracts/journal.ts';

describeJournal('SQLite', () => {
  const directory = mkdtempSync(join(tmpdir(), 'veravita-journal-'));
  const path = join(directory, 'journal.sqlite');
  return {
    open: () => openJournalSqlite({ path }),
    openFaulty: (faults) => openJournalSqlite({ path, faults }),
    dispose: () => rmSync(directory, { recursive: true }),
  };
});

function inDirectory<T>(run: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'veravita-journal-'));
  try {
    return run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

it('opens files that only their owner can read', () =>
  inDirectory((directory) => {
    const path = join(directory, 'sub', 'a.sqlite');
    openDatabase(path).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  }));

it('keeps a second exclusive connection out, until the first is closed', () =>
  inDirectory((directory) => {
    const path = join(directory, 'a.sqlite');
    const first = openDatabase(path, { exclusive: true, busyTimeoutMs: 0 });
    expect(() => openDatabase(path, { exclusive: true, busyTimeoutMs: 0 })).toThrow('busy');
    first.close();
    openDatabase(path, { exclusive: true, busyTimeoutMs: 0 }).close();
  }));

it('refuses a file that is no database', () =>
  inDirectory((directory) => {
    expect(() => openJournalSqlite({ path: directory })).toThrow('database failed');
  }));

it('leaves nothing of a trimmed body in its files', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'veravita-journal-'));
  const canary = 'canary-4711-canary';
  const holds = () => readdirSync(directory).some((file) => readFileSync(join(directory, file)).includes(canary));
  const journal = openJournalSqlite({ path: join(directory, 'a.sqlite') });
  await journal.append([{ key: 'k', id: 'a', body: new TextEncoder().encode(canary.repeat(500)) }]);
  expect(holds()).toBe(true);
  await journal.follow('f', async () => {}).caughtUp();
  await journal.trim(1);
  expect(holds()).toBe(false);
  await journal.close();
  rmSync(directory, { recursive: true });
});
