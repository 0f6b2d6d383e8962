/** A message that would take long to decode is refused before it is decoded, by every protocol and whoever calls. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { BatchGetArtifactsRequest } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import type { UploadArtifactRequest } from '../../gen/artifacta/v1/upload_pb.ts';
import { limits } from '../../src/domain/limits.ts';
import { refusal } from '../support/calls.ts';
import { closeChecked, type OpenService } from '../support/service.ts';
import { openRig, pathOf } from './fake-service.ts';
import { openGrpcService, openSocketService } from './grpc/listeners.ts';
import { answerOf, framed, openRawConnection } from './grpc/raw-call.ts';
import { openHttpService } from './http/listeners.ts';

const { messageFieldsMax: most, messageTextBytesMax: textMost } = limits;
const tooMany = `request: must have at most ${most} fields and elements, nested at most 100 deep`;
const tooLong = `request: must have no text of more than ${textMost} bytes`;
const refused = { code: 'InvalidArgument', reason: 'INVALID_ARGUMENT', fields: ['request'] };

const listeners: Record<string, OpenService> = {
  gRPC: openGrpcService,
  'the socket': openSocketService,
  Connect: openHttpService('Connect'),
  'Connect with JSON': openHttpService('Connect with JSON'),
  'gRPC-Web': openHttpService('gRPC-Web'),
};

async function* one<T>(message: T): AsyncGenerator<T> {
  yield message;
}

describe.each(Object.entries(listeners))('by %s', (_name, open) => {
  const opened = async () => {
    const service = await open();
    onTestFinished(() => closeChecked(service));
    return service.artifacts;
  };
  const many = (count: number) => Array.from({ length: count }, () => 'x');

  it('one message with too many fields is refused', async () => {
    const artifacts = await opened();
    const spec = { session: 's', name: 'a', inputs: many(2 * most) };
    const calls = [
      () => artifacts.batchGetArtifacts({ artifacts: many(2 * most).map(() => ({})) }),
      () => artifacts.createArtifact({ spec }),
      () => artifacts.uploadArtifact(one({ part: { case: 'start' as const, value: { spec } } })),
      () => artifacts.updateArtifact({ updateMask: { paths: many(2 * most) } }),
      () =>
        Array.fromAsync(
          artifacts.downloadArtifact({ artifact: { by: { case: 'id', value: 'x'.repeat(100_000) } } }),
        ),
      () => artifacts.getArtifact({ artifact: { by: { case: 'id', value: 'x'.repeat(textMost + 1) } } }),
    ];
    const messages = [tooMany, tooMany, tooMany, tooMany, tooLong, tooLong];
    for (const [at, call] of calls.entries())
      expect(await refusal(call)).toMatchObject({ ...refused, message: messages[at] });
  });

  it('what the limits allow is not', async () => {
    const artifacts = await opened();
    const columns = many(limits.csvColumnsMax);
    const csv = { case: 'csv' as const, value: { columns } };
    expect(
      await refusal(artifacts.readArtifact({ artifact: { by: { case: 'id', value: 'x' } }, window: csv })),
    ).toMatchObject({ fields: ['artifact.id'] });
    const data = new Uint8Array(limits.inlineRequestBytesMax);
    const made = artifacts.createArtifact({
      spec: { session: 's', name: 'a' },
      content: { case: 'data', value: data },
    });
    expect((await made).artifact?.sizeBytes).toBe(BigInt(data.length));
  });
});

/** Counts what decoders are given meanwhile. */
function countDecoding() {
  const counted = { tags: 0, characters: 0 };
  const { tag } = BinaryReader.prototype;
  const { parse } = JSON;
  BinaryReader.prototype.tag = function (this: BinaryReader) {
    counted.tags++;
    return tag.call(this);
  };
  JSON.parse = (json: string, ...rest: unknown[]) => {
    counted.characters += json.length;
    return Reflect.apply(parse, JSON, [json, ...rest]);
  };
  onTestFinished(() => {
    BinaryReader.prototype.tag = tag;
    JSON.parse = parse;
  });
  return counted;
}

