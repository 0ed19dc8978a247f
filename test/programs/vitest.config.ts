import { defineConfig } from 'vitest/config';

/** What starts whole programs and kills them, or plays hours through them: it needs nothing but npm, but minutes. */
export default defineConfig({
  test: { include: ['test/programs/**/*.test.ts'], testTimeout: 180_000, hookTimeout: 60_000, maxWorkers: 2 },
});
