import { defineConfig } from 'vitest/config';

/** What needs a chain: anvil, as npm brings it. Each test skips with a printed reason where it is absent. */
export default defineConfig({
  test: { include: ['test/anchors/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 30_000, maxWorkers: 2 },
});
