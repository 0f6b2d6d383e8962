import { afterEach, beforeEach, expect, it } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { connect } from '../../../src/client/client.ts';
import { Failure } from '../../../src/domain/errors.ts';
import { keys } from '../../../src/index/keys.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import type { Store } from '../../../src/store/open.ts';
import { someBytes } from '../../support/calls.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { digestOf } from '../../support/specs.ts';
import { commandLine, transportTo } from '../support.ts';

let store: Store;
let blobs: BlobStore;
let run: ReturnType<typeof commandLine>;
/** Damages the content of `bad`. */
let damage: () => Promise<void>;

beforeEach(async () => {
  const index = await openMemoryIndex();
  blobs = openMemoryBlobs();
  store = await openCheckedStore({ index, blobs });
  run = commandLine(transportTo(store));
  const client = await connect(transportTo(store));
  const bad = someBytes(40_000, 1);
  await client.push(bad, { session: 's', name: 'bad' });
  await client.push(someBytes(40_000, 2), { session: 's', name: 'sound' });
  await client.push('small', { session: 's', name: 'small' });
  damage = async () => {
    const record = await index.get(keys.blobs.record.key('default', digestOf(bad).sha256));
    await store.blobs.delete(keys.blobs.record.decode(record!).name!);
  };
});
afterEach(() => store[Symbol.asyncDispose]());

it('reads everything and says so', async () => {
  const ran = await run(['scrub']);
  expect(ran).toMatchObject({
    code: 0,
    text: '3 contents (78.1 KiB) were checked; no new damage was found\n',
  });
  // Nothing is due, unless it is asked for.
  expect((await run(['scrub'])).text).toMatch(/^0 contents \(0 B\) were checked/);
  expect((await run(['scrub', '--min-age', '0'])).text).toMatch(/^3 contents/);
});

it('finds what is damaged; fsck lists it', async () => {
  await damage();
  const digest = digestOf(someBytes(40_000, 1)).sha256;
  const ran = await run(['scrub']);
  expect(ran.code).toBe(1);
  expect(ran.text).toMatch(
    new RegExp(
      `^default {2}${digest} {2}39.1 KiB, since .*: .*missing\\n {2}art_\\w{26}\\n3 contents .*; 1 of them is damaged`,
    ),
  );
  const list = await run(['fsck', '--quarantined']);
  expect(list).toMatchObject({ code: 1, text: ran.text.split('\n').slice(0, 2).join('\n').concat('\n') });
  expect((await run(['fsck', '--quarantined', '--quiet'])).text).toBe(`${digest}\n`);
  expect((await run(['fsck', '--quarantined', '--json'])).json).toMatchObject([
    { quarantined: { namespace: 'default', sha256: digest, size_bytes: 40_000, artifact_count: 1 } },
  ]);
});

it('says what it has let out', async () => {
  const { read } = blobs;
  blobs.read = async function* () {
    yield* [];
    throw new Failure('DATA_LOSS', 'the stored bytes are missing');
  };
  expect((await run(['cat', 's/bad'])).stderr).toMatch(/DATA_LOSS/);
  blobs.read = read;
  expect((await run(['fsck', '--quarantined'])).code).toBe(1);
  expect(await run(['scrub'])).toMatchObject({
    code: 0,
    text: expect.stringMatching(
      /; no new damage was found; 1 content in quarantine was found undamaged and can be read again\n$/,
    ),
  });
  expect((await run(['fsck', '--quarantined'])).code).toBe(0);
});

it('reads as much as it is told, and goes on there', async () => {
  expect((await run(['scrub', '--max-bytes', '1B', '--json'])).json).toMatchObject([
    { summary: { content_count: 1, damaged_count: 0 } },
  ]);
  expect((await run(['scrub', '--json'])).json).toMatchObject([{ summary: { content_count: 2 } }]);
});

it.each<[string[], RegExp]>([
  [['scrub', '--max-bytes', 'much'], /--max-bytes/],
  [['scrub', '--min-age', '-1d'], /--min-age/],
])('%j is refused', async (argv, why) => {
  const ran = await run(argv);
  expect(ran).toMatchObject({ code: 2, text: '' });
  expect(ran.stderr).toMatch(why);
});

it('says if nothing is quarantined', async () => {
  expect(await run(['fsck', '--quarantined'])).toMatchObject({ code: 0, text: '' });
});
