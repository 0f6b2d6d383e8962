/** Uploads as `PUT /v1/sessions/{session}/artifacts/{name}`: browsers cannot send a stream of messages. */
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { errorFromJson } from '@connectrpc/connect/protocol-connect';
import {
  type ArtifactSpec,
  type UploadArtifactResponse,
  UploadArtifactResponseSchema,
} from '../../../gen/artifacta/v1/upload_pb.ts';
import { blobOf, unlessAborted } from '../artifacts/content.ts';
import { piecesOf } from '../artifacts/upload.ts';
import { ArtifactaError } from '../errors.ts';
import type { Credentials } from '../wire/headers.ts';
import type { Sha256, Upload } from '../wire/platform.ts';
import { durationMilliseconds } from '../wire/times.ts';
import type { Fetch } from './fetch.ts';

/** Where and how contents are sent. */
export interface PutTarget extends Credentials {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly fetch: Fetch;
  /** Whether contents that are not a blob are sent as streams. */
  readonly requestStreams: boolean;
  readonly newHash: () => Sha256;
}

/** A content on its way. */
interface Sent {
  readonly body: Blob | ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Returns the SHA-256 of what was sent. A stream has one only at its end. */
  readonly sha256: () => string;
}

/**
 * Sends a content, once.
 *
 * @throws ArtifactaError INVALID_ARGUMENT for what a PUT cannot express; DATA_LOSS if the service stored other bytes;
 * ConnectError for refusals and lost connections; errors of the source.
 */
export async function put(upload: Upload, target: PutTarget): Promise<UploadArtifactResponse> {
  const { spec, signal } = upload;
  const url = urlOf(spec, target.baseUrl);
  const sent = await bodyOf(upload, target);
  const isStream = sent.body instanceof ReadableStream;
  const headers = headersOf(spec, target, isStream ? spec.sha256 : sent.sha256());
  const init = { method: 'PUT', headers, body: sent.body, ...(isStream ? { duplex: 'half' as const } : {}) };
  let answer: Response;
  try {
    answer = await target.fetch(url, { ...init, ...(signal && { signal }) });
  } catch (error) {
    await noteIfUnreadable(upload);
    throw error;
  }
  const response = await answerOf(answer);
  if (sent.body instanceof Blob) upload.onSent(sent.body.size);
  const stored = response.artifact?.sha256 ?? '';
  if (response.receipt?.replayed || stored === sent.sha256()) return response;
  throw new ArtifactaError(
    `the bytes changed on the way: the service stored those with SHA-256 ${stored}, not ${sent.sha256()}; push again, ` +
      'which makes a new version',
    {
      code: 'DATA_LOSS',
      metadata: { expected: sent.sha256(), actual: stored },
    },
  );
}

async function bodyOf(upload: Upload, { requestStreams, newHash }: PutTarget): Promise<Sent> {
  const { spec, content } = upload;
  const blob = blobOf(content) as Blob | undefined;
  // The digest was asserted after a reading of the whole blob.
  if (blob !== undefined && spec.sha256 !== '') return { body: blob, sha256: () => spec.sha256 };
  const hash = newHash();
  if (blob === undefined && requestStreams) {
    let sha256: string | undefined;
    return {
      body: streamOf(upload, hash),
      sha256: () => {
        sha256 ??= hash.hex();
        return sha256;
      },
    };
  }
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const source = piecesOf(upload);
  try {
    for (;;) {
      const next = await unlessAborted(source.next(), upload.signal);
      if (next.done) break;
      hash.update(next.value);
      if (blob === undefined) pieces.push(next.value as Uint8Array<ArrayBuffer>);
    }
  } finally {
    // The call is not awaited: a source that makes no progress would delay a caller that gives up.
    void source.return().catch(() => undefined);
  }
  const sha256 = hash.hex();
  return { body: blob ?? new Blob(pieces), sha256: () => sha256 };
}

