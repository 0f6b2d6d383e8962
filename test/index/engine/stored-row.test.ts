/** The stored form of many rows at once is that of each of them. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRow, encodeWrite, encodeWrites } from '../../../src/index/engine/stored-row.ts';
import type { Write } from '../../../src/index/row.ts';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
/** Some keys are longer than the rows before them. */
const keys = fc.oneof(bytes(8), bytes(300));
const values = fc.oneof(bytes(0), bytes(10), bytes(5_000));
const writes = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('put' as const), key: keys, value: values }),
    fc.record({ type: fc.constant('del' as const), key: keys }),
  ),
  { maxLength: 20 },
);

test('the stored form of many rows is that of each of them, and they can be read', () => {
  fc.assert(
    fc.property(writes, (all: readonly Write[]) => {
      const encoded = encodeWrites(all);
      expect(encoded).toEqual(all.map(encodeWrite));
      for (const [at, write] of encoded.entries()) {
        const before = all[at]!;
        if (write.type === 'put' && before.type === 'put')
          expect(Buffer.compare(decodeRow(write.key, write.value), before.value)).toBe(0);
      }
    }),
  );
});
