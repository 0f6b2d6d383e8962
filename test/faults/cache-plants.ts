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
    from: `    this.rows.clear();
    this.lists.clear();
`,
    to: '',
    tests: ['test/index/memory/memory.test.ts'],
  },
  {
    name: 'cache: keeps-rows-that-a-batch-has-removed',
    file: 'src/index/engine/row-cache.ts',
    from: '} else this.rows.delete(text);',
    to: '}',
    tests: ['test/index/memory/memory.test.ts'],
  },
  {
    name: 'cache: shows-a-snapshot-a-list-that-is-newer',
    file: 'src/index/engine/list-cache.ts',
    from: 'if (found === undefined || found.commit > commit) return undefined;',
    to: 'if (found === undefined) return undefined;',
    tests: ['test/index/memory/memory.test.ts'],
  },
  {
    name: 'cache: keeps-what-an-old-snapshot-has-read-of-a-list',
    file: 'src/index/engine/row-cache.ts',
    from: 'if (this.isOn && this.commit === commit && isSureOf(text))',
    to: 'if (this.isOn && isSureOf(text))',
    tests: ['test/index/memory/memory.test.ts'],
  },
  {
    name: 'cache: takes-no-notice-of-a-batch-that-may-have-changed-a-list',
    file: 'src/index/engine/row-cache.ts',
    from: 'this.generation === generation && inFlight?.touches(list) !== true',
    to: 'this.generation === generation',
    tests: ['test/index/memory/memory.test.ts'],
  },
  {
    name: 'cache: keeps-entries-that-a-batch-has-removed',
    file: 'src/index/engine/list-cache.ts',
    from: "if (write.type === 'del' && !isThere) return;",
    to: "if (write.type === 'del') return;",
    tests: ['test/index/memory/memory.test.ts'],
  },
  {
    name: 'cache: takes-a-part-of-a-list-for-more',
    file: 'src/index/engine/list-cache.ts',
    from: 'return { entries: some, end: justAfter(some.at(-1)!.suffix) };',
    to: 'return { entries: some, end };',
    tests: ['test/index/memory/memory.test.ts'],
  },
];
