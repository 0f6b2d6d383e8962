/** What one namespace holds is answered in another as what does not exist anywhere. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { LineageDirection } from '../../../gen/artifacta/v1/lineage_pb.ts';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { parseNamespace } from '../../../src/domain/names.ts';
import { keys } from '../../../src/index/keys.ts';
import { Paging } from '../../../src/store/look/paging.ts';
import { Namespaces } from '../../../src/store/tenants/namespaces.ts';
import {
  byId,
  byName,
  create,
  download,
  listAll,
  refusal,
  sha256,
  someBytes,
  text,
  upload,
} from '../../support/calls.ts';
import { inNamespace, makeNamespace } from '../../support/namespace-service.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { closeChecked, openMemoryService, type Service } from '../../support/service.ts';

async function openBoth(): Promise<{ here: Service; there: Service }> {
  const here = await openMemoryService();
  onTestFinished(() => closeChecked(here));
  await makeNamespace(here, 'other');
  return { here, there: inNamespace(here, 'other') };
}

const bytes = someBytes(50_000);
const digest = { sha256: sha256(bytes), sizeBytes: 50_000n };

/** Every way to ask for something by a name, an id or a digest that is known elsewhere. */
const asked: [string, (service: Service, id: string) => Promise<unknown>][] = [
  ['getting by id', (service, id) => service.artifacts.getArtifact({ artifact: byId(id) })],
  ['getting by name', (service) => service.artifacts.getArtifact({ artifact: byName('s', 'a') })],
  ['getting a version', (service) => service.artifacts.getArtifact({ artifact: byName('s', 'a', 1n) })],
  [
    'getting several',
    (service, id) => service.artifacts.batchGetArtifacts({ artifacts: [byId(id), byName('s', 'a')] }),
  ],
  ['downloading by id', (service, id) => download(service, { artifact: byId(id) })],
  ['downloading by name', (service) => download(service, { artifact: byName('s', 'a') })],
  ['listing artifacts', (service) => listAll(service, 's')],
  ['listing sessions', async (service) => (await service.sessions.listSessions({})).sessions],
  [
    'updating by id',
    (service, id) => service.artifacts.updateArtifact({ artifact: byId(id), changes: { hold: true } }),
  ],
  [
    'updating by name',
    (service) => service.artifacts.updateArtifact({ artifact: byName('s', 'a'), changes: { hold: true } }),
  ],
  ['deleting by id', (service, id) => service.artifacts.deleteArtifact({ artifact: byId(id) })],
  [
    'deleting by id with an etag',
    (service, id) => service.artifacts.deleteArtifact({ artifact: byId(id), etag: '"9"' }),
  ],
  ['deleting by name', (service) => service.artifacts.deleteArtifact({ artifact: byName('s', 'a') })],
  [
    'lineage by id',
    (service, id) =>
      service.artifacts.listLineage({ artifact: byId(id), direction: LineageDirection.DERIVED }),
  ],
  [
    'lineage by name',
    (service) =>
      service.artifacts.listLineage({ artifact: byName('s', 'a'), direction: LineageDirection.INPUTS }),
  ],
  ['comparing', (service) => service.sessions.compareSessions({ baseSession: 's', session: 'sealed' })],
  ['getting a session', (service) => service.sessions.getSession({ session: 's' })],
  [
    'updating a session',
    (service) => service.sessions.updateSession({ session: 's', changes: { labels: { l: '1' } } }),
  ],
  ['sealing', (service) => service.sessions.sealSession({ session: 's', outcome: SessionOutcome.FAILED })],
  [
    'getting a manifest',
    (service) => Array.fromAsync(service.sessions.downloadManifest({ session: 'sealed' })),
  ],
  [
    'pushing by digest',
    (service) =>
      service.artifacts.createArtifact({
        spec: { session: 'n', name: 'a' },
        content: { case: 'digest', value: digest },
      }),
  ],
  [
    'replaying by digest',
    (service) =>
      service.artifacts.createArtifact({
        spec: { session: 's', name: 'a', requestId: 'r' },
        content: { case: 'digest', value: digest },
      }),
  ],
  ['naming as an input', (service, id) => create(service, { session: 'n', name: 'a', inputs: [id] }, 'x')],
];

