/** The setting of the index in a database. */
import { expect, it } from 'vitest';
import { indexPlaceText, parseIndexAddress } from '../../src/domain/system/index-address.ts';
import { readServeConfig } from '../../src/settings/config.ts';

const read = (args: readonly string[], env: Record<string, string> = {}) =>
  readServeConfig(args, { HOME: '/home/me', ...env }).index;

it('names a database, and a schema in it', () => {
  expect(read([])).toBeUndefined();
  const url = 'postgres://me@db.example:5433/store';
  expect(read(['--index', url])).toEqual({ url, schema: 'artifacta', hasPassword: false });
  expect(read(['--index', `${url}?sslmode=verify-full&schema=other_1`])).toEqual({
    url: `${url}?sslmode=verify-full`,
    schema: 'other_1',
    hasPassword: false,
  });
});

it('may have a password where other users do not see it', () => {
  const url = 'postgresql://me:secret@db.example/store';
  const found = read([], { ARTIFACTA_INDEX: url });
  expect(found).toMatchObject({ url, hasPassword: true });
  expect(indexPlaceText(found!)).toBe('the schema artifacta of postgres://db.example/store');
  const given = () => read(['--index', url]);
  expect(given).toThrow(
    '--index: must not contain a password, which other users of this machine could see; give it in ARTIFACTA_INDEX',
  );
  expect(given).not.toThrow('secret');
});

it.each([
  'mysql://me@db/store',
  'store',
  'postgres://me:secret@db/store?schema=Bad',
  'postgres://db/s?schema=pg_x',
])('that cannot be used is refused, and not shown: %s', (url) => {
  expect(parseIndexAddress(url)).toMatch(/^must /);
  expect(() => read([], { ARTIFACTA_INDEX: url })).toThrow('ARTIFACTA_INDEX: must ');
  expect(() => read([], { ARTIFACTA_INDEX: url })).not.toThrow('secret');
});
