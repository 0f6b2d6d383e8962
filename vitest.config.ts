import { defineConfig } from 'vitest/config';
import { compileCache } from './test/support/compile-cache.ts';

/**
 * LevelDB maps tables into memory, so many in a process, and reads the others: what is read of a table that was damaged
 * behind its back depends on the tables before.
 */
const isolated = ['test/e2e/recovery.test.ts', 'test/faults/rot/*.test.ts', 'test/index/leveldb/*.test.ts'];

/** They start processes, wait for them and kill them, or change the directory and the environment of their own for a while. */
const processes = [
  'test/bench/stores.test.ts',
  'test/blobs/disk-faults.test.ts',
  'test/blobs/disk-process.test.ts',
  'test/blobs/gcs/credentials.test.ts',
  'test/cli/commands/completion.test.ts',
  'test/cli/commands/config.test.ts',
  'test/cli/commands/console.test.ts',
  'test/cli/files/from-command.test.ts',
  'test/cli/operators/keys.test.ts',
  'test/cli/process.test.ts',
  'test/clients/*.test.ts',
  'test/docs/*.test.ts',
  'test/e2e/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/programs/bundle.test.ts',
  'test/programs/loading.test.ts',
  'test/programs/mcp-start.test.ts',
  'test/programs/native-base64.test.ts',
  'test/programs/native-parts.test.ts',
  'test/mcp/scenario.test.ts',
  'test/packages/*.test.ts',
  'test/plugin/hosts.test.ts',
  'test/readme.test.ts',
  'test/server/grpc/reflection.test.ts',
];

/**
 * Where nothing is isolated, files that run one after another share their modules, whose loading takes longer than most
 * files do. It is harmless: modules have no state that tests could see, and what a test opens or changes it undoes.
 */
const project = (name: string, isolate: boolean, include: string[], exclude: string[] = []) => ({
  extends: true as const,
  test: { name, isolate, include, exclude },
});

export default defineConfig({
  test: {
    // Two cores are what continuous integration has; more workers only make the timing of processes erratic.
    maxWorkers: 2,
    projects: [
      project('units', false, ['test/**/*.test.ts'], [...processes, ...isolated]),
      project('processes', false, processes, isolated),
      project('isolated', true, isolated),
      ...(process.env.FAKE_GCS_SERVER ? [project('emulator', false, ['test/emulator/*.check.ts'])] : []),
    ],
    // As in the program: before anything loads the library of protobuf.
    setupFiles: ['src/programs/native-base64.ts', 'test/support/no-warnings.ts'],
    env: { NODE_COMPILE_CACHE: compileCache },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // What is waited for comes at once, but not where everything else runs at the same time.
    expect: { poll: { timeout: 20_000 } },
  },
});
