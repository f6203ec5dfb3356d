import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    watch: false,
    // A process per file: the tests of the command line change the working directory and listen to signals.
    pool: 'forks',
    // Long enough for the seeded properties on a loaded machine with two slow cores.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
