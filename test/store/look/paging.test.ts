/** Tokens by the clock alone: `test/api/listings/tokens.test.ts` has them on every listing. */
import { expect, it } from 'vitest';
import { Paging } from '../../../src/store/look/paging.ts';

const hour = 3_600_000;
const query = ['somebody', 'default', 'sessions'];

function clocked() {
  const clock = { now: 1_767_323_045_000 };
  const paging = new Paging({ key: Buffer.alloc(32, 1), now: () => clock.now });
  return { clock, paging };
}

/** The first page, at this time. */
function at(now: number) {
  return { now, time: now };
}

it('a token keeps the time of the first page and the last entry', () => {
  const { clock, paging } = clocked();
  const first = paging.open(query, '');
  expect(first).toEqual({ now: clock.now, time: clock.now, after: undefined });
  clock.now += hour;
  const token = paging.token(query, first, Buffer.from('entry'));
  clock.now += 24 * hour - 1;
  const next = { now: first.now, time: clock.now, after: Buffer.from('entry') };
  expect(paging.open(query, token)).toEqual(next);
});

it('no page is read as of an instant before that of the page before', () => {
  const { clock, paging } = clocked();
  const first = paging.open(query, '');
  const token = paging.token(query, first, Buffer.from('1'));
  // The next pages come from processes whose clocks are behind.
  clock.now -= 10_000;
  const second = paging.open(query, token);
  expect(second).toMatchObject({ now: first.now, time: first.time });
  clock.now += 9_000;
  const third = paging.open(query, paging.token(query, second, Buffer.from('2')));
  expect(third).toMatchObject({ now: first.now, time: first.time });
  clock.now += 2_000;
  expect(paging.open(query, token)).toMatchObject({ now: first.now, time: clock.now });
});

it('the end of a listing is the empty text', () => {
  const { clock, paging } = clocked();
  expect(paging.token(query, at(clock.now), undefined)).toBe('');
});

it.each([
  ['just within a day', 24 * hour - 1, true],
  ['after exactly a day', 24 * hour, false],
  ['after a year', 365 * 24 * hour, false],
  ['by a clock that was put back a little', -hour, true],
  ['by a clock that was put back nearly a day', -24 * hour + 1, true],
  ['by a clock that was put back a day', -24 * hour, false],
])('a token %s', (_what, ms, isGood) => {
  const { clock, paging } = clocked();
  const token = paging.token(query, at(clock.now), Buffer.from('entry'));
  clock.now += ms;
  const open = () => paging.open(query, token, 'cursor');
  if (isGood) expect(open()).toHaveProperty('after');
  else expect(open).toThrow('cursor: must be less than 24 hours old; start again without one');
});

it('a token of another key is refused, as after a restore into a new store', () => {
  const { clock, paging } = clocked();
  const other = new Paging({ key: Buffer.alloc(32, 2), now: () => clock.now });
  expect(() => other.open(query, paging.token(query, at(clock.now), Buffer.from('entry')))).toThrow(
    'page_token: must be one that an earlier response to the same request had, unaltered',
  );
});
