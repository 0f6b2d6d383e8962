/** Requests to the gRPC port that are no gRPC calls: what they are told, before anything is done. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type Methods, openRig, pathOf } from '../fake-service.ts';
import { framed, openRawConnection } from './raw-call.ts';

/** A call with these headers; what it is answered, and whether it reached its handler. */
async function ask(headers: Record<string, string>, body: Uint8Array = framed(new Uint8Array())) {
  let handled = 0;
  const methods: Methods = {
    getArtifact: () => {
      handled++;
      return {};
    },
  };
  await using rig = await openRig(methods);
  await using raw = await openRawConnection(rig.server.addresses.grpc);
  const stream = raw.call(pathOf('GetArtifact'), headers);
  let answer: Record<string, unknown> = {};
  const take = (found: object) => {
    answer = { ...answer, ...found };
  };
  stream.on('response', take).on('trailers', take).resume();
  // Of some methods node:http2 sends no body.
  if (stream.writable) stream.end(body);
  await once(stream, 'close');
  expect(rig.server.unexpected).toEqual([]);
  const details = Buffer.from(String(answer['grpc-status-details-bin'] ?? ''), 'base64').toString('latin1');
  return { answer, handled, details };
}

describe('the gRPC port', () => {
  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'QUERY', 'post'])(
    'refuses %s with 405',
    async (method) => {
      const { answer, handled, details } = await ask({ ':method': method });
      expect(answer).toMatchObject({ ':status': 405, allow: 'POST', 'grpc-status': '12' });
      expect(details).toContain('NOT_IMPLEMENTED');
      expect(handled).toBe(0);
    },
  );

  it.each([
    'application/grpc-web',
    'application/grpc-web+proto',
    'application/grpc-web-text',
    'application/grpc+json',
    'application/grpc+thrift',
    'application/grpc+protobuf',
    'application/grpcx',
    'application/grpc+',
    'application/json',
    'application/proto',
    '',
  ])('refuses the content type “%s” with 415', async (type) => {
    const { answer, handled, details } = await ask({ 'content-type': type });
    expect(answer).toMatchObject({ ':status': 415, 'accept-post': 'application/grpc', 'grpc-status': '12' });
    expect(String(answer['grpc-message'])).toMatch(/HTTP%20port/);
    expect(details).toContain('NOT_IMPLEMENTED');
    expect(handled).toBe(0);
  });

  it.each([
    'application/grpc',
    'application/grpc+proto',
    'Application/gRPC',
    'application/grpc; charset=utf-8',
  ])('takes the content type “%s”', async (type) => {
    const { answer, handled } = await ask({ 'content-type': type });
    expect(answer).toMatchObject({ ':status': 200, 'grpc-status': '0' });
    expect(handled).toBe(1);
  });

  it.each(['deflate', 'br', 'zstd', 'snappy', 'gzip, gzip', 'foo'])(
    'refuses the encoding %s, also of a message that is not compressed, and names those it takes',
    async (encoding) => {
      const { answer, handled, details } = await ask({ 'grpc-encoding': encoding });
      expect(answer).toMatchObject({
        ':status': 200,
        'grpc-status': '12',
        'grpc-accept-encoding': 'identity,gzip',
        'grpc-message': 'grpc-encoding:%20must%20be%20one%20of%20identity%20and%20gzip',
      });
      expect(details).toContain('NOT_IMPLEMENTED');
      expect(handled).toBe(0);
    },
  );

  it.each([{}, { 'grpc-encoding': 'gzip' }])(
    'says with every answer which encodings it takes',
    async (headers) => {
      expect((await ask(headers)).answer).toMatchObject({
        'grpc-status': '0',
        'grpc-encoding': 'identity',
        'grpc-accept-encoding': 'identity,gzip',
      });
    },
  );

  it.each([
    ['that says it is compressed, and nothing says how', {}, [1, 0, 0, 0, 2, 0x0a, 0], '13'],
    ['that says it is compressed, where none is', { 'grpc-encoding': 'identity' }, [1, 0, 0, 0, 0], '13'],
    ['with flags that there are not', {}, [2, 0, 0, 0, 0], '3'],
    ['with more flags than that', { 'grpc-encoding': 'gzip' }, [0x81, 0, 0, 0, 0], '3'],
    ['that is cut', {}, [0, 0, 0, 0, 3, 0x0a, 0], '3'],
    ['whose head is cut', {}, [0, 0, 0], '3'],
    ['that is cut after a whole one', {}, [0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1], '3'],
    ['whose head is cut after a whole one', {}, [0, 0, 0, 0, 0, 0], '3'],
    ['that is no gzip', { 'grpc-encoding': 'gzip' }, [1, 0, 0, 0, 2, 0x0a, 0], '3'],
  ] as const)('refuses a message %s', async (_what, headers, body, status) => {
    const { answer, handled, details } = await ask(headers, Buffer.from(body));
    expect(answer['grpc-status']).toBe(status);
    expect(details).toContain('INVALID_ARGUMENT');
    expect(handled).toBe(0);
  });
});
