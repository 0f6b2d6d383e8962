/** Short forms of calls that many tests make. */
import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Artifact } from '../../gen/artifacta/v1/artifact_pb.ts';
import type { DownloadArtifactRequestSchema } from '../../gen/artifacta/v1/content_pb.ts';
import { ListOrder } from '../../gen/artifacta/v1/query_pb.ts';
import type { ArtifactSpecSchema, UploadArtifactRequestSchema } from '../../gen/artifacta/v1/upload_pb.ts';
import { BadRequestSchema, ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import type { Service } from './service.ts';

export type Spec = MessageInitShape<typeof ArtifactSpecSchema>;
export type UploadMessage = MessageInitShape<typeof UploadArtifactRequestSchema>;

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that no compression shortens and no two blocks of which are alike; the same for the same seed. */
export function someBytes(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export async function* uploadMessages(
  spec: Spec,
  bytes: Uint8Array,
  chunkBytes = 256 * 1024,
): AsyncIterable<UploadMessage> {
  yield { part: { case: 'start', value: { spec } } };
  for (let at = 0; at < bytes.length; at += chunkBytes)
    yield { part: { case: 'chunk', value: bytes.subarray(at, at + chunkBytes) } };
  yield { part: { case: 'finish', value: { sizeBytes: BigInt(bytes.length) } } };
}

export async function* messages(
  ...parts: NonNullable<UploadMessage['part']>[]
): AsyncIterable<UploadMessage> {
  for (const part of parts) yield { part };
}

export function upload(service: Service, spec: Spec, bytes: Uint8Array) {
  return service.artifacts.uploadArtifact(uploadMessages(spec, bytes));
}

export function create(service: Service, spec: Spec, content: string | Uint8Array) {
  const data = typeof content === 'string' ? text(content) : content;
  return service.artifacts.createArtifact({ spec, content: { case: 'data', value: data } });
}

export function byName(session: string, name: string, version?: bigint) {
  return {
    by: {
      case: 'name' as const,
      value: version === undefined ? { session, name } : { session, name, version },
    },
  };
}

export function byId(id: string) {
  return { by: { case: 'id' as const, value: id } };
}

export async function download(
  service: Service,
  request: MessageInitShape<typeof DownloadArtifactRequestSchema>,
) {
  let artifact: Artifact | undefined;
  const chunks: Uint8Array[] = [];
  for await (const { part } of service.artifacts.downloadArtifact(request)) {
    if (part.case === 'artifact') artifact = part.value;
    else if (part.case === 'chunk') chunks.push(part.value);
  }
  return { artifact: artifact!, bytes: Uint8Array.from(Buffer.concat(chunks)) };
}

/** What a caller is told of a refusal. */
export interface Refusal {
  readonly code: string;
  readonly reason: string;
  readonly fields: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly message: string;
}

/** Fails unless the call is refused with an error of ours. */
export async function refusal(call: Promise<unknown> | (() => Promise<unknown>)): Promise<Refusal> {
  try {
    await (typeof call === 'function' ? call() : call);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const [info] = error.findDetails(ErrorInfoSchema);
    const [bad] = error.findDetails(BadRequestSchema);
    return {
      code: Code[error.code],
      reason: info?.reason ?? '(no ErrorInfo)',
      fields: bad?.fieldViolations.map(({ field }) => field) ?? [],
      metadata: info?.metadata ?? {},
      message: error.rawMessage,
    };
  }
  throw new Error('the call was not refused');
}

/** The refusals of calls that are under way together. */
export function refusals(...calls: Promise<unknown>[]): Promise<Refusal[]> {
  return Promise.all(calls.map((call) => refusal(call)));
}

/** Every artifact of a session, all versions, oldest first. */
export async function listAll(service: Service, session: string): Promise<Artifact[]> {
  const found: Artifact[] = [];
  for (let pageToken = ''; ; ) {
    const page = await service.artifacts.listArtifacts({
      session,
      allVersions: true,
      order: ListOrder.OLDEST_FIRST,
      pageToken,
    });
    found.push(...page.artifacts);
    if (page.nextPageToken === '') return found;
    pageToken = page.nextPageToken;
  }
}
