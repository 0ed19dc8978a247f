/**
 * People, wearables and everything that goes wrong between them, over the whole road: what is filed has to be what the
 * wearables sent. The hundred wearables for as long as VERAVITA_HUNDRED_HOURS says (they have ten).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatAudit } from '../../simulators/scenarios/format-audit.ts';
import { readScenarioFile } from '../../simulators/scenarios/read-file.ts';
import { runScenarioOnRoad } from '../../simulators/scenarios/road.ts';

const HUNDRED_HOURS = Number(process.env.VERAVITA_HUNDRED_HOURS ?? 0);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'scenario-road-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function play(name: string, hours?: number) {
  const file = fileURLToPath(new URL(`../../simulators/scenarios/${name}.json`, import.meta.url));
  const read = readScenarioFile(file);
  if ('problems' in read) throw new Error(read.problems.join('\n'));
  const scenario = { ...read.scenario, ...(hours && { hours }) };
  return runScenarioOnRoad({ scenario, directory });
}

const CLEAN = { lost: 0, doubled: 0, invented: 0, uncaused: 0, unexplained: 0 };

function expectClean({ rows, notInLog, result }: Awaited<ReturnType<typeof play>>) {
  for (const row of rows) expect(row, formatAudit(rows)).toMatchObject(CLEAN);
  expect(notInLog).toBe(0);
  expect(result.kept).toBe(0);
  expect(result.delivered).toBeGreaterThan(0.8 * result.measured);
}

describe('a scenario over the whole road', () => {
  it('everything goes wrong, and what was sent is filed once', async () => {
    const run = await play('everything-goes-wrong');
    expectClean(run);
    expect(run.result).toMatchObject({ stopped: false, faults: 45 });
  });

  it.skipIf(!(HUNDRED_HOURS > 0))('a hundred wearables of all kinds', { timeout: 1_200_000 }, async () => {
    expectClean(await play('a-hundred-wearables', HUNDRED_HOURS));
  });
});
