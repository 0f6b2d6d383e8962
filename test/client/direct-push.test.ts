/** Pushes by the client whose bytes go to the bucket: what it sends there, and what it does when the bucket fails. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client/client.ts';
import type { PushProgress } from '../../src/client/published.ts';
import type { Store } from '../../src/client/store.ts';
import { type DirectRig, openDirectRig } from '../server/direct-uploads/rig.ts';
import { sha256, someBytes } from '../support/calls.ts';

const large = Buffer.from(someBytes(9_000_000));
const digest = sha256(large);
const piece = 8 * 1024 * 1024;
const spec = { session: 's', name: 'large.bin', direct: true } as const;

let rig: DirectRig;
let store: Store;

async function use(options: Parameters<typeof openDirectRig>[0] = {}, way: 'grpc' | 'http' = 'grpc') {
  rig = await openDirectRig(options);
  const url = way === 'grpc' ? `grpc://${rig.grpc}` : rig.url;
  const retry = { delayMsFirst: 1, delayMsMax: 1 };
  const opened = await connect(url, { token: rig.owner.secret, retry });
  onTestFinished(() => opened.close());
  store = opened;
}

/** The calls of the service that bring bytes to it. */
const uploads = () => rig.calls.filter(({ method }) => method.endsWith('/UploadArtifact')).length;
const ranges = () => rig.fake.putHeads.map((head) => head['content-range']);
const isStored = () => rig.contents().some(({ bytes }) => bytes.equals(large));

it.each(['grpc', 'http'] as const)('the bytes go there, without credentials: %s', async (way) => {
  await use({}, way);
  const seen: PushProgress[] = [];
  const pushed = await store.push(large, { ...spec, onProgress: (progress) => void seen.push(progress) });
  expect(pushed).toMatchObject({ effect: 'new', artifact: { sha256: digest, version: 1 } });
  expect(uploads()).toBe(0);
  expect(isStored()).toBe(true);
  expect(ranges()).toEqual([`bytes 0-${piece - 1}/9000000`, `bytes ${piece}-8999999/9000000`]);
  for (const head of rig.fake.putHeads)
    expect(Object.keys(head).filter((name) => /authorization|artifacta|cookie|referer/.test(name))).toEqual(
      [],
    );
  const sending = seen.filter(({ phase }) => phase === 'sending').map(({ bytes }) => bytes);
  expect(sending).toEqual([piece, 9_000_000]);
  const again = await store.push(large, { ...spec, name: 'other.bin' });
  expect(again).toMatchObject({ effect: 'new', bytesSaved: 9_000_000 });
  expect(rig.fake.putHeads.length).toBe(2);
});

describe('the bytes go to the service', () => {
  it.each<[string, Parameters<typeof openDirectRig>[0], boolean, Buffer, string[]]>([
    ['if the client does not ask', {}, false, large, []],
    ['if the service does not offer the way', { isOff: true }, true, large, ['NOT_IMPLEMENTED']],
    ['if they are fewer than the service takes', { least: 9_000_001 }, true, large, ['INVALID_ARGUMENT']],
    ['if they are few', {}, true, large.subarray(0, 700_000), []],
  ])('%s', async (_why, options, direct, bytes, asked) => {
    await use(options);
    expect(await store.push(bytes, { ...spec, direct })).toMatchObject({ effect: 'new' });
    expect(uploads()).toBe(1);
    const begins = rig.calls.filter(({ method }) => method.endsWith('/BeginDirectUpload'));
    expect(begins.map(({ outcome }) => outcome)).toEqual(asked);
  });

  it('if the content cannot be read twice', async () => {
    await use();
    const once = {
      replayable: false,
      open: async function* () {
        yield large;
      },
    };
    expect(await store.push(once, spec)).toMatchObject({ effect: 'new' });
    expect(uploads()).toBe(1);
  });

  it.each([
    ['refuses', { status: 403, reason: 'forbidden' }],
    ['does not answer any more', 'reset'],
  ] as const)('if the bucket %s', async (_how, fault) => {
    await use();
    // The pieces of the client fail, and none of the service, which come later.
    rig.fake.fail('put', fault, 1);
    rig.fake.fail('progress', { status: 403, reason: 'forbidden' }, 1);
    expect(await store.push(large, spec)).toMatchObject({ effect: 'new', artifact: { sha256: digest } });
    expect(uploads()).toBe(1);
    expect(rig.fake.count('begin')).toBe(2);
  });
});

describe('after a break', () => {
  it.each([
    ['the answer was lost', 'lost answer', [`bytes ${piece}-8999999/9000000`]],
    ['no byte came', 'reset', [`bytes 0-${piece - 1}/9000000`, `bytes ${piece}-8999999/9000000`]],
    [
      'the bucket was overloaded',
      { status: 503 },
      [`bytes 0-${piece - 1}/9000000`, `bytes ${piece}-8999999/9000000`],
    ],
    [
      'the bucket kept a part',
      { keeps: 262_144 },
      [`bytes 262144-${piece - 1}/9000000`, `bytes ${piece}-8999999/9000000`],
    ],
  ] as const)('the rest is sent: %s', async (_why, fault, rest) => {
    await use();
    rig.fake.fail('put', fault);
    expect(await store.push(large, spec)).toMatchObject({ effect: 'new', artifact: { sha256: digest } });
    expect(ranges()).toEqual([`bytes 0-${piece - 1}/9000000`, ...rest]);
    expect(uploads()).toBe(0);
  });

  it('of the way back, the end is asked for again', async () => {
    await use();
    rig.fake.fail('read', 'corrupt');
    expect(await store.push(large, spec)).toMatchObject({ effect: 'new', artifact: { sha256: digest } });
    const ends = rig.calls.filter(({ method }) => method.endsWith('/FinishDirectUpload'));
    expect(ends.map(({ outcome }) => outcome)).toEqual(['STORE_UNAVAILABLE', 'OK']);
  });
});

describe('what cannot be pushed', () => {
  beforeEach(() => use());

  it('is refused by the service as always', async () => {
    await store.sessions.open('s');
    await store.sessions.seal('s', 'succeeded');
    await expect(store.push(large, spec)).rejects.toMatchObject({ reason: 'SESSION_SEALED' });
    expect(rig.fake.count('begin')).toBe(0);
  });

  it('because its bytes change after they were hashed, is refused', async () => {
    let reads = 0;
    const changing = {
      sizeBytes: large.length,
      replayable: true,
      open: async function* () {
        yield reads++ === 0 ? large : Buffer.from(someBytes(9_000_000, 2));
      },
    };
    await expect(store.push(changing, spec)).rejects.toMatchObject({ reason: 'DIGEST_MISMATCH' });
    expect(rig.contents()).toEqual([]);
  });

  it('because its source fails, fails with the error of the source', async () => {
    let reads = 0;
    const failing = {
      sizeBytes: large.length,
      replayable: true,
      open: async function* () {
        yield large.subarray(0, 1_000);
        if (reads++ > 0) throw new Error('the disk is gone');
        yield large.subarray(1_000);
      },
    };
    await expect(store.push(failing, spec)).rejects.toThrow('the disk is gone');
    expect(rig.contents()).toEqual([]);
  });

  it('because the caller gives up, is cancelled', async () => {
    const given = new AbortController();
    const onProgress = ({ phase }: PushProgress) => {
      if (phase === 'sending') given.abort();
    };
    const pushing = store.push(large, { ...spec, signal: given.signal, onProgress });
    await expect(pushing).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(rig.contents()).toEqual([]);
  });
});
