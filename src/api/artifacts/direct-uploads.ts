/** Uploads whose bytes a client sends straight to the bucket: their begin, and their end. */
import { randomUUID } from 'node:crypto';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import type {
  BeginDirectUploadRequest,
  BeginDirectUploadResponseSchema,
  FinishDirectUploadResponseSchema,
} from '../../../gen/artifacta/v1/direct_upload_pb.ts';
import { type ArtifactSpec, ArtifactSpecSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { payerOf } from '../../domain/principal.ts';
import type { UploadTokens } from '../../identity/upload-tokens.ts';
import type { CommitResult } from '../../store/artifacts/commit.ts';
import {
  type DirectUploads,
  noDirectUploads,
  type StatedSpec,
} from '../../store/artifacts/direct-uploads.ts';
import type { Admission } from '../admission.ts';
import { within } from '../errors.ts';
import type { Call, Handlers } from '../handlers.ts';
import { toArtifactMessage, toReceiptMessage } from '../messages.ts';
import { parseSpec } from '../parse.ts';

/** The direct uploads that the operator allows. */
export interface DirectUploadPolicy {
  /** Smaller contents pass through the service. */
  readonly bytesMin: number;
}

interface DirectUploadParts {
  readonly direct: DirectUploads;
  readonly tokens: UploadTokens;
  readonly admission: Admission;
  /** Undefined: none are allowed. */
  readonly policy: DirectUploadPolicy | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** The bytes after which a client learns how far the reading is. */
const reportBytes = 64 * 1024 * 1024;

/** Returns the methods of ArtifactService for direct uploads. */
export function directUploadHandlers(
  parts: DirectUploadParts,
): Pick<Handlers<typeof ArtifactService>, 'beginDirectUpload' | 'finishDirectUpload'> {
  return {
    beginDirectUpload: (request, call) => begin(parts, request, call),
    finishDirectUpload: (request, call) => finish(parts, request.uploadToken, call),
  };
}

async function begin(
  { direct, tokens, policy, now }: DirectUploadParts,
  request: BeginDirectUploadRequest,
  { principal, signal }: Call,
): Promise<MessageInitShape<typeof BeginDirectUploadResponseSchema>> {
  if (policy === undefined) throw noDirectUploads();
  const requestId = request.spec?.requestId || `direct_${randomUUID()}`;
  const message = request.spec && create(ArtifactSpecSchema, { ...request.spec, requestId });
  const spec = parseStated('spec', message);
  if (spec.sizeBytes < policy.bytesMin)
    throw invalid('spec.size_bytes', `must be at least ${policy.bytesMin} here; use UploadArtifact`);
  const encoded = toBinary(ArtifactSpecSchema, message!);
  const bytesMax = limits.directUploadSpecBytesMax;
  if (encoded.length > bytesMax) {
    const fault = `must have at most ${bytesMax} bytes, not ${encoded.length}: give less metadata, or use UploadArtifact`;
    throw invalid('spec', fault);
  }
  const begunTime = now();
  const begun = await within('spec', () => direct.begin(principal, spec, signal));
  if ('artifact' in begun) return { result: { case: 'existing', value: committed(begun) } };
  const { name, awaitedUntil, url } = begun;
  const expireTime = begunTime + limits.directUploadSecondsMax * 1000;
  const target = Buffer.from(encoded).toString('base64url');
  const uploadToken = await tokens.issue(principal, { name, awaitedUntil, target }, expireTime);
  const upload = { uri: url, uploadToken, expireTime: timestampFromMs(expireTime) };
  return { result: { case: 'upload', value: upload } };
}

async function* finish(
  { direct, tokens, admission, policy }: DirectUploadParts,
  token: string,
  call: Call,
): AsyncGenerator<MessageInitShape<typeof FinishDirectUploadResponseSchema>, void, void> {
  if (policy === undefined) throw noDirectUploads();
  const { principal } = call;
  const { target, ...awaited } = await tokens.verify(principal, token);
  const spec = parseStated('spec', fromBinary(ArtifactSpecSchema, Buffer.from(target, 'base64url')));
  const cut = new AbortController();
  const signal = AbortSignal.any([call.signal, cut.signal]);
  let checkedBytes = 0;
  let toldBytes = -reportBytes;
  const by = {
    namespace: principal.namespace,
    payer: payerOf(principal),
    receivedBytes: () => checkedBytes,
  };
  using _place = admission.begin(by, (failure) => cut.abort(failure));
  const reading = direct.finish(principal, spec, awaited, signal);
  try {
    for (;;) {
      const next = await reading.next();
      if (next.done) {
        yield { part: { case: 'committed', value: committed(next.value) } };
        return;
      }
      checkedBytes = next.value;
      if (checkedBytes - toldBytes < reportBytes) continue;
      toldBytes = checkedBytes;
      yield { part: { case: 'checkedBytes', value: BigInt(checkedBytes) } };
    }
  } finally {
    await reading.return(undefined as never).catch(() => undefined);
  }
}

/** @throws Failure INVALID_ARGUMENT if the description does not say what the bytes are. */
function parseStated(field: string, message: ArtifactSpec | undefined): StatedSpec {
  const spec = parseSpec(field, message);
  const { sizeBytes, sha256 } = spec;
  if (sizeBytes === undefined) throw invalid(`${field}.size_bytes`, 'is required for a direct upload');
  if (sha256 === undefined) throw invalid(`${field}.sha256`, 'is required for a direct upload');
  return { ...spec, sizeBytes, sha256 };
}

function committed({ artifact, receipt }: CommitResult) {
  return { artifact: toArtifactMessage(artifact), receipt: toReceiptMessage(receipt) };
}
