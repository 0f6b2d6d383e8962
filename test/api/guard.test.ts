/** How calls end on the memory transport: what callers are told of bugs, and that nothing stays open when they go. */
import { create } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  createClient,
  createHandlerContext,
  createRouterTransport,
} from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { DownloadArtifactRequestSchema } from '../../gen/artifacta/v1/content_pb.ts';
import { type CallRecord, guard } from '../../src/api/guard.ts';
import type { Handlers } from '../../src/api/handlers.ts';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { Failure } from '../../src/domain/errors.ts';
import { withBlobs } from '../support/blobs.ts';
import { byName, download, refusal, someBytes, type UploadMessage, upload } from '../support/calls.ts';
import { checked, openMemoryService, type Service } from '../support/service.ts';

const openChecked = checked(openMemoryService);

function opened(blobs?: BlobStore): Promise<Service> {
  return openChecked(blobs === undefined ? {} : { blobs });
}

/** Ends when `condition` holds; what brings that about is under way already. */
async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 1, timeout: 5_000 }).toBe(true);
}

const method = (name: string) => `artifacta.v1.ArtifactService/${name}`;

describe('a failure that nobody foresaw', () => {
  const secret = new Error('/secret/path of somebody');
  function serve(handlers: Handlers<typeof ArtifactService>) {
    const calls: CallRecord[] = [];
    let elapsed = 0;
    const options = { onCall: (record: CallRecord) => calls.push(record), elapsed: () => elapsed++ };
    const transport = createRouterTransport((router) => {
      router.service(
        ArtifactService,
        guard(ArtifactService, () => handlers, options),
      );
    });
    return { calls, artifacts: createClient(ArtifactService, transport) };
  }
  const internal = { code: 'Internal', reason: 'INTERNAL', fields: [], metadata: {} };
  const recorded = {
    transport: 'memory',
    namespace: 'default',
    subject: 'local',
    outcome: 'INTERNAL',
    durationMs: 1,
  };

  it('in a unary call is told without its text, and logged with it', async () => {
    const { artifacts, calls } = serve({
      getArtifact: async () => {
        throw secret;
      },
    });
    const told = await refusal(artifacts.getArtifact({}));
    expect(told).toMatchObject(internal);
    expect(JSON.stringify(told)).not.toContain('secret');
    expect(calls).toEqual([{ ...recorded, method: method('GetArtifact'), error: secret }]);
  });

  it('in an upload is told without its text, and logged with it', async () => {
    const { artifacts, calls } = serve({
      uploadArtifact: async (requests) => {
        for await (const _ of requests) throw secret;
        return {};
      },
    });
    async function* one(): AsyncGenerator<UploadMessage> {
      yield { part: { case: 'chunk', value: new Uint8Array(1) } };
    }
    const told = await refusal(artifacts.uploadArtifact(one()));
    expect(told).toMatchObject(internal);
    expect(JSON.stringify(told)).not.toContain('secret');
    expect(calls).toEqual([{ ...recorded, method: method('UploadArtifact'), error: secret }]);
  });

  it('in a download that has begun is told without its text, and logged with it', async () => {
    const { artifacts, calls } = serve({
      downloadArtifact: async function* () {
        yield { part: { case: 'chunk', value: Uint8Array.of(7) } };
        throw secret;
      },
    });
    let received = 0;
    const told = await refusal(async () => {
      for await (const _ of artifacts.downloadArtifact({})) received++;
    });
    expect(received).toBe(1);
    expect(told).toMatchObject(internal);
    expect(JSON.stringify(told)).not.toContain('secret');
    expect(calls).toEqual([{ ...recorded, method: method('DownloadArtifact'), error: secret }]);
  });

  it('is told from a refusal, which is told in full and whose error is not logged', async () => {
    const { artifacts, calls } = serve({
      getArtifact: async () => {
        throw new Failure('SESSION_NOT_FOUND', 'session s does not exist', { metadata: { session: 's' } });
      },
    });
    expect(await refusal(artifacts.getArtifact({}))).toMatchObject({
      code: 'NotFound',
      reason: 'SESSION_NOT_FOUND',
      message: 'session s does not exist',
    });
    expect(calls).toEqual([{ ...recorded, outcome: 'SESSION_NOT_FOUND', method: method('GetArtifact') }]);
  });

  it.each([
    ['cancelled', 'CANCELLED', 'Canceled'],
    ['past its deadline', 'DEADLINE_EXCEEDED', 'DeadlineExceeded'],
  ])('of a call that was %s is recorded as that', async (how, outcome, code) => {
    const begun = Promise.withResolvers<void>();
    const { artifacts, calls } = serve({
      getArtifact: async (_request, call) => {
        begun.resolve();
        await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
        throw secret;
      },
    });
    const gone = new AbortController();
    const told = refusal(
      artifacts.getArtifact({}, how === 'cancelled' ? { signal: gone.signal } : { timeoutMs: 50 }),
    );
    await begun.promise;
    gone.abort();
    expect((await told).code).toBe(code);
    await until(() => calls.length === 1);
    expect(calls[0]).toMatchObject({ outcome });
  });

  it('of a disk is told without its text, whichever way the bytes go', async () => {
    const memory = openMemoryBlobs();
    let broken = false;
    const blobs = withBlobs(memory, {
      stage: async (name) => {
        if (broken) throw secret;
        return await memory.stage(name);
      },
      read: (...args) => {
        if (broken) throw secret;
        return memory.read(...args);
      },
    });
    const service = await opened(blobs);
    await upload(service, { session: 's', name: 'a' }, someBytes(100_000));
    broken = true;
    const told = [
      await refusal(upload(service, { session: 's', name: 'b' }, someBytes(100_000, 2))),
      await refusal(download(service, { artifact: byName('s', 'a') })),
    ];
    broken = false;
    for (const one of told) expect(one).toMatchObject(internal);
    expect(JSON.stringify(told)).not.toContain('secret');
    expect(service.calls.map(({ outcome, error }) => [outcome, error])).toEqual([
      ['OK', undefined],
      ['INTERNAL', secret],
      ['INTERNAL', secret],
    ]);
  });

  it('of damaged bytes is DATA_LOSS, and logged', async () => {
    const memory = openMemoryBlobs();
    const blobs = withBlobs(memory, {
      read: async function* (...args) {
        for await (const piece of memory.read(...args)) {
          piece[0]! ^= 1;
          yield piece;
        }
      },
    });
    const service = await openMemoryService({ blobs });
    onTestFinished(() => service[Symbol.asyncDispose]());
    await upload(service, { session: 's', name: 'a' }, someBytes(100_000));
    expect(await refusal(download(service, { artifact: byName('s', 'a') }))).toMatchObject({
      code: 'DataLoss',
      reason: 'DATA_LOSS',
    });
    expect(service.calls.at(-1)).toMatchObject({ outcome: 'DATA_LOSS', error: expect.any(Failure) });
  });
});

