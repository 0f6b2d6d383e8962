/** The adapter between gRPC and Connect handlers: messages, headers, errors. */

import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import {
  GetArtifactRequestSchema,
  GetArtifactResponseSchema,
} from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { BadRequestSchema, ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { toConnectError } from '../../../src/api/errors.ts';
import { Failure } from '../../../src/domain/errors.ts';
import { limits } from '../../../src/domain/limits.ts';
import { refusal, someBytes } from '../../support/calls.ts';
import { openRig, pathOf } from '../fake-service.ts';
import { answerOf, framed, openRawConnection } from './raw-call.ts';

const known = { by: { case: 'id' as const, value: 'known' } };

describe('a unary call', () => {
  it('carries messages, headers and trailers both ways', async () => {
    await using rig = await openRig({
      getArtifact: (request, context) => {
        context.responseHeader.set('x-echo', context.requestHeader.get('x-text') ?? '');
        context.responseHeader.set('x-echo-bin', context.requestHeader.get('x-raw-bin') ?? '');
        context.responseTrailer.set('x-left', 'some');
        expect(context.method.name).toBe('GetArtifact');
        expect(context.timeoutMs()).toBeGreaterThan(8_000);
        return { artifact: { id: request.artifact?.by.value as string } };
      },
    });
    let header = new Headers();
    let trailer = new Headers();
    const answer = await rig.client.getArtifact(
      { artifact: known },
      {
        headers: { 'x-text': 'abc', 'x-raw-bin': Buffer.from([0, 255, 1]).toString('base64') },
        timeoutMs: 9_000,
        onHeader: (found) => {
          header = found;
        },
        onTrailer: (found) => {
          trailer = found;
        },
      },
    );
    expect(answer.artifact?.id).toBe('known');
    expect(header.get('x-echo')).toBe('abc');
    expect(Buffer.from(header.get('x-echo-bin') ?? '', 'base64')).toEqual(Buffer.from([0, 255, 1]));
    expect(trailer.get('x-left')).toBe('some');
  });

  it('can be made by a grpc-js client', async () => {
    await using rig = await openRig({ getArtifact: () => ({ artifact: { id: 'x' } }) });
    const client = new Client(rig.server.addresses.grpc, credentials.createInsecure());
    const bytes = await new Promise<Buffer | undefined>((resolve, reject) => {
      client.makeUnaryRequest(
        pathOf('GetArtifact'),
        (message: Buffer) => message,
        (message: Buffer) => message,
        Buffer.from(toBinary(GetArtifactRequestSchema, create(GetArtifactRequestSchema, {}))),
        new Metadata(),
        {},
        (error: ServiceError | null, value?: Buffer) => (error === null ? resolve(value) : reject(error)),
      );
    });
    client.close();
    const expected = create(GetArtifactResponseSchema, { artifact: { id: 'x' } });
    expect(bytes).toEqual(Buffer.from(toBinary(GetArtifactResponseSchema, expected)));
  });

  it('to a method that is not implemented says so', async () => {
    await using rig = await openRig({});
    await expect(rig.client.getArtifact({})).rejects.toMatchObject({ code: Code.Unimplemented });
  });
});

describe('an error', () => {
  it('arrives with its code, message and details', async () => {
    await using rig = await openRig({
      getArtifact: () => {
        throw toConnectError(
          new Failure('SESSION_SEALED', 'the session „漢字“ is sealed: 100 %\n\ud800', {
            metadata: { session: 'run_42' },
            violations: [{ field: 'start.spec.session', description: 'sealed' }],
          }),
        );
      },
    });
    const error = await rig.client.getArtifact({}).catch((reason: unknown) => reason);
    if (!(error instanceof ConnectError)) throw new Error('not refused');
    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.rawMessage).toBe('the session „漢字“ is sealed: 100 %\n\ufffd');
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: 'SESSION_SEALED', domain: 'artifacta', metadata: { session: 'run_42' } },
    ]);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([
      { field: 'start.spec.session', description: 'sealed' },
    ]);
  });

  it('that is too long for a header is shortened, and keeps its reason', async () => {
    await using rig = await openRig({
      getArtifact: () => {
        const description = '漢'.repeat(20_000);
        throw toConnectError(
          new Failure('INVALID_ARGUMENT', description, { violations: [{ field: 'x', description }] }),
        );
      },
    });
    const { reason, message } = await refusal(rig.client.getArtifact({}));
    expect(reason).toBe('INVALID_ARGUMENT');
    expect(message).toMatch(/^漢{50,200}\.\.\.$/);
  });

  it('that nobody foresaw is withheld from the caller and reported here', async () => {
    const bug = new TypeError('the secret is 42');
    await using rig = await openRig({
      getArtifact: () => {
        throw bug;
      },
      downloadArtifact: async function* () {
        throw bug;
      },
    });
    const download = async () => {
      for await (const _ of rig.client.downloadArtifact({})) throw new Error('nothing is sent');
    };
    for (const call of [() => rig.client.getArtifact({}), download]) {
      const told = await refusal(call);
      expect(told).toMatchObject({ code: 'Internal', reason: 'INTERNAL' });
      expect(JSON.stringify(told)).not.toContain('42');
    }
    expect(rig.server.unexpected).toEqual([
      { error: bug, method: 'artifacta.v1.ArtifactService/GetArtifact' },
      { error: bug, method: 'artifacta.v1.ArtifactService/DownloadArtifact' },
    ]);
  });
});

