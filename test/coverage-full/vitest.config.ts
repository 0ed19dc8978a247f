import { defineConfig } from 'vitest/config';

/** Every one of a hundred batches, at every place where it is stored. */
export default defineConfig({
  test: {
    include: ['test/coverage.test.ts', 'test/coverage-filing.test.ts'],
    env: { COVERAGE_BATCHES: '100' },
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
