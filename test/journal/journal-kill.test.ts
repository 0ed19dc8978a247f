import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';
import { acknowledgedOf, expectKept, startTalker } from '../support/journal-killing.ts';
import { until } from '../support/until.ts';

const APPENDER = fileURLToPath(new URL('./append-until-killed.ts', import.meta.url));
const KILLS = 3;

it('loses no acknowledged append, keeps positions and doubles no id through kill -9', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'veravita-journal-'));
  const path = join(directory, 'journal.sqlite');
  const lines: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const appender = startTalker(APPENDER, path, String(kill * 1_000_000));
    await until('appends are acknowledged', () => appender.lines().length > 5 + kill * 37);
    await appender.kill();
    lines.push(...appender.lines());
  }
  const acknowledged = acknowledgedOf(lines);
  expect(acknowledged.size).toBeGreaterThan(KILLS * 5);
  const journal = openJournalSqlite({ path });
  await expectKept(journal, acknowledged);
  await journal.close();
  rmSync(directory, { recursive: true });
});
