/** How the adapter streams: no faster than the other side, and not past its end. */
import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { Server, ServerCredentials, type ServerReadableStream } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { UploadArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { toConnectError } from '../../../src/api/errors.ts';
import { Failure } from '../../../src/domain/errors.ts';
import { readOneAtATime } from '../../../src/server/grpc/internals.ts';
import { refusal, someBytes } from '../../support/calls.ts';
import { openRig, pathOf, type Rig } from '../fake-service.ts';
import {
  answerOf,
  eventually,
  framed,
  openRawConnection,
  type RawConnection,
  resetStream,
} from './raw-call.ts';

function chunk(size: number): Buffer {
  const message = create(UploadArtifactRequestSchema, { part: { case: 'chunk', value: someBytes(size) } });
  return framed(toBinary(UploadArtifactRequestSchema, message));
}

/** So many turns of the server's event loop have passed, with room for a few hops each. */
async function turns(rig: Rig, count: number): Promise<void> {
  for (let at = 0; at < count; at++) await rig.client.getArtifact({});
}

describe('an upload', () => {
  it('gives its messages in order and ends when the client ends it', async () => {
    await using rig = await openRig({
      uploadArtifact: async (requests) => {
        const sizes: number[] = [];
        for await (const { part } of requests) sizes.push(part.case === 'chunk' ? part.value.length : -1);
        return { receipt: { bytesSaved: BigInt(sizes.join('')) } };
      },
    });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('UploadArtifact'));
    for (const size of [1, 2, 3]) stream.write(chunk(size));
    stream.end();
    const { status, messages } = await answerOf(stream);
    expect(status).toBe('0');
    expect(messages[0]?.at(-1)).toBe(123);
  });

  it('holds one message that nobody has asked for, where grpc-js holds sixteen', async () => {
    const waiting = async (prepare: (call: object) => void) => {
      const server = new Server();
      const called = Promise.withResolvers<ServerReadableStream<Buffer, Buffer>>();
      const handle = (call: ServerReadableStream<Buffer, Buffer>) => {
        prepare(call);
        call.once('readable', () => called.resolve(call));
      };
      const bytes = (message: Buffer) => message;
      server.register('/test/Upload', handle, bytes, bytes, 'clientStream');
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
          error === null ? resolve(bound) : reject(error),
        );
      });
      await using raw = await openRawConnection(`127.0.0.1:${port}`);
      const stream = raw.call('/test/Upload');
      await new Promise<void>((resolve) =>
        stream.write(Buffer.concat(Array(40).fill(chunk(100))), () => resolve()),
      );
      const call = await called.promise;
      // A ping that was answered has come after all that was written before it.
      for (let at = 0; at < 5; at++) await new Promise((resolve) => raw.session.ping(resolve));
      server.forceShutdown();
      return call.readableLength;
    };
    expect(await waiting(() => undefined)).toBe(16);
    expect(await waiting(readOneAtATime)).toBe(1);
  });

  it('stops the client while the handler is busy', async () => {
    const release = Promise.withResolvers<void>();
    await using rig = await openRig({
      uploadArtifact: async (requests) => {
        for await (const _ of requests) await release.promise;
        return {};
      },
    });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('UploadArtifact'));
    let sent = 0;
    const sending = (async () => {
      for (; sent < 24; sent++)
        await new Promise<void>((resolve) => stream.write(chunk(1024 * 1024), () => resolve()));
      stream.end();
    })();
    // The window of 4 MiB, the message that the handler has, the one that waits, and what lies between.
    await eventually(() => sent >= 4, 10_000);
    for (let at = 0; at < 100; at++) await new Promise((resolve) => raw.session.ping(resolve));
    expect(sent).toBeLessThan(10);
    release.resolve();
    expect((await answerOf(stream)).status).toBe('0');
    await sending;
  });

  it('is answered at once when the handler refuses it half way', async () => {
    await using rig = await openRig({
      uploadArtifact: async (requests) => {
        for await (const _ of requests) throw toConnectError(new Failure('SESSION_SEALED', 'sealed'));
        return {};
      },
    });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('UploadArtifact'));
    stream.write(chunk(10));
    expect((await answerOf(stream)).status).toBe(String(Code.FailedPrecondition));
  });

  it.each<[string, (raw: RawConnection, stream: ClientHttp2Stream) => void]>([
    ['RST_STREAM with NO_ERROR', (raw, stream) => resetStream(raw, stream, 0)],
    ['RST_STREAM with CANCEL', (raw, stream) => resetStream(raw, stream, 8)],
    ['the end of the session', ({ session }) => session.destroy()],
    ['a reset of the connection', ({ socket }) => void socket.resetAndDestroy()],
    ['a FIN', ({ socket }) => void socket.end()],
  ])('throws in the handler when it was cut short by %s', async (_, cut) => {
    const entered = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown>();
    await using rig = await openRig({
      uploadArtifact: async (requests) => {
        try {
          for await (const _ of requests) entered.resolve();
          ended.resolve('ended as if it were whole');
        } catch (error) {
          ended.resolve(error);
        }
        return {};
      },
    });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('UploadArtifact'));
    stream.write(chunk(10));
    await entered.promise;
    cut(raw, stream);
    expect(await ended.promise).toMatchObject({ code: Code.Canceled });
    expect(rig.server.unexpected).toEqual([]);
  });
});

