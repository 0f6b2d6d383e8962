/**
 * `PUT /v1/sessions/{session}/artifacts/{name}`: an upload by any HTTP client. The end of a body is not success, since
 * many ways to lose a connection look like one. The service gets the finish only when the body is known to be complete.
 */
import { create, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import {
  type UploadArtifactRequest,
  UploadArtifactRequestSchema,
  UploadArtifactResponseSchema,
} from '../../../gen/artifacta/v1/upload_pb.ts';
import { gathered } from '../messages/gathering.ts';
import { cancelled } from '../refusals.ts';
import { refusedField, renamed } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { PlainCalls } from './plain-calls.ts';
import { type PutPath, parsePut, type Spec } from './put-parameters.ts';

/** Answers the request. @throws HttpError, ConnectError */
export async function putArtifact(exchange: Exchange, path: PutPath, calls: PlainCalls): Promise<void> {
  const { request, target } = exchange;
  await storeBody(exchange, parsePut(path, target.query, request.headers), calls);
}

/** Stores the body of the request as the artifact that is described, and answers. @throws HttpError, ConnectError */
export async function storeBody(exchange: Exchange, parsed: Spec, calls: PlainCalls): Promise<void> {
  const sizeBytes = declaredSize(exchange);
  if (sizeBytes === undefined && exchange.isHttp2 && !parsed.sha256)
    throw refusedField(
      411,
      'INVALID_ARGUMENT',
      'content-length',
      'is required over HTTP/2 unless Content-Digest is given, to show that all bytes arrived',
    );
  const spec = sizeBytes === undefined ? parsed : { ...parsed, sizeBytes };
  const response = await calls
    .call(exchange, ArtifactService.method.uploadArtifact, (upload, context) =>
      upload(messages(exchange, spec), context),
    )
    .catch((error) => {
      throw error instanceof ConnectError ? inHttpTerms(error) : error;
    });
  const message = create(UploadArtifactResponseSchema, response);
  const { artifact, receipt } = message;
  const body = Buffer.from(`${JSON.stringify(toJson(UploadArtifactResponseSchema, message))}\n`);
  exchange.answer(
    receipt?.deduplicated || receipt?.replayed ? 200 : 201,
    {
      'content-type': 'application/json',
      'content-length': String(body.length),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      etag: `"${artifact?.sha256}"`,
      location: `/v1/artifacts/${artifact?.id}/content`,
    },
    body,
  );
}

function declaredSize({ request }: Exchange): bigint | undefined {
  const header = request.headers['content-length'];
  if (header === undefined) return undefined;
  if (!/^\d{1,18}$/.test(header))
    throw refusedField(400, 'INVALID_ARGUMENT', 'content-length', 'must be a number of bytes');
  return BigInt(header);
}

async function* messages(exchange: Exchange, spec: Spec): AsyncGenerator<UploadArtifactRequest> {
  const message = (part: NonNullable<MessageInitShape<typeof UploadArtifactRequestSchema>['part']>) =>
    create(UploadArtifactRequestSchema, { part });
  yield message({ case: 'start', value: { spec } });
  let receivedBytes = 0;
  const { body, received } = exchange;
  for await (const bytes of gathered(body, { received })) {
    receivedBytes += bytes.length;
    yield message({ case: 'chunk', value: bytes });
  }
  if (!hasAllCome(exchange, spec, BigInt(receivedBytes))) throw cancelled();
  yield message({ case: 'finish', value: { sizeBytes: BigInt(receivedBytes) } });
}

/**
 * Returns true if the whole body has arrived. HTTP/1.1 marks the end of a body, or announces its length. HTTP/2 does
 * neither reliably, since a stream that is reset may end normally here. There the length or the digest decides; the
 * service compares the digest.
 */
function hasAllCome({ request, isHttp2, gone }: Exchange, spec: Spec, receivedBytes: bigint): boolean {
  if (gone.aborted) return false;
  if (spec.sizeBytes !== undefined && spec.sizeBytes !== receivedBytes) return false;
  return isHttp2 || request.complete;
}

/** Names in the messages of the service, with the names of the same things in the request. */
const names: Readonly<Record<string, string>> = {
  metadata: 'meta',
  labels: 'label',
  inputs: 'input',
  request_id: 'Idempotency-Key',
  content_type: 'Content-Type',
  sha256: 'Content-Digest',
  size_bytes: 'Content-Length',
};

/** Returns the error with the field names that the caller of this route knows. */
function inHttpTerms(error: ConnectError): ConnectError {
  return renamed(error, (text) =>
    text.replace(/^start\.spec\.([a-z0-9_]+)/, (_, name: string) => names[name] ?? name),
  );
}
