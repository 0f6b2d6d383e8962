/** A token that the environment holds. */
import { expect, it } from 'vitest';
import { readClientConfig } from '../../src/settings/config.ts';

const home = { HOME: '/home/me' };

it.each(['secret\nline', 'sécret', 'secret word', ' \n', 'secret\u{1f511}'])(
  'that is none is refused and not shown: %j',
  (token) => {
    expect(() => readClientConfig({}, { ...home, ARTIFACTA_TOKEN: token })).toThrow(
      /^ARTIFACTA_TOKEN: must be one token of printable ASCII characters, without spaces$/,
    );
  },
);

it('has no part in the white space around it, as in a file', () => {
  expect(readClientConfig({}, { ...home, ARTIFACTA_TOKEN: ' t\n' }).token).toBe('t');
});