describe('a download', () => {
  it('asks its handler for no more than the client takes', async () => {
    let asked = 0;
    await using rig = await openRig({
      getArtifact: () => ({}),
      downloadArtifact: async function* () {
        for (; asked < 64; ) {
          asked++;
          yield { part: { case: 'chunk', value: someBytes(1024 * 1024) } };
        }
      },
    });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('DownloadArtifact'));
    stream.end(framed(Buffer.alloc(0)));
    await once(stream, 'response');
    await turns(rig, 20);
    expect(asked).toBe(1);
    const { messages } = await answerOf(stream);
    expect(asked).toBe(64);
    expect(messages).toHaveLength(64);
  });

  it('carries large and small pieces unchanged', async () => {
    const sizes = [0, 1, 127, 128, 16_384, 1024 * 1024];
    await using rig = await openRig({
      downloadArtifact: async function* () {
        yield { part: { case: 'artifact', value: { id: 'x' } } };
        for (const size of sizes) yield { part: { case: 'chunk', value: someBytes(size, size + 1) } };
      },
    });
    const parts = [];
    for await (const { part } of rig.client.downloadArtifact({})) parts.push(part);
    expect(parts[0]).toMatchObject({ case: 'artifact', value: { id: 'x' } });
    const chunks = parts.slice(1).map(({ value }) => Buffer.from(value as Uint8Array));
    expect(chunks).toEqual(sizes.map((size) => Buffer.from(someBytes(size, size + 1))));
  });

  it('stops its handler when the client cancels, wherever that is', async () => {
    const states: string[] = [];
    await using rig = await openRig({
      getArtifact: () => ({}),
      downloadArtifact: async function* (_, { signal }) {
        try {
          for (let at = 0; at < 1_000; at++) yield { part: { case: 'chunk', value: someBytes(100_000) } };
        } finally {
          states.push(`closed, aborted: ${signal.aborted}`);
        }
      },
    });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('DownloadArtifact'));
    stream.end(framed(Buffer.alloc(0)));
    await once(stream, 'response');
    stream.close(8);
    await eventually(() => states.length === 1);
    expect(states).toEqual(['closed, aborted: true']);
    expect(rig.server.unexpected).toEqual([]);
  });

  it('may fail after some messages, with what is wrong', async () => {
    await using rig = await openRig({
      downloadArtifact: async function* () {
        yield { part: { case: 'chunk', value: someBytes(10) } };
        throw toConnectError(new Failure('DATA_LOSS', 'the stored bytes are damaged'));
      },
    });
    let received = 0;
    const told = await refusal(async () => {
      for await (const _ of rig.client.downloadArtifact({})) received++;
    });
    expect(received).toBe(1);
    expect(told).toMatchObject({ code: 'DataLoss', reason: 'DATA_LOSS' });
  });
});

describe('a deadline', () => {
  it('aborts the handler’s signal and is told with its reason', async () => {
    const aborted = Promise.withResolvers<unknown>();
    await using rig = await openRig({
      getArtifact: async (_, { signal }) => {
        if (!signal.aborted) await once(signal, 'abort');
        aborted.resolve(signal.reason);
        throw signal.reason;
      },
    });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('GetArtifact'), { 'grpc-timeout': '20m' });
    stream.end(framed(Buffer.alloc(0)));
    const { status } = await answerOf(stream);
    expect(status).toBe(String(Code.DeadlineExceeded));
    expect(await aborted.promise).toMatchObject({ code: Code.DeadlineExceeded });
  });
});
