import { defineConfig } from 'vitest/config';
import { compileCache } from './test/support/compile-cache.ts';

/** They start processes, wait for them and kill them, or change directory and environment of their own. */
const isolated = [
  'test/bench/stores.test.ts',
  'test/blobs/disk-faults.test.ts',
  'test/blobs/disk-process.test.ts',
  'test/cli/commands/completion.test.ts',
  'test/cli/commands/config.test.ts',
  'test/cli/files/from-command.test.ts',
  'test/cli/operators/keys.test.ts',
  'test/cli/process.test.ts',
  'test/e2e/**/*.test.ts',
  'test/faults/**/*.test.ts',
  // LevelDB maps tables into memory, so many in a process, and reads the others: what is read of a table that was
  // damaged behind its back would depend on the files before.
  'test/index/leveldb/*.test.ts',
  'test/readme.test.ts',
  'test/server/grpc/reflection.test.ts',
];

export default defineConfig({
  test: {
    // Two cores are what continuous integration has; more workers only make the timing of processes erratic.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          include: ['test/**/*.test.ts'],
          exclude: isolated,
          // Loading what is tested takes longer than most files do. Nothing is kept from one file to the next: modules
          // have no state that tests could see, and what a test opens it closes.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'isolated', include: isolated } },
    ],
    env: { NODE_COMPILE_CACHE: compileCache },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // What is waited for comes at once, but not where everything else runs at the same time.
    expect: { poll: { timeout: 20_000 } },
  },
});
