import { defineConfig } from 'vitest/config';

/** What needs Java and a broker. Skips, with a printed reason, where Kafka is not to be had. */
export default defineConfig({
  test: {
    include: ['test/kafka/**/*.test.ts'],
    globalSetup: ['test/kafka/bring-kafka.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
