import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores are what continuous integration has; more workers only make the timing of processes erratic.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // What is waited for comes at once, but not where everything else runs at the same time.
    expect: { poll: { timeout: 20_000 } },
  },
});
