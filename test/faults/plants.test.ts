/** Whether the planted faults still fit the source. That they are found is shown by `node test/faults/controls.ts`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { planted, plants } from './plants.ts';

const root = resolve(import.meta.dirname, '../..');

it.each(plants)('$name: $file has what is replaced', (plant) => {
  const text = readFileSync(resolve(root, plant.file), 'utf8');
  expect(planted(text, plant)).not.toBe(text);
});