describe('what another namespace holds', () => {
  let full: { here: Service; there: Service };
  let empty: { here: Service; there: Service };
  let id: string;
  beforeEach(async () => {
    [full, empty] = await Promise.all([openBoth(), openBoth()]);
    const { artifact } = await upload(full.here, { session: 's', name: 'a', requestId: 'r' }, bytes);
    id = artifact!.id;
    await create(full.here, { session: 'sealed', name: 'a' }, 'x');
    await full.here.sessions.sealSession({ session: 'sealed', outcome: SessionOutcome.SUCCEEDED });
  });

  const outcome = async (call: Promise<unknown>) => {
    try {
      return { answer: await call };
    } catch (error) {
      return { refusal: await refusal(Promise.reject(error)) };
    }
  };

  it.each(asked)('is as if it were nowhere: %s', async (_what, ask) => {
    const answer = await outcome(ask(full.there, id));
    expect(answer).toEqual(await outcome(ask(empty.there, id)));
    // It is there all the same, and asking has not changed it.
    const { artifact } = await full.here.artifacts.getArtifact({ artifact: byId(id) });
    expect(artifact).toMatchObject({ hold: false, etag: '"1"' });
  });

  it.each(asked)('is there at home: %s', async (_what, ask) => {
    expect(await outcome(ask(full.here, id))).not.toEqual(await outcome(ask(empty.here, id)));
  });

  it('leaves names, versions and request ids free', async () => {
    const pushed = await upload(full.there, { session: 's', name: 'a', requestId: 'r' }, bytes);
    expect(pushed).toMatchObject({
      artifact: { version: 1n, sequence: 1n },
      receipt: { replayed: false, deduplicated: false, bytesSaved: 0n },
    });
    expect(pushed.artifact!.id).not.toBe(id);
    const other = await create(full.there, { session: 'sealed', name: 'a', requestId: 'r2' }, 'y');
    expect(other.artifact!.version).toBe(1n);
    expect((await full.there.sessions.openSession({ session: 'new' })).created).toBe(true);
    expect((await full.here.sessions.openSession({ session: 'new' })).created).toBe(true);
  });

  it('is other bytes, though they are equal: deleting one leaves the other', async () => {
    const { artifact } = await upload(full.there, { session: 's', name: 'a' }, bytes);
    await create(full.there, { session: 's', name: 'small' }, 'x');
    const blobOf = async (ns: string) => {
      const key = keys.blobs.record.key(ns, digest.sha256 as Parameters<typeof keys.blobs.record.key>[1]);
      return keys.blobs.record.decode((await full.here.index.get(key))!);
    };
    const [mine, others] = [await blobOf('default'), await blobOf('other')];
    expect(mine.name!.split('/')[0]).not.toBe(others.name!.split('/')[0]);
    expect([mine.refs, others.refs]).toEqual([1, 1]);
    await full.here.artifacts.deleteArtifact({ artifact: byId(id) });
    expect([(await blobOf('default')).refs, (await blobOf('other')).refs]).toEqual([0, 1]);
    const back = await download(full.there, { artifact: byId(artifact!.id) });
    expect(sha256(back.bytes)).toBe(digest.sha256);
    expect((await download(full.there, { artifact: byName('s', 'small') })).bytes).toEqual(text('x'));
  });

  it('is reached by none of its page tokens', async () => {
    for (const service of [full.here, full.there])
      for (const name of ['x', 'y', 'z']) await create(service, { session: 's', name }, name);
    const { nextPageToken: pageToken } = await full.here.artifacts.listArtifacts({
      session: 's',
      pageSize: 1,
    });
    const told = await refusal(full.there.artifacts.listArtifacts({ session: 's', pageToken }));
    expect(told).toMatchObject({ reason: 'PAGE_TOKEN_INVALID' });
    expect(told).toEqual(
      await refusal(full.there.artifacts.listArtifacts({ session: 's', pageToken: 'nonsense' })),
    );
  });
});

describe('a namespace', () => {
  it('is made once, and is the same after a restart', async () => {
    const { here } = await openBoth();
    const name = parseNamespace('namespace', 'other');
    const paging = new Paging({ key: new Uint8Array(32), now: () => here.index.now() });
    const open = () => new Namespaces(here.index, here.blobs, paging);
    const records = await Promise.all([open().ensure(name), open().ensure(name), open().require(name)]);
    expect(new Set(records.map(({ internalId }) => internalId)).size).toBe(1);
    const fresh = parseNamespace('namespace', 'fresh');
    const made = await Promise.all([1, 2, 3].map(() => open().ensure(fresh)));
    expect(new Set(made.map(({ internalId }) => internalId)).size).toBe(1);
    const again = await openCheckedStore({ index: here.index, blobs: here.blobs });
    const spec = { session: 's', name: 'a' };
    await upload(inNamespace({ ...here, store: again }, 'fresh'), spec, bytes);
  });

  it('that does not exist is told by every call', async () => {
    const { here } = await openBoth();
    const nowhere = inNamespace(here, 'nowhere');
    const id = 'art_01h455vb4pex5vsknk084sn02q';
    for (const [what, ask] of asked)
      expect(await refusal(ask(nowhere, id)), what).toMatchObject({
        code: 'NotFound',
        reason: 'NAMESPACE_NOT_FOUND',
        metadata: { namespace: 'nowhere' },
      });
    for (const call of [
      upload(nowhere, { session: 's', name: 'a' }, bytes),
      create(nowhere, { session: 's', name: 'a' }, 'x'),
      nowhere.sessions.openSession({ session: 's' }),
    ])
      expect(await refusal(call)).toMatchObject({ reason: 'NAMESPACE_NOT_FOUND' });
  });
});
