import { defineConfig } from 'vitest/config';

/** What takes minutes, and some of it root or strace: each skips with a printed reason where that is not here. */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