describe('a request that cannot be read', () => {
  // Field 1 (the reference) holding field 1 (the id) with a byte that is not UTF-8.
  const badText = Buffer.from([0x0a, 0x03, 0x0a, 0x01, 0xff]);
  const truncated = Buffer.from([0x0a, 0x7f, 0x01]);

  it.each([
    ['truncated', truncated, /^request: must be a message of artifacta\.v1\./],
    ['not UTF-8', badText, /^artifact\.id: must be text in UTF-8$/],
  ])('because it is %s is the caller’s mistake', async (_, bytes, told) => {
    await using rig = await openRig({ getArtifact: () => ({}), downloadArtifact: async function* () {} });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    for (const method of ['GetArtifact', 'DownloadArtifact']) {
      const stream = raw.call(pathOf(method));
      stream.end(framed(bytes));
      const answer = await answerOf(stream);
      expect(answer.status).toBe(String(Code.InvalidArgument));
      expect(decodeURIComponent(answer.message ?? '')).toMatch(told);
    }
    expect(rig.server.unexpected).toEqual([]);
  });

  it('in the middle of a stream fails the iteration', async () => {
    let seen: unknown;
    await using rig = await openRig({
      uploadArtifact: async (requests) => {
        try {
          for await (const _ of requests);
        } catch (error) {
          seen = error;
          throw error;
        }
        return {};
      },
    });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('UploadArtifact'));
    stream.write(framed(Buffer.alloc(0)));
    stream.write(framed(truncated));
    expect((await answerOf(stream)).status).toBe(String(Code.InvalidArgument));
    expect(seen).toBeInstanceOf(ConnectError);
  });
});

describe('what ends a call', () => {
  it.each([
    ['well', { getArtifact: () => ({}) }],
    [
      'with an error',
      {
        getArtifact: () => {
          throw toConnectError(new Failure('ARTIFACT_NOT_FOUND', 'no such artifact'));
        },
      },
    ],
  ])('%s has a message only with an error, and base64 without padding', async (ends, methods) => {
    await using rig = await openRig({
      getArtifact: (_request, context) => {
        context.responseHeader.set('x-head-bin', 'AA==');
        for (const value of ['AA==', 'AAA=']) context.responseTrailer.append('x-tail-bin', value);
        return methods.getArtifact();
      },
    });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call('/artifacta.v1.ArtifactService/GetArtifact');
    const received: Record<string, unknown>[] = [];
    for (const event of ['response', 'trailers']) stream.on(event, (headers) => received.push(headers));
    stream.end(Buffer.alloc(5)).resume();
    await once(stream, 'close');
    const all = Object.assign({}, ...received);
    expect(all['x-head-bin']).toBe('AA');
    expect(all['x-tail-bin']).toBe('AA, AAA');
    expect(all['grpc-message']).toBe(ends === 'well' ? '' : 'no%20such%20artifact');
    expect(String(all['grpc-status-details-bin'])).not.toContain('=');
  });
});

