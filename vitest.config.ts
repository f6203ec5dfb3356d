import { defineConfig } from 'vitest/config';

/** Tests that need a broker or a registry: they start one for all of them, and run one file at a time. */
const BROKER_TESTS = [
  'test/broker/**/*.test.ts',
  'test/kafka/{consume,faults,producer}.test.ts',
  'test/registry/registry.test.ts',
  'test/cli/schemas.test.ts',
  'test/cli/topics.test.ts',
  'test/cli/run.test.ts',
  'test/deploy/{compose-demo,prometheus}.test.ts',
];

export default defineConfig({
  test: {
    watch: false,
    setupFiles: ['test/support/properties.ts'],
    // A process per file: the tests of the command line change the working directory and listen to signals.
    pool: 'forks',
    // Long enough for the seeded properties on a loaded machine with two slow cores.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: BROKER_TESTS } },
      {
        extends: true,
        test: {
          name: 'broker',
          include: BROKER_TESTS,
          globalSetup: 'test/support/broker/global-setup.ts',
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
