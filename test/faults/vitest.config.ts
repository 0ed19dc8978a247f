import { defineConfig } from 'vitest/config';

/** What takes minutes, and some of it root or strace: each skips with a printed reason where that is not here. */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    // Far more than it takes on a machine that does nothing else.
    testTimeout: 600_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