function streamOf(upload: Upload, hash: Sha256): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pieces = piecesOf(upload);
  let bytes = 0;
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const next = await pieces.next();
        if (next.done) {
          controller.close();
          return;
        }
        hash.update(next.value);
        bytes += next.value.byteLength;
        controller.enqueue(next.value as Uint8Array<ArrayBuffer>);
        upload.onSent(bytes);
      },
      // A source that makes no progress would delay the answer.
      cancel: () => void pieces.return().catch(() => undefined),
    },
    { highWaterMark: 0 },
  );
}

/** A file that changed since it was chosen cannot be read any more; `fetch` reports that like a lost connection. */
async function noteIfUnreadable({ content, source }: Upload): Promise<void> {
  const blob = blobOf(content);
  if (blob === undefined || source.failure !== undefined) return;
  try {
    await blob.slice(0, 1).arrayBuffer();
  } catch (error) {
    source.failure = { error };
  }
}

/** @throws ArtifactaError for what a PUT cannot express. */
function urlOf(spec: ArtifactSpec, baseUrl: string): string {
  if (spec.newVersion) throw notInPut('newVersion', 'must be left out');
  if (spec.expiry.case === 'expireTime') throw notInPut('expiry', 'must be given as ttlMs');
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(spec.metadata)) query.append(`meta.${key}`, value);
  for (const [key, value] of Object.entries(spec.labels)) query.append(`label.${key}`, value);
  for (const id of spec.inputs) query.append('input', id);
  if (spec.expiry.case === 'ttl')
    query.append('ttl', `${Math.ceil(durationMilliseconds(spec.expiry.value) / 1_000)}s`);
  const segments = [spec.session, ...spec.name.split('/')];
  // A URL with such a part means another one.
  if (segments.some((segment) => segment === '.' || segment === '..'))
    throw refused('name', 'must not contain the segments "." and ".."');
  const name = spec.name.split('/').map(encodeURIComponent).join('/');
  const path = `/v1/sessions/${encodeURIComponent(spec.session)}/artifacts/${name}`;
  return `${baseUrl}${path}${query.size === 0 ? '' : `?${query}`}`;
}

function notInPut(field: string, must: string): ArtifactaError {
  return refused(
    field,
    `${must} for large contents, because this client sends them by PUT, which has no such option`,
  );
}

function refused(field: string, description: string): ArtifactaError {
  return new ArtifactaError(`${field}: ${description}`, {
    code: 'INVALID_ARGUMENT',
    violations: [{ field, description }],
  });
}

function headersOf(spec: ArtifactSpec, { token, namespace }: Credentials, sha256: string): Headers {
  const headers = new Headers({ 'idempotency-key': spec.requestId });
  // A blob's own type would be sent otherwise; the service takes the empty one for none.
  headers.set('content-type', spec.contentType === '' ? 'application/octet-stream' : spec.contentType);
  if (sha256 !== '') headers.set('content-digest', `sha-256=:${base64Of(sha256)}:`);
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  if (namespace !== undefined) headers.set('artifacta-namespace', namespace);
  return headers;
}

function base64Of(hex: string): string {
  const bytes = hex.match(/../g)!.map((pair) => Number.parseInt(pair, 16));
  return btoa(String.fromCharCode(...bytes));
}

async function answerOf(answer: Response): Promise<UploadArtifactResponse> {
  const fallback = new ConnectError(`HTTP ${answer.status}`, Code.Unknown, answer.headers);
  let json: JsonValue;
  try {
    json = (await answer.json()) as JsonValue;
  } catch (error) {
    // A proxy's page. An answer that broke off is a lost connection.
    if (error instanceof SyntaxError) throw fallback;
    throw error;
  }
  if (!answer.ok) throw errorFromJson(json, answer.headers, fallback);
  return fromJson(UploadArtifactResponseSchema, json, { ignoreUnknownFields: true });
}
