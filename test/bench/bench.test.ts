/** That the bench measures everything it says; how fast is never asserted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BenchResult, runBench } from '../../bench/bench.ts';
import { STAGES } from '../../bench/laps.ts';
import { formatReport } from '../../bench/report.ts';

const directory = mkdtempSync(join(tmpdir(), 'veravita-bench-'));
const stages = [
  { batch: 20, rounds: 8 },
  { batch: 40, rounds: 8 },
] as const;
let result: BenchResult;

beforeAll(async () => {
  result = await runBench(directory, { readings: 100, batch: 20, stages: [...stages] }, () => undefined);
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('runBench', () => {
  it('takes every reading to the end of every road', () => {
    for (const rate of [result.road, result.radioRoad, result.plainSingle, result.plainBatch]) {
      expect(rate.readings).toBeGreaterThan(0);
      expect(rate.perSecond).toBeGreaterThan(0);
    }
  });

  it('times every stage for every size of batch', () => {
    expect(result.stages.map(({ batch }) => batch)).toEqual([20, 40]);
    for (const { ms } of result.stages) {
      expect(Object.keys(ms)).toEqual(STAGES.map(([, stage]) => stage));
      for (const time of Object.values(ms)) expect(time).toBeGreaterThan(0);
    }
  });

  it('weighs what travels', () => {
    expect(result.wire.map(({ batch, rr }) => [batch, rr])).toEqual([
      [20, true],
      [60, true],
      [20, false],
      [60, false],
    ]);
    for (const { road, plainBatch, plainSingle } of result.wire) {
      expect(Math.min(road, plainBatch, plainSingle)).toBeGreaterThan(0);
    }
  });

  it('says it all in a table', () => {
    const text = formatReport(result);
    for (const [, stage] of STAGES) expect(text).toContain(stage);
    expect(text).toContain(`Node ${process.version}`);
    expect(text).not.toContain('NaN');
  });
});