describe('a method that there is not', () => {
  it.each([
    ['/artifacta.v1.ArtifactService/Nothing'],
    ['/no.such.Service/Method'],
    ['/'],
    [`/${'x'.repeat(10_000)}`],
    ['/\u00e9\u00fc%0d%0a'],
  ])('is refused with our reason, and the server goes on: %s', async (path) => {
    await using rig = await openRig({ getArtifact: () => ({}) });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(path);
    const trailers = new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve));
    stream.end().resume();
    const found = await trailers;
    expect(found['grpc-status']).toBe('12');
    expect(found['grpc-message']).toBe('this method does not exist');
    const details = Buffer.from(String(found['grpc-status-details-bin']), 'base64').toString('latin1');
    expect(details).toContain('NOT_IMPLEMENTED');
    await rig.client.getArtifact({});
  });
});

describe('a message', () => {
  it('above the limit is refused with our reason, and one at the limit is not', async () => {
    await using rig = await openRig({
      createArtifact: ({ content }) => ({
        receipt: { bytesSaved: BigInt((content.value as Uint8Array).length) },
      }),
    });
    const send = (size: number) =>
      rig.client.createArtifact({ content: { case: 'data', value: someBytes(size) } });
    // Two bytes of tag and length more than the content, and two more for its length.
    const largest = limits.messageBytesMax - 5;
    expect((await send(largest)).receipt?.bytesSaved).toBe(BigInt(largest));
    expect(await refusal(send(limits.messageBytesMax))).toMatchObject({
      code: 'ResourceExhausted',
      reason: 'MESSAGE_TOO_LARGE',
    });
  });

  it('that claims four gigabytes is refused at its header', async () => {
    await using rig = await openRig({ getArtifact: () => ({}) });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('GetArtifact'));
    stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
    expect((await answerOf(stream)).status).toBe(String(Code.ResourceExhausted));
  });

  it('that grows beyond the limit when it is unpacked is refused, and the next one is served', async () => {
    await using rig = await openRig({ createArtifact: () => ({}) });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(100_000);
    const packed = framed(bomb);
    packed[0] = 1;
    const stream = raw.call(pathOf('CreateArtifact'), { 'grpc-encoding': 'gzip' });
    stream.end(packed);
    expect((await answerOf(stream)).status).toBe(String(Code.ResourceExhausted));
    await rig.client.createArtifact({});
  });

  it('that is compressed in an unknown way is refused', async () => {
    await using rig = await openRig({ getArtifact: () => ({}) });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('GetArtifact'), { 'grpc-encoding': 'br' });
    stream.end(Buffer.from([1, 0, 0, 0, 1, 0]));
    expect((await answerOf(stream)).status).toBe(String(Code.Unimplemented));
  });

  it('may come in pieces of one byte', async () => {
    await using rig = await openRig({
      getArtifact: (request) => ({ artifact: { id: request.artifact?.by.value as string } }),
    });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const by = { case: 'id' as const, value: 'x'.repeat(600) };
    const stream = raw.call(pathOf('GetArtifact'));
    for (const byte of framed(
      toBinary(GetArtifactRequestSchema, create(GetArtifactRequestSchema, { artifact: { by } })),
    ))
      stream.write(Buffer.of(byte));
    stream.end();
    const { messages, status } = await answerOf(stream);
    expect(status).toBe('0');
    expect(messages).toEqual([
      Buffer.from(
        toBinary(
          GetArtifactResponseSchema,
          create(GetArtifactResponseSchema, { artifact: { id: by.value } }),
        ),
      ),
    ]);
  });

  it.each([0, 2])('is needed exactly once: %i are refused', async (count) => {
    await using rig = await openRig({ getArtifact: () => ({}) });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('GetArtifact'));
    stream.end(Buffer.concat(Array.from({ length: count }, () => framed(Buffer.from([0x0a, 0])))));
    expect((await answerOf(stream)).status).toBe(String(Code.InvalidArgument));
  });
});
