import { defineConfig } from 'vitest/config';
import { compileCache } from './test/support/compile-cache.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    env: { NODE_COMPILE_CACHE: compileCache },
    // Two cores are what continuous integration has; more workers only make the timing of processes erratic.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // What is waited for comes at once, but not where everything else runs at the same time.
    expect: { poll: { timeout: 20_000 } },
  },
});
