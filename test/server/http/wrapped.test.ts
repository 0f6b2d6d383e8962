/** Calls with wrapped messages, over Connect and gRPC-Web, by hand: what connect-node refuses, and how streams are answered. */
import { gzipSync } from 'node:zlib';
import { create as createMessage, toBinary } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import { endStreamFromJson } from '@connectrpc/connect/protocol-connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { trailerParse } from '@connectrpc/connect/protocol-grpc-web';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { DownloadArtifactRequestSchema } from '../../../gen/artifacta/v1/content_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { UploadArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { WatchSessionRequestSchema } from '../../../gen/artifacta/v1/watch_pb.ts';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { limits } from '../../../src/domain/limits.ts';
import { byName, create } from '../../support/calls.ts';
import { closeChecked } from '../../support/service.ts';
import { framed } from '../grpc/raw-call.ts';
import { type HttpRig, openHttpRig } from './listeners.ts';
import { parseError } from './raw.ts';

async function opened(): Promise<HttpRig> {
  const rig = await openHttpRig();
  onTestFinished(() => closeChecked(rig));
  return rig;
}

interface Protocol {
  readonly type: string;
  readonly encoding: string;
  readonly accepted: string;
  /** Of the last message, which says how the call ended. */
  readonly error: (end: Buffer) => ConnectError | undefined;
}

const protocols: Readonly<Record<string, Protocol>> = {
  Connect: {
    type: 'application/connect+proto',
    encoding: 'connect-content-encoding',
    accepted: 'connect-accept-encoding',
    error: (end) => endStreamFromJson(end).error,
  },
  'gRPC-Web': {
    type: 'application/grpc-web+proto',
    encoding: 'grpc-encoding',
    accepted: 'grpc-accept-encoding',
    error: (end) => findTrailerError(trailerParse(end)),
  },
};

const flagged = (flags: number, message: Uint8Array) => {
  const whole = framed(message);
  whole[0] = flags;
  return whole;
};

const downloading = toBinary(
  DownloadArtifactRequestSchema,
  createMessage(DownloadArtifactRequestSchema, { artifact: byName('s', 'a') }),
);
const starting = toBinary(
  UploadArtifactRequestSchema,
  createMessage(UploadArtifactRequestSchema, {
    part: { case: 'start', value: { spec: { session: 's', name: 'b' } } },
  }),
);

const methods = {
  'a stream of answers': `${ArtifactService.typeName}/DownloadArtifact`,
  'a stream of requests': `${ArtifactService.typeName}/UploadArtifact`,
} as const;

describe.each(Object.keys(protocols))('over %s', (name) => {
  const { type, encoding, accepted, error } = protocols[name]!;

  async function ask(rig: HttpRig, method: string, body: Buffer, headers: Record<string, string> = {}) {
    const answer = await fetch(`${rig.url}/${method}`, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body: new Uint8Array(body),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    let end = Buffer.alloc(0);
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt32BE(at + 1);
      end = bytes.subarray(at + 5, at + 5 + length);
      at += 5 + length;
    }
    const failed = error(end);
    return {
      answer,
      code: failed?.code,
      message: failed?.rawMessage,
      reason: failed?.findDetails(ErrorInfoSchema)[0]?.reason,
    };
  }

  describe.each(Object.entries(methods))('%s', (_kind, method) => {
    const message = method.endsWith('UploadArtifact') ? starting : downloading;

    it.each([
      [
        'says it is compressed, and nothing says how',
        {},
        flagged(1, gzipSync(message)),
        13,
        'INVALID_ARGUMENT',
      ],
      [
        'says it is compressed, where none is',
        { [encoding]: 'identity' },
        flagged(1, Buffer.alloc(0)),
        13,
        'INVALID_ARGUMENT',
      ],
      ['is no gzip', { [encoding]: 'gzip' }, flagged(1, message), 3, 'INVALID_ARGUMENT'],
      [
        'is cut within its gzip',
        { [encoding]: 'gzip' },
        flagged(1, gzipSync(message).subarray(0, 20)),
        3,
        'INVALID_ARGUMENT',
      ],
      ['has unknown flags', {}, flagged(0x40, message), 3, 'INVALID_ARGUMENT'],
      ['is cut', {}, framed(message).subarray(0, 7), 3, 'INVALID_ARGUMENT'],
      [
        'is cut and compressed',
        { [encoding]: 'gzip' },
        flagged(1, gzipSync(message)).subarray(0, 12),
        3,
        'INVALID_ARGUMENT',
      ],
      ['is none', {}, framed(Buffer.from([0xff, 0xff])), 3, 'INVALID_ARGUMENT'],
      ['claims too much', {}, Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), 8, 'MESSAGE_TOO_LARGE'],
      [
        'holds too much',
        { [encoding]: 'gzip' },
        flagged(1, gzipSync(Buffer.alloc(limits.messageBytesMax + 1))),
        8,
        'MESSAGE_TOO_LARGE',
      ],
    ] as const)('is refused if a message %s', async (_what, headers, body, code, reason) => {
      const rig = await opened();
      await create(rig, { session: 's', name: 'a' }, 'x');
      expect(await ask(rig, method, Buffer.from(body), headers)).toMatchObject({ code, reason });
      expect(rig.calls.map((call) => call.error)).toEqual(rig.calls.map(() => undefined));
      expect(rig.calls.map((call) => call.outcome)).not.toContain('INTERNAL');
      expect(rig.server.unexpected).toEqual([]);
    });

    it.each(['br', 'deflate', 'zstd'])(
      'in the encoding %s is refused, and told of others',
      async (unknown) => {
        const rig = await opened();
        const refused = await ask(rig, method, flagged(1, message), { [encoding]: unknown });
        expect(refused).toMatchObject({ code: 12, reason: 'NOT_IMPLEMENTED' });
        expect(refused.message).toBe(`${encoding}: must be one of identity and gzip`);
        expect(refused.answer.headers.get(accepted)).toBe('identity,gzip');
        expect(rig.calls).toEqual([]);
        expect(rig.server.unexpected).toEqual([]);
      },
    );

    it('that is compressed as a whole is refused', async () => {
      const rig = await opened();
      const body = gzipSync(framed(message));
      expect(await ask(rig, method, body, { 'content-encoding': 'gzip' })).toMatchObject({
        code: 12,
        reason: 'NOT_IMPLEMENTED',
      });
    });
  });

  it.each([
    ['no message', Buffer.alloc(0)],
    ['two messages', Buffer.concat([framed(downloading), framed(downloading)])],
  ])('a reason is told for a stream that was asked for with %s', async (_what, body) => {
    const rig = await opened();
    expect(await ask(rig, methods['a stream of answers'], body)).toMatchObject({
      code: 3,
      reason: 'INVALID_ARGUMENT',
    });
  });

  it('errors of handlers are as they were', async () => {
    const rig = await opened();
    expect(await ask(rig, methods['a stream of answers'], framed(downloading))).toMatchObject({
      code: 5,
      reason: 'SESSION_NOT_FOUND',
    });
  });

  it('a compressed request is answered without compression', async () => {
    const rig = await opened();
    await create(rig, { session: 's', name: 'a' }, 'x'.repeat(5_000));
    const { answer, code } = await ask(
      rig,
      methods['a stream of answers'],
      flagged(1, gzipSync(downloading)),
      { [encoding]: 'gzip', [accepted]: 'gzip', 'accept-encoding': 'gzip' },
    );
    expect(code).toBeUndefined();
    expect(answer.headers.get(encoding)).toBeNull();
    expect(answer.headers.get('content-encoding')).toBeNull();
  });

  it('a watch is answered at once, in a way that proxies do not hold back', async () => {
    const rig = await opened();
    await create(rig, { session: 's', name: 'a' }, 'x');
    const given = new AbortController();
    const request = createMessage(WatchSessionRequestSchema, { session: 's', afterSequence: 1n });
    const answer = await fetch(`${rig.url}/${SessionService.typeName}/WatchSession`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: new Uint8Array(framed(toBinary(WatchSessionRequestSchema, request))),
      signal: given.signal,
    });
    expect(answer.headers.get('x-accel-buffering')).toBe('no');
    const { value } = await answer.body!.getReader().read();
    expect(value!.length).toBeGreaterThan(5);
    given.abort();
    await expect.poll(() => rig.calls.at(-1)?.outcome).toBe('CANCELLED');
  });
});

