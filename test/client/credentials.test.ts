/** Credentials that no header can hold: they are refused before a call is made, and told nowhere. */
import { createRouterTransport } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { withCredentials } from '../../src/client/wire/headers.ts';

const transport = createRouterTransport(() => {});
const odd = [
  'secret\nline',
  'secret\r\nx: y',
  'secret\0',
  'sécret',
  'secret word',
  ' secret',
  'secret\u{1f511}',
  '',
];

it.each(odd)('%j', (text) => {
  for (const field of ['token', 'namespace']) {
    const make = () => withCredentials(transport, { [field]: text });
    const message = `${field}: must be one word of printable ASCII characters`;
    expect(make).toThrow(expect.objectContaining({ message, code: 'INVALID_ARGUMENT' }));
  }
});
