/** Pushes whose bytes one process receives, and whose commit is another one's. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { limits } from '../../../src/domain/limits.ts';
import { parseNamespace, parseSessionId } from '../../../src/domain/names.ts';
import type { Principal } from '../../../src/domain/principal.ts';
import { keys } from '../../../src/index/keys.ts';
import type { Range } from '../../../src/index/row.ts';
import { Upload } from '../../../src/store/artifacts/upload.ts';
import type { Step } from '../../../src/store/rows/steps.ts';
import { byName, create, download, refusal, sha256, someBytes, text, upload } from '../../support/calls.ts';
import { inconsistencies } from '../../support/naive.ts';
import { openReplicaSet, type Replica, type ReplicaOptions } from '../../support/replica-servers.ts';
import { startOfTime } from '../../support/service.ts';
import { specOf, tester } from '../../support/specs.ts';

async function open(...options: ReplicaOptions[]) {
  const set = await openReplicaSet();
  onTestFinished(async () => {
    const faults = await inconsistencies(set.index, set.blobs);
    await set[Symbol.asyncDispose]();
    expect(faults).toEqual([]);
    expect(set.blobs.stagedCount).toBe(0);
  });
  const [first = {}, second = {}] = options;
  const [asked, owner] = [await set.add(first), await set.add(second)];
  set.assignments.assign('default', owner.address);
  const count = async (range: Range) => {
    let rows = 0;
    for await (const block of set.index.scan(range)) rows += block.length;
    return rows;
  };
  return { set, asked, owner, condemned: () => count(keys.blobs.condemned.range()) };
}

async function isReadAs(replica: Replica, session: string, name: string, bytes: Uint8Array) {
  const found = await download(replica, { artifact: byName(session, name) });
  return Buffer.compare(found.bytes, bytes) === 0;
}

const small = text('a few bytes');
/** More than is kept in the index. */
const large = someBytes(3 * 1024 * 1024 + 17);

describe.each<[string, Uint8Array]>([
  ['in the index', small],
  ['in the place of contents', large],
])('a content %s', (_where, bytes) => {
  it('is committed with all that was said of it', async () => {
    const { asked, owner } = await open();
    const { artifact: input } = await create(asked, { session: 'run', name: 'input' }, 'input');
    const spec = {
      session: 'run',
      name: 'dir/b.csv',
      metadata: { agent: 'x', '10': 'ten', '2': 'two' },
      labels: { state: 'new' },
      inputs: [input!.id],
      requestId: 'r-1',
      newVersion: true,
      sizeBytes: BigInt(bytes.length),
      sha256: sha256(bytes),
      expiry: { case: 'ttl' as const, value: { seconds: 3_600n, nanos: 1_500_000 } },
    };
    const { artifact, receipt } = await upload(asked, spec, bytes);
    expect(artifact).toMatchObject({
      session: 'run',
      name: 'dir/b.csv',
      version: 1n,
      sha256: sha256(bytes),
      sizeBytes: BigInt(bytes.length),
      contentType: 'text/csv',
      metadata: spec.metadata,
      labels: spec.labels,
      inputs: [input!.id],
      latest: true,
    });
    expect(receipt).toMatchObject({ deduplicated: false, replayed: false });
    for (const one of [asked, owner]) {
      const found = await one.artifacts.getArtifact({ artifact: byName('run', 'dir/b.csv') });
      expect(found.artifact).toEqual(artifact);
      expect(await isReadAs(one, 'run', 'dir/b.csv', bytes)).toBe(true);
    }
    // The same request id is the same push, wherever it comes.
    for (const one of [asked, owner]) {
      const again = await upload(one, spec, bytes);
      expect(again.receipt?.replayed).toBe(true);
      expect(again.artifact?.id).toBe(artifact?.id);
    }
  });

  it('is found if the latest version has it, and no copy remains', async () => {
    const { asked, condemned } = await open();
    const spec = { session: 'run', name: 'a' };
    const first = await upload(asked, spec, bytes);
    const second = await upload(asked, spec, bytes);
    expect(second.artifact?.id).toBe(first.artifact?.id);
    expect(second.receipt).toMatchObject({ deduplicated: true, bytesSaved: BigInt(bytes.length) });
    expect(await condemned()).toBe(bytes === large ? 1 : 0);
  });

  it('is committed without bytes by its digest', async () => {
    const { asked, owner } = await open();
    await upload(asked, { session: 'run', name: 'a' }, bytes);
    const { artifact } = await asked.artifacts.createArtifact({
      spec: { session: 'other', name: 'b' },
      content: { case: 'digest', value: { sha256: sha256(bytes), sizeBytes: BigInt(bytes.length) } },
    });
    expect(artifact).toMatchObject({ session: 'other', name: 'b', sha256: sha256(bytes) });
    expect(owner.passed.map(({ outcome }) => outcome)).toEqual(['OK', 'OK']);
  });
});

