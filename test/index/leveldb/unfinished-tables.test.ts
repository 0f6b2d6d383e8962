/** What is left of a start that was killed while LevelDB made tables of its log: the next one makes them anew. */
import { readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keys } from '../../../src/index/keys.ts';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import { newDirectory } from '../../support/command.ts';
import { writeRows } from '../../support/rows.ts';

const textOf = (at: number) => `${at} `.repeat(500);

it.for([0, 7, 48, 4_096])('tables of %i bytes that nothing refers to are no damage', async (sizeBytes) => {
  const root = await newDirectory();
  const directory = join(root, 'index');
  const open = () => openLevelIndex({ directory, markPath: join(root, 'index.mark') });
  const index = await open();
  for (let at = 0; at < 20; at++) await writeRows(index, [keys.store.setting.put([`row ${at}`], textOf(at))]);
  await index.close();
  // The numbers of files go on from the highest; whichever LevelDB writes next is among these.
  const numbers = (await readdir(directory)).map((name) => Number(/\d+/.exec(name)?.[0] ?? 0));
  const next = Math.max(...numbers) + 1;
  for (let number = next - 2; number < next + 6; number++) {
    const path = join(directory, `${String(number).padStart(6, '0')}.ldb`);
    await writeFile(path, '', { flag: 'wx' });
    await truncate(path, sizeBytes);
  }
  const again = await open();
  const rows = await again.getMany(
    Array.from({ length: 20 }, (_, at) => keys.store.setting.key(`row ${at}`)),
  );
  expect(rows.map((row) => row && keys.store.setting.decode(row))).toEqual(
    Array.from({ length: 20 }, (_, at) => textOf(at)),
  );
  await again.close();
});