describe('a download whose caller has gone', () => {
  function countingReads() {
    const memory = openMemoryBlobs();
    const reads = { begun: 0, open: 0 };
    const blobs = withBlobs(memory, {
      read: async function* (...args) {
        reads.begun++;
        reads.open++;
        try {
          yield* memory.read(...args);
        } finally {
          reads.open--;
        }
      },
    });
    return { blobs, reads };
  }

  it('closes what it read from and is recorded as cancelled', async () => {
    const { blobs, reads } = countingReads();
    const service = await opened(blobs);
    await upload(service, { session: 's', name: 'a' }, someBytes(5 * 1024 * 1024));
    const gone = new AbortController();
    const request = { artifact: byName('s', 'a') };
    let openThen = -1;
    const told = await refusal(async () => {
      for await (const { part } of service.artifacts.downloadArtifact(request, { signal: gone.signal })) {
        if (part.case !== 'chunk') continue;
        openThen = reads.open;
        gone.abort();
      }
    });
    expect(told.code).toBe('Canceled');
    expect(openThen).toBe(1);
    await until(() => service.calls.length === 2 && reads.open === 0);
    expect(service.calls[1]).toMatchObject({ method: method('DownloadArtifact'), outcome: 'CANCELLED' });
    expect(service.calls[1]).not.toHaveProperty('error');
    // A whole one is recorded once, too, as what it is.
    await download(service, request);
    expect(reads).toEqual({ begun: 2, open: 0 });
    expect(service.calls.slice(2)).toMatchObject([{ outcome: 'OK' }]);
  });
});