it('a refused push leaves no file that no row names', async () => {
  const { asked, owner, condemned } = await open();
  await asked.sessions.openSession({ session: 'run' });
  const begun = await asked.store.uploads.begin(tester, specOf({ session: 'run', name: 'a' }));
  if (!(begun instanceof Upload)) throw new Error('no bytes are needed');
  await using push = begun;
  await push.write(large);
  // The session is sealed while the bytes are under way.
  await owner.sessions.sealSession({ session: 'run', outcome: SessionOutcome.SUCCEEDED });
  await expect(push.finish({ sizeBytes: large.length, sha256: undefined })).rejects.toMatchObject({
    reason: 'SESSION_SEALED',
    metadata: { session: 'run' },
  });
  expect(await condemned()).toBe(1);
});

it('bytes that are needed after all are published, and the owner is asked again', async () => {
  const bytes = someBytes(limits.joinedBytesMax);
  let meanwhile: (() => Promise<unknown>) | undefined;
  const onStep = async (step: Step) => {
    if (step === 'upload.found') await meanwhile?.();
  };
  const graces = { dedupMs: 0, readMs: 0 };
  const { asked, owner } = await open({ store: { onStep } }, { store: { graces } });
  await upload(asked, { session: 'run', name: 'a' }, bytes);
  // The content goes when this process has found that it can be joined.
  meanwhile = async () => {
    meanwhile = undefined;
    await owner.artifacts.deleteArtifact({ artifact: byName('run', 'a') });
    const done = await owner.store.collection.collect({ limit: 1_000 }, { findOrphans: false });
    expect(done).toMatchObject({ condemned: 1 });
  };
  const again = await upload(asked, { session: 'other', name: 'b' }, bytes);
  expect(meanwhile).toBeUndefined();
  expect(again.artifact).toMatchObject({ session: 'other', sha256: sha256(bytes) });
  expect(await isReadAs(owner, 'other', 'b', bytes)).toBe(true);
  expect(owner.passed.map(({ method }) => method.split('/')[1])).toEqual([
    'CommitContent',
    'CommitContent',
    'CommitContent',
  ]);
});

describe('a token that is limited', () => {
  const limited = (): Principal => ({
    subject: 'tok_1',
    namespace: parseNamespace('ns', 'default'),
    scopes: new Set(['write']),
    operator: false,
    expireTime: startOfTime + 3_600_000,
    restriction: {
      sessions: new Set([parseSessionId('session', 'run')]),
      namePrefix: 'out/',
      pushBytesMax: 20,
      artifactBytesMax: 15,
    },
  });

  it('is limited by the owner, too', async () => {
    const { asked, owner } = await open({ authenticate: async () => limited() });
    await create(asked, { session: 'run', name: 'out/a' }, small);
    expect((await refusal(create(asked, { session: 'run', name: 'a' }, small))).reason).toBe(
      'PERMISSION_DENIED',
    );
    const spent = await refusal(create(asked, { session: 'run', name: 'out/b' }, 'other bytes'));
    expect(spent).toMatchObject({ code: 'ResourceExhausted', reason: 'QUOTA_EXCEEDED' });
    expect(owner.passed.map(({ subject, outcome }) => [subject, outcome])).toEqual([
      ['tok_1', 'OK'],
      ['tok_1', 'QUOTA_EXCEEDED'],
    ]);
    expect((await refusal(asked.sessions.openSession({ session: 'other' }))).reason).toBe(
      'PERMISSION_DENIED',
    );
  });
});
