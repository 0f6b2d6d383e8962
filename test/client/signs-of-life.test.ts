import { expect, it } from 'vitest';
import { withSignsOfLife } from '../../src/client/artifacts/push.ts';

it('a source that is silent is told to be there, and loses nothing of what it says', async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  async function* source(): AsyncGenerator<Uint8Array, void, void> {
    yield Uint8Array.of(1);
    await gates[0]!.promise;
    yield Uint8Array.of(2);
    await gates[1]!.promise;
  }
  const seen: number[] = [];
  let signs = 0;
  for await (const chunk of withSignsOfLife(source(), 1)) {
    if (chunk.length > 0) seen.push(chunk[0]!);
    else if (++signs % 2 === 0) gates[signs / 2 - 1]?.resolve();
  }
  expect(seen).toEqual([1, 2]);
  expect(signs).toBeGreaterThanOrEqual(4);
});

it('a source that is left is closed, and one that fails is heard', async () => {
  let isClosed = false;
  async function* endless(): AsyncGenerator<Uint8Array, void, void> {
    try {
      for (;;) yield Uint8Array.of(1);
    } finally {
      isClosed = true;
    }
  }
  for await (const chunk of withSignsOfLife(endless())) if (chunk.length > 0) break;
  await expect.poll(() => isClosed).toBe(true);
  async function* failing(): AsyncGenerator<Uint8Array, void, void> {
    throw new Error('the disk is gone');
  }
  await expect(withSignsOfLife(failing()).next()).rejects.toThrow('the disk is gone');
});
