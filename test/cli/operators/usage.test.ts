import { afterEach, beforeEach, expect, it } from 'vitest';
import { connect } from '../../../src/client/client.ts';
import type { Store } from '../../../src/store/open.ts';

import { commandLine, openTestStore, transportTo } from '../support.ts';

let store: Store;
let run: ReturnType<typeof commandLine>;

beforeEach(async () => {
  store = await openTestStore();
  run = commandLine(transportTo(store));
  const client = await connect(transportTo(store));
  const push = (session: string, agent: string, content: string) =>
    client.push(content, { session, name: 'a', metadata: { agent } });
  await push('one', 'billing', 'x'.repeat(2_048));
  await push('two', 'billing', 'x'.repeat(2_048));
  await push('three', 'support', 'y');
});
afterEach(() => store[Symbol.asyncDispose]());

it('is told as a table, the largest first', async () => {
  const { text } = await run(['usage', '--by', 'agent']);
  expect(text.split('\n').map((one) => one.split(/ {2,}/))).toEqual([
    ['AGENT', 'EXPIRES BY', 'ARTIFACTS', 'SIZE', 'STORED'],
    ['billing', '2', '4.0 KiB', '2.0 KiB'],
    ['', 'never', '2', '4.0 KiB'],
    ['support', '1', '1 B', '1 B'],
    ['', 'never', '1', '1 B'],
    [''],
  ]);
  expect((await run(['usage'])).text).toMatch(/^NAMESPACE .*\nall +3 +4\.0 KiB +2\.0 KiB\n/);
});

it('is told to scripts', async () => {
  expect((await run(['usage', '--session', 'one', '--json'])).json).toEqual([
    {
      value: 'one',
      artifact_count: 1,
      size_bytes: 2_048,
      stored_bytes: 2_048,
      by_expiry: [{ expire_before: null, artifact_count: 1, size_bytes: 2_048 }],
    },
  ]);
});

it.each<[string[], number, RegExp]>([
  [['--session', 'one', '--by', 'agent'], 2, /give --session or --by/],
  [['--session', 'none'], 3, /SESSION_NOT_FOUND/],
  [['--in', 'nowhere'], 3, /NAMESPACE_NOT_FOUND/],
  [['--by', 'a b'], 2, /metadata_key/],
])('%j is refused', async (argv, code, why) => {
  const ran = await run(['usage', ...argv]);
  expect(ran).toMatchObject({ code, text: '' });
  expect(ran.stderr).toMatch(why);
});
