import { defineConfig } from 'vitest/config';

/** What needs more than npm brings: a browser, Go. Each test skips with a printed reason where its part is absent. */
export default defineConfig({
  test: { include: ['test/e2e/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 60_000, fileParallelism: false },
});