describe('an upload whose caller has gone', () => {
  /** A start, `chunks`, and then nothing, for ever. */
  async function* silent(
    chunks: readonly Uint8Array[],
    onSilence: () => void,
  ): AsyncGenerator<UploadMessage> {
    yield { part: { case: 'start', value: { spec: { session: 's', name: 'a' } } } };
    for (const value of chunks) yield { part: { case: 'chunk', value } };
    onSilence();
    await new Promise(() => undefined);
  }

  it.each([
    ['before any byte', []],
    ['with bytes in memory', [someBytes(100)]],
    ['with bytes staged', [someBytes(100_000), someBytes(100_000)]],
  ])('ends %s, and leaves nothing staged', async (_when, chunks) => {
    const service = await opened();
    const gone = new AbortController();
    const silence = Promise.withResolvers<void>();
    const told = refusal(
      service.artifacts.uploadArtifact(silent(chunks, silence.resolve), { signal: gone.signal }),
    );
    await silence.promise;
    await until(() => chunks.length < 2 || service.blobs.stagedCount === 1);
    gone.abort();
    expect((await told).code).toBe('Canceled');
    await until(() => service.calls.length === 1);
    expect(service.blobs.stagedCount).toBe(0);
    expect(service.calls[0]).toMatchObject({ method: method('UploadArtifact'), outcome: 'CANCELLED' });
    expect(await refusal(service.sessions.getSession({ session: 's' }))).toMatchObject({
      reason: 'SESSION_NOT_FOUND',
    });
  });

  it('ends at its deadline', async () => {
    const service = await opened();
    const chunks = [someBytes(100_000)];
    const call = service.artifacts.uploadArtifact(
      silent(chunks, () => undefined),
      { timeoutMs: 50 },
    );
    expect((await refusal(call)).code).toBe('DeadlineExceeded');
    await until(() => service.calls.length === 1);
    expect(service.blobs.stagedCount).toBe(0);
    expect(service.calls[0]).toMatchObject({ outcome: 'DEADLINE_EXCEEDED' });
  });
});

describe('a stream that is ended from outside', () => {
  it.each([
    ['its caller', Code.Canceled, 'CANCELLED'],
    ['its deadline', Code.DeadlineExceeded, 'DEADLINE_EXCEEDED'],
    ['the stop of the service', Code.Unavailable, 'SHUTTING_DOWN'],
  ])('by %s is recorded as that', async (_who, code, outcome) => {
    const calls: CallRecord[] = [];
    const options = { onCall: (record: CallRecord) => calls.push(record), elapsed: () => 0 };
    const never: Handlers<typeof ArtifactService> = {
      downloadArtifact: async function* () {
        yield {};
        await new Promise(() => undefined);
      },
    };
    const gone = new AbortController();
    const context = createHandlerContext({
      service: ArtifactService,
      method: ArtifactService.method.downloadArtifact,
      protocolName: 'connect',
      requestMethod: 'POST',
      url: '/',
      requestSignal: gone.signal,
    });
    const { downloadArtifact } = guard(ArtifactService, () => never, options);
    const answers = downloadArtifact(create(DownloadArtifactRequestSchema), context)[Symbol.asyncIterator]();
    await answers.next();
    gone.abort(new ConnectError('', code));
    expect(calls.map((record) => record.outcome)).toEqual([outcome]);
  });
});
