/**
 * Messages that cannot be decoded, over every protocol: what is told of them is in words of this service, and says which
 * field is at fault. None of a library's words reach a caller.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { hasOpenssl } from '../../support/certificates.ts';
import { removeDirectory } from '../../support/directories.ts';
import { closeChecked } from '../../support/service.ts';
import { pathOf } from '../fake-service.ts';
import { framed } from '../grpc/raw-call.ts';
import { type HttpRig, openHttpRig } from '../http/listeners.ts';
import { openTestTls } from '../tls-listeners.ts';
import {
  type Answer,
  connectUnary,
  httpAsks,
  type Listening,
  type Protocol,
  type Way,
  ways,
} from './ways.ts';

let directory: string;
let clear: HttpRig;
let secure: HttpRig | undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'artifacta-bad-messages-'));
  clear = await openHttpRig({}, { socket: join(directory, 'run', 'sock') });
  if (hasOpenssl()) secure = await openHttpRig({}, { tls: await openTestTls() });
});
afterAll(async () => {
  await closeChecked(clear);
  if (secure !== undefined) await closeChecked(secure);
  removeDirectory(directory);
});

const listening: Listening = {
  http: () => clear.url,
  https: hasOpenssl() ? () => secure!.url.replace('http:', 'https:') : undefined,
  grpc: () => `http://${clear.server.addresses.grpc}`,
  socket: () => clear.server.addresses.socket!,
};

/** Words of libraries, or of whoever programs with them. */
const foreign =
  /cannot decode|Unexpected|is not valid JSON|Invalid|invalid wire|premature|illegal tag|protocol error|parse binary|promised|received|position \d|recursion|base64 string|RFC 3339 string|from JSON|RangeError|TypeError|undefined|\[object|incorrect header|unexpected end of file|Buffer|bigint|set multiple times/;

interface Told {
  readonly code: number | undefined;
  readonly message: string;
  readonly reason: string | undefined;
  readonly fields: readonly string[];
}

function toldBy(protocol: Protocol, answer: Answer): Told {
  const error = protocol.error(answer);
  const message = error?.rawMessage ?? '';
  const violations = error?.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  expect(message).not.toMatch(foreign);
  for (const { field, description } of violations) expect(message).toBe(`${field}: ${description}`);
  return {
    code: error?.code,
    message,
    reason: error?.findDetails(ErrorInfoSchema)[0]?.reason,
    fields: violations.map(({ field }) => field),
  };
}

async function tell({ ask, protocol }: Way, method: string, body: Uint8Array, more = {}): Promise<Told> {
  const headers = { 'content-type': protocol.type, ...more };
  return toldBy(protocol, await ask(pathOf(method), headers, body));
}

const refusedWith = (message: string) => {
  const [field] = message.split(': ');
  return { code: 3, message, reason: 'INVALID_ARGUMENT', fields: [field] };
};

const time = 'must be a valid time in the format of RFC 3339, e.g. 2027-02-28T12:00:00Z';
const duration =
  'must be seconds with at most nine digits after the point and an "s" at the end, e.g. "3.5s"';
const int64 = 'must be a whole number from -9223372036854775808 to 9223372036854775807';
const int32 = 'must be a whole number from -2147483648 to 2147483647';
const text = 'must be a string of valid Unicode, in quotes';
const specFields =
  'session, name, content_type, metadata, labels, inputs, ttl, expire_time, request_id, new_version, size_bytes, sha256';

const spec = (json: string) => `{"spec":{${json}}}`;
const times = [
  '2027-01-01T23:59:60Z',
  '2027-01-01T00:00:00+24:00',
  '2027-02-30T00:00:00Z',
  '2027-13-01T00:00:00Z',
  '2027-01-01',
  '2027-01-01 00:00:00Z',
  '2027-01-01T00:00:00',
  '0000-01-01T00:00:00Z',
  '2027-01-01T00:00:00.1234567890Z',
  'tomorrow',
  '',
];
const durations = ['5', '5m', '5s ', '5sx', '1.0000000001s', '999999999999999s', '1e3s', 's', '', '-s'];

/** Of CreateArtifact. */
const badJson: readonly (readonly [json: string | Buffer, message: string])[] = [
  ['', 'request: must be a JSON object, not empty; send {} for a message without fields'],
  ['\ufeff', 'request: must be a JSON object, not empty; send {} for a message without fields'],
  ['{', 'request: must be a JSON object: expected a key in quotes at byte 1, where it ends'],
  ['{"spec":}', 'request: must be a JSON object: expected a value at byte 8'],
  ['{"spec":{} "data":""}', 'request: must be a JSON object: expected "," or "}" at byte 11'],
  ['{spec:{}}', 'request: must be a JSON object: expected a key in quotes at byte 1'],
  ["{'spec':{}}", 'request: must be a JSON object: expected a key in quotes at byte 1'],
  ['{"spec":{},}', 'request: must be a JSON object: expected a key in quotes at byte 11'],
  ['{} {}', 'request: must be a JSON object: expected the end at byte 3'],
  ['{"data":"\\x"}', 'request: must be a JSON object: expected an escape at byte 10'],
  ['undefined', 'request: must be a JSON object: expected a value at byte 0'],
  ['spec=1&x=2', 'request: must be a JSON object: expected a value at byte 0'],
  [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'request: must be a JSON object in UTF-8'],
  ...['null', '[]', '"x"', '1', 'true'].map((json) => [json, 'request: must be a JSON object'] as const),
  ['{"spec":[]}', 'spec: must be a JSON object'],
  ['{"spec":"x"}', 'spec: must be a JSON object'],
  [
    '{"spce":{}}',
    'spce: must be a field of artifacta.v1.CreateArtifactRequest; its fields are spec, data, digest',
  ],
  ['{"":{}}', '"": must be a field of artifacta.v1.CreateArtifactRequest; its fields are spec, data, digest'],
  [
    '{"__proto__":{}}',
    '__proto__: must be a field of artifacta.v1.CreateArtifactRequest; its fields are spec, data, digest',
  ],
  [
    spec('"sesion":"s"'),
    `spec.sesion: must be a field of artifacta.v1.ArtifactSpec; its fields are ${specFields}`,
  ],
  ['{"data":"","data":""}', 'request: must have each key only once in an object; data occurs twice'],
  [spec('"content_type":"a/b","contentType":"a/b"'), 'spec.content_type: must be given only once'],
  ['{"data":"","digest":{}}', 'digest: must not be given together with data'],
  ...['1', 'true', '{}', '[]', '"\\ud800"'].map(
    (json) => [spec(`"session":${json}`), `spec.session: ${text}`] as const,
  ),
  ...['1', '"true"', '{}', '"yes"'].map(
    (json) =>
      [spec(`"newVersion":${json}`), 'spec.new_version: must be true or false, without quotes'] as const,
  ),
  ...['1.5', '"x"', '9223372036854775808', '"9223372036854775808"', '1e300', 'true', '""', '{}'].map(
    (json) => [spec(`"sizeBytes":${json}`), `spec.size_bytes: ${int64}`] as const,
  ),
  ...['"*"', '1', '"YQ=a"', '[]'].map(
    (json) => [`{"data":${json}}`, 'data: must be bytes in base64, in quotes'] as const,
  ),
  [spec('"inputs":"art"'), 'spec.inputs: must be an array'],
  [spec('"inputs":["a",1]'), `spec.inputs[1]: ${text}`],
  [spec('"inputs":[null]'), `spec.inputs[0]: ${text}`],
  [spec('"labels":[]'), 'spec.labels: must be a JSON object'],
  [spec('"labels":{"a":"b","k":1}'), `spec.labels[k]: ${text}`],
  [spec('"labels":{"a b":null}'), `spec.labels["a b"]: ${text}`],
  ...times.map((one) => [spec(`"expireTime":"${one}"`), `spec.expire_time: ${time}`] as const),
  ...['1', '{}', '{"seconds":1}', '[]'].map(
    (json) => [spec(`"expireTime":${json}`), `spec.expire_time: ${time}`] as const,
  ),
  ...durations.map((one) => [spec(`"ttl":"${one}"`), `spec.ttl: ${duration}`] as const),
  ...['5', '{}', '{"seconds":5}'].map((json) => [spec(`"ttl":${json}`), `spec.ttl: ${duration}`] as const),
];

describe.each(ways(listening, 'unary', 'json'))('JSON over %s', (_, way) => {
  const wrapped = (json: string | Buffer) => {
    const bytes = Buffer.from(json as string);
    return way.protocol.isWrapped ? framed(bytes) : bytes;
  };

  it.each(badJson)('%j is told what it must be', async (json, message) => {
    expect(await tell(way, 'CreateArtifact', wrapped(json))).toEqual(refusedWith(message));
  });

  it('of other types is told what they must be', async () => {
    for (const [method, json, message] of [
      ['ReadArtifact', '{"maxBytes":1.5}', `max_bytes: ${int32}`],
      ['ReadArtifact', '{"maxBytes":"2147483648"}', `max_bytes: ${int32}`],
      ['ListArtifacts', '{"order":"SIDEWAYS"}', 'order: must be one of '],
      ['UpdateArtifact', '{"updateMask":"expire_time"}', 'update_mask: must be a string: names of fields'],
      ['UpdateArtifact', '{"updateMask":["labels"]}', 'update_mask: must be a string: names of fields'],
      ['UpdateArtifact', '{"updateMask":{"paths":[]}}', 'update_mask: must be a string: names of fields'],
    ] as const) {
      const told = await tell(way, method, wrapped(json));
      expect([json, told.message]).toEqual([json, expect.stringContaining(message)]);
      expect(told.reason).toBe('INVALID_ARGUMENT');
    }
  });

  it('that is too deep is told so', async () => {
    const told = await tell(way, 'CreateArtifact', wrapped(`${'['.repeat(200)}${']'.repeat(200)}`));
    expect(told.message).toMatch(
      /^request: must have at most \d+ fields and elements, nested at most 100 deep$/,
    );
  });
});

describe.each(ways(listening, 'stream', 'json'))('JSON in streams over %s', (_, way) => {
  it.each([
    ['DownloadArtifact', '{"offset":"x"}', `offset: ${int64}`],
    [
      'DownloadArtifact',
      '{',
      'request: must be a JSON object: expected a key in quotes at byte 1, where it ends',
    ],
    ['UploadArtifact', '{"start":{"spec":{"ttl":"5"}}}', `start.spec.ttl: ${duration}`],
    ['UploadArtifact', '{"start":{},"finish":{}}', 'finish: must not be given together with start'],
    ['UploadArtifact', 'x', 'request: must be a JSON object: expected a value at byte 0'],
  ])('%s of %s is told what it must be', async (method, json, message) => {
    expect(await tell(way, method, framed(Buffer.from(json)))).toEqual(refusedWith(message));
  });
});

describe.each(ways(listening, 'unary', 'proto'))('binary messages over %s', (_, way) => {
  it.each<[string, number[], string]>([
    ['a text that is none', [0x0a, 0x03, 0x0a, 0x01, 0xff], 'spec.session: must be text in UTF-8'],
    [
      'a key that is no text',
      [0x0a, 0x05, 0x2a, 0x03, 0x0a, 0x01, 0xff],
      'spec.labels: must be text in UTF-8',
    ],
    [
      'a field that is cut',
      [0x0a, 0x02, 0x0a, 0x00, 0x12, 0x7f, 0x01],
      'request: must be a message of artifacta.v1.CreateArtifactRequest in protobuf’s binary format; it is malformed from byte 4 on',
    ],
    [
      'no field at all',
      [0x00, 0x00],
      'request: must be a message of artifacta.v1.CreateArtifactRequest in protobuf’s binary format; it is malformed from byte 0 on',
    ],
    [
      'JSON',
      [...Buffer.from('{"spec":{}}')],
      'request: must be a message of artifacta.v1.CreateArtifactRequest in protobuf’s binary format; it is malformed from byte 0 on',
    ],
  ])('%s is told so', async (_what, bytes, message) => {
    const body = way.protocol.isWrapped ? framed(Buffer.from(bytes)) : Buffer.from(bytes);
    expect(await tell(way, 'CreateArtifact', body)).toEqual(refusedWith(message));
  });

  it('that say they are gzip and are none are told so', async () => {
    for (const bytes of [Buffer.from('nonsense'), gzipSync('x'.repeat(99)).subarray(0, 20)]) {
      const body = way.protocol.isWrapped ? framed(bytes) : bytes;
      if (way.protocol.isWrapped) body[0] = 1;
      const told = await tell(way, 'CreateArtifact', body, { [way.protocol.encoding]: 'gzip' });
      expect(told).toEqual(
        refusedWith(
          'request: must be complete gzip if it is marked as compressed; a message is not gzip, or is cut off',
        ),
      );
    }
  });
});

describe.each(ways(listening, 'stream', 'proto'))('wrapped messages over %s', (_, way) => {
  const cut = 'request: must end with a whole message; the last one is cut off';
  const one = 'request: must be exactly one message; send one, empty if it has no fields';

  it.each<[string, string, Buffer, string]>([
    ['DownloadArtifact', 'nothing', Buffer.alloc(0), one],
    [
      'DownloadArtifact',
      'two messages',
      Buffer.concat([framed(Buffer.alloc(0)), framed(Buffer.alloc(0))]),
      one,
    ],
    ['DownloadArtifact', 'a cut message', Buffer.from([0, 0, 0, 0, 9, 1]), cut],
    ['DownloadArtifact', 'a cut head', Buffer.from([0, 0, 0]), cut],
    ['UploadArtifact', 'a cut message', Buffer.from([0, 0, 0, 0, 9, 1]), cut],
    ['UploadArtifact', 'a cut head', Buffer.from([0, 0]), cut],
    [
      'UploadArtifact',
      'unknown flags',
      Buffer.from([0x40, 0, 0, 0, 0]),
      'request: must have only flags that the protocol knows; a message has others',
    ],
  ])('%s with %s is told so', async (method, _what, body, message) => {
    expect(await tell(way, method, body)).toEqual(refusedWith(message));
  });
});

describe.each(httpAsks(listening))('a GET over %s', (_, ask) => {
  it.each([
    [
      'encoding=json&message=',
      'request: must be a JSON object, not empty; send {} for a message without fields',
    ],
    ['encoding=json', 'message: must be in the query of a GET, empty if the message has no fields'],
    [
      'encoding=json&message={',
      'request: must be a JSON object: expected a key in quotes at byte 1, where it ends',
    ],
    [
      'encoding=json&message={"x":1}',
      'x: must be a field of artifacta.v1.GetArtifactRequest; its fields are artifact',
    ],
    ['encoding=json&base64=1&message=***', 'message: must be base64 if base64=1 is given'],
    ['encoding=json&base64=1&message=e', 'message: must be base64 if base64=1 is given'],
    [
      'encoding=proto&base64=1&message=AAA',
      'request: must be a message of artifacta.v1.GetArtifactRequest in protobuf’s binary format; it is malformed from byte 0 on',
    ],
    [
      'encoding=proto&base64=1&compression=gzip&message=AAA',
      'request: must be complete gzip if it is marked as compressed; a message is not gzip, or is cut off',
    ],
  ])('with %s is told what it must be', async (query, message) => {
    const path = `${pathOf('GetArtifact')}?${encodeURI(query)}`;
    const told = toldBy(connectUnary(''), await ask(path, {}, Buffer.alloc(0), 'GET'));
    expect(told).toEqual(refusedWith(message));
  });
});
