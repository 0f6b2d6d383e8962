/** Planted faults of the rows in memory. */
import type { Plant } from './plant.ts';

export const cachePlants: readonly Plant[] = [
  {
    name: 'cache: shows-a-snapshot-rows-that-are-newer',
    file: 'src/index/engine/row-cache.ts',
    from: 'row !== undefined && row.commit <= commit ? row.value : undefined',
    to: 'row?.value',
    tests: ['test/index/memory/memory.test.ts'],
  },
  {
    name: 'cache: keeps-what-an-old-snapshot-has-read',
    file: 'src/index/engine/row-cache.ts',
    from: 'if (this.commit !== commit || !isSure(text)) return;',
    to: 'if (!isSure(text)) return;',
    tests: ['test/index/memory/memory.test.ts'],
  },
  {
    name: 'cache: takes-no-notice-of-a-batch-that-may-be-in-the-snapshot',
    file: 'src/index/engine/row-cache.ts',
    from: 'this.generation === generation && inFlight?.find(text) === undefined',
    to: 'this.generation === generation',
    tests: ['test/index/memory/memory.test.ts'],
  },
  {
    name: 'cache: outlasts-a-batch-that-failed',
    file: 'src/index/engine/row-cache.ts',
    from: `    this.generation++;
    this.young = new Map();
    this.old = new Map();
`,
    to: `    this.generation++;
`,
    tests: ['test/index/memory/memory.test.ts'],
  },
  {
    name: 'cache: keeps-rows-that-a-batch-has-removed',
    file: 'src/index/engine/row-cache.ts',
    from: '} else this.forget(text);',
    to: '}',
    tests: ['test/index/memory/memory.test.ts'],
  },
];
