import { expect, it } from 'vitest';
import { formatSelfTest, runSelfTest } from '../../simulators/audit/self-test.ts';

it('the auditor finds ten of ten planted defects, and nothing where nothing was planted', async () => {
  const result = await runSelfTest(() => undefined);
  expect(result.before).toEqual([]);
  expect(
    result.defects.filter(({ found }) => !found),
    formatSelfTest(result),
  ).toEqual([]);
  expect(result.defects.length).toBe(10);
});
