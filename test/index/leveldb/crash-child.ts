/** Writes until it is killed, and says what was acknowledged. Arguments: directory, path of the mark. */
import { writeSync } from 'node:fs';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import { put, write } from '../support.ts';

const [directory, markPath] = process.argv.slice(2);
const index = await openLevelIndex({ directory: directory!, markPath: markPath! });
let next = 0;

async function worker(): Promise<never> {
  for (;;) {
    const name = String(next++);
    await write(index, [put(`left ${name}`, name), put(`right ${name}`, name.padEnd(2_000))]);
    writeSync(1, `${name}\n`);
  }
}

await Promise.all(Array.from({ length: 32 }, worker));
