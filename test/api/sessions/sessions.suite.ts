import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import type { ListArtifactsRequestSchema } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { ListOrder } from '../../../gen/artifacta/v1/query_pb.ts';
import { SessionState } from '../../../gen/artifacta/v1/session_pb.ts';
import {
  byId,
  byName,
  create,
  listAll,
  refusal,
  refusals,
  sha256,
  someBytes,
  text,
  upload,
} from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

export function sessionsSuite(open: OpenService): void {
  const opened = checked(open);

  async function manifestOf(service: Service, session: string): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const { chunk } of service.sessions.downloadManifest({ session })) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  describe('opening', () => {
    it('is idempotent with the same settings and refused with others', async () => {
      const service = await opened();
      const settings = { session: 'run_1', metadata: { agent: 'a' }, expectedOutputs: ['b', 'a'] };
      const first = await service.sessions.openSession({ ...settings, labels: { l: '1' } });
      expect(first).toMatchObject({
        created: true,
        session: { id: 'run_1', state: SessionState.OPEN, labels: { l: '1' } },
      });
      expect(first.session!.uid).toMatch(/^ses_/);
      const again = await service.sessions.openSession({ ...settings, expectedOutputs: ['a', 'b', 'a'] });
      expect(again).toMatchObject({ created: false, session: first.session });
      const other = service.sessions.openSession({ ...settings, metadata: { agent: 'b' } });
      expect(await refusal(other)).toMatchObject({
        code: 'AlreadyExists',
        reason: 'SESSION_CONFLICT',
        fields: ['metadata'],
      });
    });

    it('happens by a push, and settings are then given once', async () => {
      const service = await opened();
      const before = await create(service, { session: 's', name: 'a', metadata: { own: '1' } }, 'x');
      expect(before.artifact!.metadata).toEqual({ own: '1' });
      const set = await service.sessions.openSession({
        session: 's',
        metadata: { agent: 'a', own: 'session' },
      });
      expect(set).toMatchObject({ created: false, session: { metadata: { agent: 'a', own: 'session' } } });
      const after = await create(service, { session: 's', name: 'b', metadata: { own: '2' } }, 'y');
      expect(after.artifact).toMatchObject({
        metadata: { own: '2', agent: 'a' },
        inheritedMetadataKeys: ['agent'],
      });
      expect(
        await refusal(service.sessions.openSession({ session: 's', metadata: { agent: 'b' } })),
      ).toMatchObject({ reason: 'SESSION_CONFLICT' });
    });

    it('by a push can be forbidden', async () => {
      const service = await opened({ opensSessions: false });
      for (const failure of await refusals(
        create(service, { session: 's', name: 'a' }, 'x'),
        upload(service, { session: 's', name: 'a' }, text('x')),
      ))
        expect(failure).toMatchObject({
          code: 'FailedPrecondition',
          reason: 'SESSION_MUST_EXIST',
        });
      await service.sessions.openSession({ session: 's' });
      await create(service, { session: 's', name: 'a' }, 'x');
    });
  });

  describe('a session', () => {
    it('counts what is live in it and numbers what happens in it', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'xx');
      const { artifact } = await create(service, { session: 's', name: 'a' }, 'yyy');
      await create(service, { session: 's', name: 'a' }, 'yyy');
      expect((await service.sessions.getSession({ session: 's' })).session).toMatchObject({
        artifactCount: 2n,
        sizeBytes: 5n,
        lastSequence: 2n,
      });
      await service.artifacts.deleteArtifact({ artifact: byId(artifact!.id) });
      expect((await service.sessions.getSession({ session: 's' })).session).toMatchObject({
        artifactCount: 1n,
        sizeBytes: 2n,
        lastSequence: 3n,
      });
    });

    it('that is unknown is said to be', async () => {
      const service = await opened();
      for (const failure of await refusals(
        service.sessions.getSession({ session: 'nope' }),
        service.sessions.updateSession({ session: 'nope', changes: { labels: { a: 'b' } } }),
        service.sessions.sealSession({ session: 'nope', outcome: SessionOutcome.FAILED }),
        manifestOf(service, 'nope'),
        service.artifacts.listArtifacts({ session: 'nope' }),
      ))
        expect(failure).toMatchObject({
          code: 'NotFound',
          reason: 'SESSION_NOT_FOUND',
          metadata: { session: 'nope' },
        });
    });

    it('changes its labels under an etag', async () => {
      const service = await opened();
      const { session } = await service.sessions.openSession({ session: 's', labels: { a: '1' } });
      const changed = await service.sessions.updateSession({
        session: 's',
        changes: { labels: { b: '2' } },
        etag: session!.etag,
      });
      expect(changed.session!.labels).toEqual({ b: '2' });
      const stale = service.sessions.updateSession({
        session: 's',
        changes: { labels: { c: '3' } },
        etag: session!.etag,
      });
      expect(await refusal(stale)).toMatchObject({ reason: 'ETAG_MISMATCH' });
    });
  });

  describe('sealing', () => {
    it('stores a manifest of all live versions, sorted, and fences the session', async () => {
      const service = await opened();
      await service.sessions.openSession({ session: 's', expectedOutputs: ['b.txt', 'missing.txt'] });
      await create(service, { session: 's', name: 'b.txt' }, '1');
      await create(service, { session: 's', name: 'b.txt' }, '2');
      await create(service, { session: 's', name: 'a.json' }, '{}');
      const gone = await create(service, { session: 's', name: 'c' }, 'c');
      await service.artifacts.deleteArtifact({ artifact: byId(gone.artifact!.id) });
      await create(
        service,
        { session: 's', name: 'z', expiry: { case: 'ttl', value: { seconds: 1n, nanos: 0 } } },
        'z',
      );
      service.clock.now += 1000;

      const { session, alreadySealed } = await service.sessions.sealSession({
        session: 's',
        outcome: SessionOutcome.SUCCEEDED,
      });
      expect(alreadySealed).toBe(false);
      expect(session).toMatchObject({
        state: SessionState.SEALED,
        outcome: SessionOutcome.SUCCEEDED,
        missingOutputs: ['missing.txt'],
      });
      const manifest = await manifestOf(service, 's');
      expect(
        manifest
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ).toEqual([
        {
          name: 'a.json',
          version: 1,
          sha256: sha256(text('{}')),
          size_bytes: 2,
          content_type: 'application/json',
        },
        { name: 'b.txt', version: 2, sha256: sha256(text('2')), size_bytes: 1, content_type: 'text/plain' },
        { name: 'b.txt', version: 1, sha256: sha256(text('1')), size_bytes: 1, content_type: 'text/plain' },
      ]);
      expect(session!.manifest).toMatchObject({
        sha256: createHash('sha256').update(manifest).digest('hex'),
        sizeBytes: BigInt(Buffer.byteLength(manifest)),
        lineCount: 3n,
      });

      for (const failure of await refusals(
        create(service, { session: 's', name: 'new' }, 'x'),
        upload(service, { session: 's', name: 'new' }, someBytes(100_000)),
      ))
        expect(failure).toMatchObject({
          code: 'FailedPrecondition',
          reason: 'SESSION_SEALED',
          metadata: { session: 's', outcome: 'succeeded' },
        });
      expect(service.blobs.stagedCount).toBe(0);
    });

    it('again gives the first seal; with another outcome it is refused', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      const first = await service.sessions.sealSession({ session: 's', outcome: SessionOutcome.FAILED });
      const again = await service.sessions.sealSession({ session: 's', outcome: SessionOutcome.FAILED });
      expect(again).toMatchObject({ alreadySealed: true, session: first.session });
      expect(
        await refusal(service.sessions.sealSession({ session: 's', outcome: SessionOutcome.SUCCEEDED })),
      ).toMatchObject({
        code: 'FailedPrecondition',
        reason: 'OUTCOME_CONFLICT',
        metadata: { outcome: 'failed' },
      });
    });

    it('of an empty session succeeds with an empty manifest', async () => {
      const service = await opened();
      await service.sessions.openSession({ session: 's' });
      expect(await refusal(manifestOf(service, 's'))).toMatchObject({
        code: 'NotFound',
        reason: 'MANIFEST_NOT_FOUND',
      });
      const { session } = await service.sessions.sealSession({
        session: 's',
        outcome: SessionOutcome.CANCELLED,
      });
      expect(session!.manifest).toMatchObject({
        lineCount: 0n,
        sizeBytes: 0n,
        sha256: sha256(new Uint8Array(0)),
      });
      expect(await manifestOf(service, 's')).toBe('');
    });

    it('leaves labels, expiry, holds and deletion possible; the manifest stays', async () => {
      const service = await opened();
      const { artifact } = await create(service, { session: 's', name: 'a' }, 'x');
      const { session } = await service.sessions.sealSession({
        session: 's',
        outcome: SessionOutcome.SUCCEEDED,
      });
      await service.artifacts.updateArtifact({
        artifact: byId(artifact!.id),
        changes: { labels: { a: 'b' }, hold: true },
      });
      await service.artifacts.updateArtifact({ artifact: byId(artifact!.id), changes: { hold: false } });
      expect(await service.artifacts.deleteArtifact({ artifact: byName('s', 'a') })).toMatchObject({
        deleted: true,
      });
      const after = (await service.sessions.getSession({ session: 's' })).session!;
      expect(after.manifest).toEqual(session!.manifest);
      expect(await manifestOf(service, 's')).toContain('"name":"a"');
    });

    it('racing twenty commits puts each wholly before the fence or refuses it', async () => {
      const service = await opened();
      await service.sessions.openSession({ session: 's' });
      const pushes = Array.from({ length: 20 }, (_, at) =>
        create(service, { session: 's', name: `n${at}` }, `c${at}`),
      );
      const [sealed, ...results] = await Promise.allSettled([
        service.sessions.sealSession({ session: 's', outcome: SessionOutcome.SUCCEEDED }),
        ...pushes,
      ]);
      if (sealed.status === 'rejected') throw sealed.reason;
      const committed = results.filter(({ status }) => status === 'fulfilled').length;
      for (const result of results)
        if (result.status === 'rejected')
          expect(await refusal(Promise.reject(result.reason))).toMatchObject({ reason: 'SESSION_SEALED' });
      expect(await listAll(service, 's')).toHaveLength(committed);
      expect(sealed.value.session!.manifest!.lineCount).toBe(BigInt(committed));
    });
  });

  describe('listing', () => {
    it('pages through artifacts in both orders without loss or repetition', async () => {
      const service = await opened();
      for (let at = 0; at < 25; at++) await create(service, { session: 's', name: `n${at % 20}` }, `c${at}`);
      for (const order of [ListOrder.NEWEST_FIRST, ListOrder.OLDEST_FIRST]) {
        for (const pageSize of [1, 7, 20, 100]) {
          const names: string[] = [];
          let pageToken = '';
          do {
            const page = await service.artifacts.listArtifacts({ session: 's', pageSize, pageToken, order });
            expect(page.artifacts.length).toBeLessThanOrEqual(pageSize);
            names.push(...page.artifacts.map(({ name }) => name));
            pageToken = page.nextPageToken;
          } while (pageToken !== '');
          const newestFirst = [4, 3, 2, 1, 0, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5].map(
            (at) => `n${at}`,
          );
          expect(names).toEqual(order === ListOrder.NEWEST_FIRST ? newestFirst : newestFirst.reverse());
        }
      }
    });

    it('shows all versions of a session and of a name', async () => {
      const service = await opened();
      for (const [name, content] of [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ] as const)
        await create(service, { session: 's', name }, content);
      const all = await listAll(service, 's');
      expect(all.map(({ name, version, latest }) => [name, version, latest])).toEqual([
        ['a', 1n, false],
        ['b', 1n, true],
        ['a', 2n, true],
      ]);
      const ofName = await service.artifacts.listArtifacts({ session: 's', allVersions: true, name: 'a' });
      expect(ofName.artifacts.map(({ version }) => version)).toEqual([2n, 1n]);
      const latest = await service.artifacts.listArtifacts({ session: 's', name: 'a' });
      expect(latest.artifacts.map(({ version }) => version)).toEqual([2n]);
    });

    it('marks what a manifest lists and is gone', async () => {
      const service = await opened();
      for (let at = 0; at < 6; at++) await create(service, { session: 's', name: `n${at}` }, `c${at}`);
      const request = { session: 's', showGone: true, pageSize: 2 };
      expect(await refusal(service.artifacts.listArtifacts(request))).toMatchObject({
        reason: 'MANIFEST_NOT_FOUND',
      });
      await service.sessions.sealSession({ session: 's', outcome: SessionOutcome.SUCCEEDED });
      for (const at of [0, 2, 5]) await service.artifacts.deleteArtifact({ artifact: byName('s', `n${at}`) });
      const live: string[] = [];
      const gone: string[] = [];
      let pageToken = '';
      do {
        const page = await service.artifacts.listArtifacts({ ...request, pageToken });
        expect(page.artifacts.length + page.gone.length).toBeLessThanOrEqual(2);
        live.push(...page.artifacts.map(({ name }) => name));
        gone.push(...page.gone.map(({ name, version, sha256: digest }) => `${name} ${version} ${digest}`));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(live).toEqual(['n4', 'n3', 'n1']);
      expect(gone).toEqual([0, 2, 5].map((at) => `n${at} 1 ${sha256(text(`c${at}`))}`));
    });

    it('pages through sessions', async () => {
      const service = await opened();
      for (let at = 0; at < 5; at++) await service.sessions.openSession({ session: `s${at}` });
      const ids: string[] = [];
      let pageToken = '';
      do {
        const page = await service.sessions.listSessions({ pageSize: 2, pageToken });
        ids.push(...page.sessions.map(({ id }) => id));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(ids).toEqual(['s4', 's3', 's2', 's1', 's0']);
    });

    it('refuses tokens that were altered or belong to another listing', async () => {
      const service = await opened();
      for (let at = 0; at < 3; at++) await create(service, { session: 's', name: `n${at}` }, 'x');
      await create(service, { session: 't', name: 'a' }, 'x');
      const { nextPageToken } = await service.artifacts.listArtifacts({ session: 's', pageSize: 1 });
      const flipped = `${nextPageToken[0] === 'A' ? 'B' : 'A'}${nextPageToken.slice(1)}`;
      const last = nextPageToken.at(-1) === 'A' ? 'B' : 'A';
      const requests: MessageInitShape<typeof ListArtifactsRequestSchema>[] = [
        { session: 's', pageToken: flipped },
        { session: 's', pageToken: `${nextPageToken.slice(0, -1)}${last}` },
        { session: 's', pageToken: `${nextPageToken}AAAA` },
        { session: 's', pageToken: 'ü' },
        { session: 's', pageToken: 'x'.repeat(10_000) },
        { session: 't', pageToken: nextPageToken },
        { session: 's', pageToken: nextPageToken, order: ListOrder.OLDEST_FIRST },
        { session: 's', pageToken: nextPageToken, allVersions: true },
      ];
      for (const request of requests)
        expect(await refusal(service.artifacts.listArtifacts(request))).toMatchObject({
          code: 'InvalidArgument',
          reason: 'PAGE_TOKEN_INVALID',
          fields: ['page_token'],
        });
      expect(await refusal(service.sessions.listSessions({ pageToken: nextPageToken }))).toMatchObject({
        reason: 'PAGE_TOKEN_INVALID',
      });
    });
  });

  describe('namespaces', () => {
    it('are named by a header; an unknown one is refused', async () => {
      const service = await opened();
      const call = (name: string) =>
        service.sessions.listSessions({}, { headers: { 'artifacta-namespace': name } });
      await call('default');
      expect(await refusal(call('other'))).toMatchObject({ code: 'NotFound', reason: 'NAMESPACE_NOT_FOUND' });
      expect(await refusal(call('../default'))).toMatchObject({
        code: 'InvalidArgument',
        fields: ['artifacta-namespace'],
      });
    });
  });
}
