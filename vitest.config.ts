import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/anchors/**', 'test/e2e/**', 'test/faults/**', 'test/kafka/**', 'test/programs/**'],
    // vitest leaves one core to itself, which of two is half.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
