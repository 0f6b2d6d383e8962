import { describe, expect, it } from 'vitest';
import { Shares } from '../../../src/domain/load/shares.ts';
import type { Payer } from '../../../src/domain/principal.ts';
import { Chance } from '../../faults/seeded.ts';

const payer = (text: string): Payer => {
  const [group, name] = text.split('/');
  return { group: group!, name: name! };
};
const uses = (...texts: string[]) => texts.map((text) => ({ payer: payer(text) }));
const losers = (inUse: string[], asking: string) =>
  new Set(
    [...new Shares(uses(...inUse)).overShare(payer(asking))].map(
      ({ payer: { group, name } }) => `${group}/${name}`,
    ),
  );

describe('who gives way', () => {
  it.each([
    ['whoever is alone keeps everything', ['a/1', 'a/1', 'a/1'], 'a/1', []],
    ['one of another group makes the largest give way', ['a/1', 'a/1', 'a/1'], 'b/1', ['a/1']],
    ['groups come before credentials', ['a/1', 'a/2', 'a/3', 'b/1', 'b/1'], 'b/1', []],
    ['many credentials of a group are one group', ['a/1', 'a/2', 'a/3', 'a/4', 'b/1'], 'b/1', ['a/1']],
    ['within a group the largest gives way', ['a/1', 'a/1', 'a/1', 'b/1', 'b/1'], 'a/2', ['a/1']],
    ['half each is in order', ['a/1', 'a/1', 'b/1'], 'b/1', []],
    ['one more than the other is in order', ['a/1', 'a/1', 'a/1', 'b/1', 'b/1'], 'b/1', []],
  ])('%s', (_what, inUse, asking, expected) => {
    expect([...losers(inUse, asking)]).toEqual(expected);
  });
});

/** Whoever asks at random comes in, in the place of one who has too much. */
function play(seed: number, places: number, names: readonly string[]) {
  const chance = new Chance(seed);
  let inUse = uses(...Array.from({ length: places }, () => names[0]!));
  for (let step = 0; step < 40 * places; step++) {
    const name = chance.pick(names);
    const [victim] = new Shares(inUse).overShare(payer(name));
    if (victim === undefined) continue;
    inUse = [...inUse.filter((use) => use !== victim), ...uses(name)];
  }
  const count = (name: string) =>
    inUse.filter((use) => `${use.payer.group}/${use.payer.name}` === name).length;
  const isSettled = names.every((name) => new Shares(inUse).overShare(payer(name)).size === 0);
  return { counts: names.map(count), isSettled };
}

it.each([1, 2, 3, 4, 5])(
  'all who ask are left with equal parts, and then nobody loses anything: seed %i',
  (seed) => {
    const { counts, isSettled } = play(seed, 24, ['a/1', 'b/1', 'c/1']);
    for (const count of counts) expect(Math.abs(count - 8)).toBeLessThanOrEqual(1);
    expect(isSettled).toBe(true);
  },
);

it('a group with many credentials is left with its part', () => {
  const { counts } = play(6, 24, ['a/1', 'a/2', 'a/3', 'a/4', 'b/1']);
  expect(Math.abs(counts.at(-1)! - 12)).toBeLessThanOrEqual(1);
});
