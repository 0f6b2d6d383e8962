/** Compressed messages that hold far more than they are, sent by hand and without end. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import {
  CreateArtifactRequestSchema,
  UploadArtifactRequestSchema,
} from '../../../gen/artifacta/v1/upload_pb.ts';
import { limits } from '../../../src/domain/limits.ts';
import { framed } from '../../server/grpc/raw-call.ts';

/** What a service is called at. */
export interface Target {
  readonly grpc: string;
  readonly http: string;
  readonly key: string;
}

/** What calls that were sent came to: a count of each status. */
type Statuses = Record<string, number>;

const spec = { session: 'bombs', name: 'a' };
const zeros = new Uint8Array(limits.messageBytesMax - 64);

function packed(bytes: Uint8Array): Buffer {
  const whole = framed(gzipSync(bytes));
  whole[0] = 1;
  return whole;
}

const bomb = packed(new Uint8Array(16 * limits.messageBytesMax));
const start = packed(
  toBinary(
    UploadArtifactRequestSchema,
    create(UploadArtifactRequestSchema, { part: { case: 'start', value: { spec } } }),
  ),
);
const chunk = packed(
  toBinary(
    UploadArtifactRequestSchema,
    create(UploadArtifactRequestSchema, { part: { case: 'chunk', value: zeros } }),
  ),
);
const largest = toBinary(
  CreateArtifactRequestSchema,
  create(CreateArtifactRequestSchema, {
    spec,
    content: { case: 'data', value: zeros.subarray(0, limits.inlineRequestBytesMax) },
  }),
);

/** Bodies of one call each, by what they are. */
export const bodies = {
  'one bomb': { method: 'CreateArtifact', body: bomb },
  'the largest message': { method: 'CreateArtifact', body: packed(largest) },
  'bombs in a stream': {
    method: 'UploadArtifact',
    body: Buffer.concat([start, ...Array.from({ length: 4 }, () => bomb)]),
  },
  'the largest messages in a stream': {
    method: 'UploadArtifact',
    body: Buffer.concat([start, ...Array.from({ length: 10 }, () => chunk)]),
  },
} as const;

export type Form = keyof typeof bodies;

/** Makes so many calls at once over gRPC on one connection, each with all of its body at once. */
export async function sendOverGrpc({ grpc, key }: Target, form: Form, count: number): Promise<Statuses> {
  // By default a client of Node resets calls when more than 10 MB wait to be sent.
  const session = connect(`http://${grpc}`, { maxSessionMemory: 1_000 });
  session.on('error', () => undefined);
  await once(session, 'connect');
  try {
    return counted(await Promise.all(Array.from({ length: count }, () => callOn(session, key, form))));
  } finally {
    session.destroy();
  }
}

async function callOn(session: ClientHttp2Session, key: string, form: Form): Promise<string> {
  const { method, body } = bodies[form];
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${ArtifactService.typeName}/${method}`,
    'content-type': 'application/grpc',
    'grpc-encoding': 'gzip',
    ...authorized(key),
    te: 'trailers',
  });
  let status = 'none';
  const take = (headers: Record<string, unknown>) => {
    status = String(headers['grpc-status'] ?? status);
  };
  // A refused call is reset when it has been answered.
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream
    .on('error', () => undefined)
    .on('response', take)
    .on('trailers', take)
    .resume();
  stream.end(body);
  await closed;
  return status;
}

/** The same over gRPC-Web, a connection each. */
export async function sendOverWeb({ http, key }: Target, form: Form, count: number): Promise<Statuses> {
  const call = async () => {
    const { method, body } = bodies[form];
    const answer = await fetch(`http://${http}/${ArtifactService.typeName}/${method}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/grpc-web+proto',
        'grpc-encoding': 'gzip',
        ...authorized(key),
      },
      body: new Uint8Array(body),
    });
    return /grpc-status: (\d+)/.exec(await answer.text())?.[1] ?? 'none';
  };
  return counted(await Promise.all(Array.from({ length: count }, () => call().catch(() => 'lost'))));
}

/** @param key empty where nobody has to show one. */
function authorized(key: string): Record<string, string> {
  return key === '' ? {} : { authorization: `Bearer ${key}` };
}

function counted(statuses: readonly string[]): Statuses {
  const counts: Statuses = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
