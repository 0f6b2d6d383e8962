/** What an upload is told before it has sent a byte. */
import { describe, expect, it } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { keys } from '../../../src/index/keys.ts';
import { withBlobs } from '../../support/blobs.ts';
import {
  create,
  refusal,
  type Spec,
  sha256,
  someBytes,
  text,
  type UploadMessage,
} from '../../support/calls.ts';
import { writeRows } from '../../support/rows.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

/** Without an early answer a call of these would wait for ever. */
const timeout = 10_000;

export function earlySuite(open: OpenService): void {
  const opened = checked(open);

  /** Sends a start and nothing more, and keeps the stream open until the call has ended. */
  async function startAlone(service: Service, spec: Spec) {
    const ended = Promise.withResolvers<void>();
    async function* startOnly(): AsyncGenerator<UploadMessage> {
      yield { part: { case: 'start', value: { spec } } };
      await ended.promise;
    }
    try {
      return await service.artifacts.uploadArtifact(startOnly());
    } finally {
      ended.resolve();
    }
  }

  describe('the start of an upload alone', () => {
    it('is refused by a sealed session', { timeout }, async () => {
      const service = await opened();
      await service.sessions.openSession({ session: 's' });
      await service.sessions.sealSession({ session: 's', outcome: SessionOutcome.CANCELLED });
      expect(await refusal(startAlone(service, { session: 's', name: 'a' }))).toMatchObject({
        code: 'FailedPrecondition',
        reason: 'SESSION_SEALED',
        metadata: { session: 's', outcome: 'cancelled' },
      });
    });

    it('is refused by a session that is gone', { timeout }, async () => {
      const service = await opened();
      await service.sessions.openSession({ session: 's' });
      const key = keys.sessions.name.key('default', 's');
      const kept = keys.sessions.name.decode((await service.index.get(key))!);
      const put = (value: typeof kept) =>
        writeRows(service.index, [keys.sessions.name.put(['default', 's'], value)]);
      await put({ ...kept, goneSince: service.clock.now });
      expect(await refusal(startAlone(service, { session: 's', name: 'a' }))).toMatchObject({
        code: 'FailedPrecondition',
        reason: 'SESSION_GONE',
        metadata: { session: 's' },
      });
      expect(await refusal(create(service, { session: 's', name: 'a' }, 'x'))).toMatchObject({
        reason: 'SESSION_GONE',
      });
      await put(kept);
    });

    it('is refused where pushes open no sessions', { timeout }, async () => {
      const service = await opened({ opensSessions: false });
      expect(await refusal(startAlone(service, { session: 's', name: 'a' }))).toMatchObject({
        code: 'FailedPrecondition',
        reason: 'SESSION_MUST_EXIST',
        metadata: { session: 's' },
      });
    });

    it('is refused when it expires before it begins', { timeout }, async () => {
      const service = await opened();
      const expiry = {
        case: 'expireTime' as const,
        value: { seconds: BigInt(service.clock.now / 1000), nanos: 0 },
      };
      expect(await refusal(startAlone(service, { session: 's', name: 'a', expiry }))).toMatchObject({
        code: 'InvalidArgument',
        reason: 'INVALID_ARGUMENT',
        fields: ['start.spec.expire_time'],
      });
    });

    it('is refused when the size that it asserts is too large', { timeout }, async () => {
      const service = await opened({ artifactBytesMax: 100 });
      expect(await refusal(startAlone(service, { session: 's', name: 'a', sizeBytes: 101n }))).toMatchObject({
        code: 'InvalidArgument',
        reason: 'ARTIFACT_TOO_LARGE',
        fields: ['start.spec.size_bytes'],
        metadata: { limit: '100' },
      });
    });

    it('is answered when its request id is known and it asserts size and digest', { timeout }, async () => {
      const service = await opened();
      const spec = { session: 's', name: 'a', requestId: 'r' };
      const first = await create(service, spec, 'content');
      await service.sessions.sealSession({ session: 's', outcome: SessionOutcome.SUCCEEDED });
      const asserted = { ...spec, sha256: sha256(text('content')), sizeBytes: 7n };
      const replay = await startAlone(service, asserted);
      expect(replay.artifact).toEqual(first.artifact);
      expect(replay.receipt).toMatchObject({ replayed: true, deduplicated: false, bytesSaved: 0n });
      expect(await refusal(startAlone(service, { ...asserted, name: 'b' }))).toMatchObject({
        code: 'AlreadyExists',
        reason: 'REQUEST_ID_REUSED',
        fields: ['start.spec.request_id'],
      });
    });
  });

  it('content in one message that will be refused is not stored first', async () => {
    const memory = openMemoryBlobs();
    let staged = 0;
    const blobs = withBlobs(memory, {
      stage: (name) => {
        staged++;
        return memory.stage(name);
      },
    });
    const service = await opened({ blobs });
    await service.sessions.openSession({ session: 's' });
    await service.sessions.sealSession({ session: 's', outcome: SessionOutcome.FAILED });
    const bytes = someBytes(100_000);
    expect(await refusal(create(service, { session: 's', name: 'a' }, bytes))).toMatchObject({
      reason: 'SESSION_SEALED',
    });
    expect(staged).toBe(0);
    await create(service, { session: 't', name: 'a' }, bytes);
    expect(staged).toBe(1);
  });
}