async function served() {
  const seen: (BatchGetArtifactsRequest | UploadArtifactRequest)[] = [];
  const rig = await openRig(
    {
      batchGetArtifacts: (request) => {
        seen.push(request);
        return {};
      },
      uploadArtifact: async (requests) => {
        for await (const request of requests) seen.push(request);
        return {};
      },
    },
    { http: { host: '127.0.0.1', port: 0 } },
  );
  onTestFinished(() => rig[Symbol.asyncDispose]());
  return { seen, grpc: rig.server.addresses.grpc, http: rig.server.addresses.http! };
}

async function postTo(
  http: string,
  method: string,
  type: string,
  body: Uint8Array,
  more = {},
): Promise<string> {
  const headers = { 'content-type': type, 'connect-protocol-version': '1', ...more };
  const answer = await fetch(`http://${http}${pathOf(method)}`, {
    method: 'POST',
    headers,
    body: Buffer.from(body),
  });
  return `${JSON.stringify([...answer.headers])} ${decodeURIComponent((await answer.text()).replaceAll('%', '%25'))}`;
}

const references = (count: number) => Buffer.alloc(2 * count, Buffer.from([0x0a, 0]));
const unknown = (count: number) => Buffer.alloc(3 * count, Buffer.from([0xf8, 7, 0]));
const groups = (count: number) => Buffer.alloc(4 * count, Buffer.from([0xfb, 7, 0xfc, 7]));
const json = (count: number) => Buffer.from(`{"artifacts":[${Array(count).fill('{}').join(',')}]}`);

describe('no decoder is given', () => {
  it.each([
    ['references', 'BatchGetArtifacts', references(400_000)],
    ['unknown fields', 'UploadArtifact', unknown(250_000)],
    ['groups', 'UploadArtifact', groups(250_000)],
  ])('%s by gRPC and gRPC-Web', async (_name, method, body) => {
    const { seen, grpc, http } = await served();
    const counted = countDecoding();
    await using raw = await openRawConnection(grpc);
    const stream = raw.call(pathOf(method));
    stream.end(framed(body));
    expect(await answerOf(stream)).toMatchObject({ status: '3', message: encodeURI(tooMany) });
    expect(await postTo(http, method, 'application/grpc-web+proto', framed(body))).toContain('grpc-status');
    expect(seen).toEqual([]);
    // By each, the fields that were counted, and the few of the refusal.
    expect(counted.tags).toBeLessThan(2 * 2 * (most + 16));
  });

  it.each([
    ['references', 'BatchGetArtifacts', 'application/proto', references(400_000)],
    ['unknown fields', 'UploadArtifact', 'application/connect+proto', framed(unknown(250_000))],
    ['objects', 'BatchGetArtifacts', 'application/json', json(300_000)],
    ['objects of a stream', 'UploadArtifact', 'application/connect+json', framed(json(300_000))],
    ['openings', 'BatchGetArtifacts', 'application/json; charset=utf-8', Buffer.alloc(400_000, '[')],
  ])('%s by Connect', async (_name, method, type, body) => {
    const { seen, http } = await served();
    const counted = countDecoding();
    expect(await postTo(http, method, type, body)).toContain(tooMany);
    expect(seen).toEqual([]);
    expect(counted.tags).toBeLessThan(2 * (most + 1));
    expect(counted.characters).toBeLessThan(10_000);
  });

  it('what has unknown flags, by Connect', async () => {
    const { seen, http } = await served();
    const counted = countDecoding();
    const body = Buffer.concat([Buffer.from([4]), framed(unknown(250_000)).subarray(1)]);
    expect(await postTo(http, 'UploadArtifact', 'application/connect+proto', body)).toContain('flags');
    expect(seen).toEqual([]);
    expect(counted.tags).toBeLessThan(16);
  });

  it('objects that are said not to be compressed', async () => {
    const { seen, http } = await served();
    for (const encoding of ['identity', 'Identity', ''])
      await postTo(http, 'BatchGetArtifacts', 'application/json', json(300_000), {
        'content-encoding': encoding,
      });
    expect(seen).toEqual([]);
  });

  it('what a GET asks for', async () => {
    const { seen, http } = await served();
    const ask = async (query: string) =>
      (await fetch(`http://${http}${pathOf('BatchGetArtifacts')}?connect=v1&${query}`)).text();
    const binary = (count: number) =>
      `encoding=proto&base64=1&message=${references(count).toString('base64url')}`;
    expect(await ask(binary(5_000))).toContain(tooMany);
    expect(await ask(`encoding=json&message=${encodeURIComponent(String(json(2_100)))}`)).toContain(tooMany);
    expect(seen).toEqual([]);
    expect(await ask(binary(2_000))).toBe('');
    expect(await ask(`encoding=json&message=${encodeURIComponent(String(json(10)))}`)).toBe('{}');
    expect(seen.length).toBe(2);
  });

  it('what is compressed, without having been looked at', async () => {
    const { seen, http } = await served();
    await postTo(http, 'BatchGetArtifacts', 'application/json', gzipSync(json(300_000)), {
      'content-encoding': 'gzip',
    });
    await postTo(http, 'BatchGetArtifacts', 'application/proto', gzipSync(references(400_000)), {
      'content-encoding': 'gzip',
    });
    for (const type of ['application/connect+proto', 'application/grpc-web+proto']) {
      const body = framed(gzipSync(unknown(250_000)));
      body[0] = 1;
      await postTo(http, 'UploadArtifact', type, body, {
        'connect-content-encoding': 'gzip',
        'grpc-encoding': 'gzip',
      });
    }
    expect(seen).toEqual([]);
  });
});