describe('Connect GET', () => {
  const get = (rig: HttpRig, query: Record<string, string>) =>
    fetch(`${rig.url}/${ArtifactService.typeName}/ListArtifacts?${new URLSearchParams(query)}`);
  const packed = (text: string | Buffer) => gzipSync(text).toString('base64url');

  it('takes a compressed message, and refuses what it does not know', async () => {
    const rig = await opened();
    await create(rig, { session: 's', name: 'a' }, 'x');
    const asked = { encoding: 'json', base64: '1', connect: 'v1' };
    const message = packed('{"session": "s"}');
    const answer = await get(rig, { ...asked, compression: 'gzip', message });
    expect(await answer.json()).toMatchObject({ artifacts: [{ name: 'a' }] });
    expect((await get(rig, { ...asked, compression: 'br', message })).status).toBe(501);
    expect((await get(rig, { ...asked, compression: 'gzip', message: 'e30' })).status).toBe(400);
    const bomb = await get(rig, { ...asked, compression: 'gzip', message: packed(Buffer.alloc(3_000_000)) });
    expect(bomb.status).toBe(429);
    expect(await bomb.json()).toMatchObject({ code: 'resource_exhausted' });
  });
});

it('a message that is none is the caller’s fault over Connect without a stream, too', async () => {
  const rig = await opened();
  const answer = await fetch(`${rig.url}/${ArtifactService.typeName}/GetArtifact`, {
    method: 'POST',
    headers: { 'content-type': 'application/proto' },
    body: new Uint8Array([0xff, 0xff]),
  });
  expect(answer.status).toBe(400);
  expect(parseError(await answer.text())).toMatchObject({
    code: 'invalid_argument',
    reason: 'INVALID_ARGUMENT',
    fields: ['request'],
  });
});