it('messages come whole, however they are cut', async () => {
  const { seen, http } = await served();
  const chunk = (size: number) =>
    Buffer.concat([Buffer.from([0x12, 0x80 | (size & 127), size >> 7]), Buffer.alloc(size, 1)]);
  const body = Buffer.concat([
    framed(chunk(300)),
    framed(Buffer.alloc(0)),
    framed(chunk(9_000)),
    framed(references(0)),
  ]);
  for (const size of [1, 3, 5, 6, 700, 20_000]) {
    seen.length = 0;
    const socket = connect(Number(http.split(':')[1]), '127.0.0.1');
    const answer = text(socket);
    socket.write(
      `POST ${pathOf('UploadArtifact')} HTTP/1.1\r\nhost: ${http}\r\nconnection: close\r\nconnect-protocol-version: 1\r\n` +
        `content-type: application/connect+proto\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    for (let at = 0; at < body.length; at += size) socket.write(body.subarray(at, at + size));
    expect(await answer).toMatch(/^HTTP\/1.1 200/);
    const sizes = seen.map((message) =>
      'part' in message && message.part.case === 'chunk' ? message.part.value.length : -1,
    );
    expect(sizes).toEqual([300, -1, 9_000, -1]);
  }
});

it('unknown fields are not kept', async () => {
  const { seen, grpc, http } = await served();
  await using raw = await openRawConnection(grpc);
  const stream = raw.call(pathOf('UploadArtifact'));
  stream.end(framed(unknown(100)));
  expect((await answerOf(stream)).status).toBe('0');
  await postTo(http, 'UploadArtifact', 'application/connect+proto', framed(unknown(100)));
  await postTo(http, 'UploadArtifact', 'application/grpc-web+proto', framed(unknown(100)));
  await postTo(http, 'BatchGetArtifacts', 'application/proto', unknown(100));
  expect(seen.map(({ $unknown }) => $unknown)).toEqual([undefined, undefined, undefined, undefined]);
});
