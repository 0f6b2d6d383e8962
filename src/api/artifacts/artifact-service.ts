import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ArtifactService,
  BatchGetArtifactsRequest,
  BatchGetResultSchema,
  ListArtifactsRequest,
} from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import type {
  DownloadArtifactRequest,
  DownloadArtifactResponseSchema,
} from '../../../gen/artifacta/v1/content_pb.ts';
import { ErrorReason } from '../../../gen/artifacta/v1/error_reason_pb.ts';
import type { CreateArtifactRequest } from '../../../gen/artifacta/v1/upload_pb.ts';
import type { Artifact } from '../../domain/artifact.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { parseArtifactName, parseSessionId } from '../../domain/names.ts';
import type { CommitResult } from '../../store/artifacts/commit.ts';
import type { Store } from '../../store/open.ts';
import type { ArtifactQuery } from '../../store/queries/listing.ts';
import type { Admission } from '../admission.ts';
import { parseArtifactChanges } from '../changes.ts';
import { within } from '../errors.ts';
import type { Call, Handlers } from '../handlers.ts';
import { toArtifactMessage, toExplanationMessage, toGoneMessage, toReceiptMessage } from '../messages.ts';
import { parseDigest, parseOrder, parsePageSize, parseRef, parseSize, parseSpec } from '../parse.ts';
import { listLineage } from './lineage.ts';
import { readArtifact } from './read-artifact.ts';
import { receiveUpload } from './upload.ts';

/** Returns the methods of ArtifactService over a store. A method without a handler here answers NOT_IMPLEMENTED. */
export function artifactHandlers(store: Store, admission: Admission): Handlers<typeof ArtifactService> {
  return {
    uploadArtifact: async (requests, call) =>
      committed(await receiveUpload(store.uploads, admission, requests, call)),
    createArtifact: async (request, call) => committed(await createArtifact(store, request, call)),
    downloadArtifact: (request, call) => download(store, request, call),
    readArtifact: (request, call) => readArtifact(store, request, call),
    getArtifact: async (request, call) => ({
      artifact: toArtifactMessage(
        await store.artifacts.get(call.principal, parseRef('artifact', request.artifact)),
      ),
    }),
    batchGetArtifacts: async (request, call) => ({ results: await batchGet(store, request, call) }),
    listArtifacts: async (request, call) => {
      const page = await store.listing.artifacts(call.principal, parseQuery(request));
      return {
        artifacts: page.items.map(toArtifactMessage),
        gone: page.gone.map(toGoneMessage),
        nextPageToken: page.nextPageToken,
        previews: Object.fromEntries(page.previews),
        ...(page.total === undefined ? {} : { approximateTotal: BigInt(page.total) }),
        ...(request.explain ? { explanation: toExplanationMessage(page.explanation) } : {}),
      };
    },
    listLineage: (request, call) => listLineage(store, request, call),
    updateArtifact: async (request, call) => {
      const target = parseRef('artifact', request.artifact);
      const artifact = await store.artifacts.update(call.principal, target, parseArtifactChanges(request));
      return { artifact: toArtifactMessage(artifact) };
    },
    deleteArtifact: async (request, call) => {
      const target = parseRef('artifact', request.artifact);
      return { deleted: await store.artifacts.delete(call.principal, target, request.etag || undefined) };
    },
  };
}

function committed({ artifact, receipt }: CommitResult) {
  return { artifact: toArtifactMessage(artifact), receipt: toReceiptMessage(receipt) };
}

async function createArtifact(
  store: Store,
  request: CreateArtifactRequest,
  call: Call,
): Promise<CommitResult> {
  const spec = parseSpec('spec', request.spec);
  const { content } = request;
  if (content.case === undefined) throw invalid('content', 'is required: data or digest');
  if (content.case === 'digest') {
    const digest = {
      sha256: parseDigest('digest.sha256', content.value.sha256),
      sizeBytes: parseSize('digest.size_bytes', content.value.sizeBytes),
    };
    return await within('spec', () => store.uploads.createByDigest(call.principal, spec, digest));
  }
  const { length } = content.value;
  if (length > limits.inlineRequestBytesMax) {
    const description = `must have at most ${limits.inlineRequestBytesMax} bytes here, not ${length}; use UploadArtifact`;
    throw new Failure('ARTIFACT_TOO_LARGE', `data: ${description}`, {
      metadata: { limit: String(limits.inlineRequestBytesMax) },
      violations: [{ field: 'data', description }],
    });
  }
  return await within('spec', () => store.uploads.create(call.principal, spec, content.value));
}

async function* download(
  store: Store,
  request: DownloadArtifactRequest,
  call: Call,
): AsyncIterable<MessageInitShape<typeof DownloadArtifactResponseSchema>> {
  const range = {
    offset: parseSize('offset', request.offset),
    limit: request.limit === undefined ? undefined : parseSize('limit', request.limit),
  };
  const target = parseRef('artifact', request.artifact);
  const { of, bytes } = await store.downloads.artifact(call.principal, target, range, call.signal);
  yield { part: { case: 'artifact', value: toArtifactMessage(of) } };
  for await (const chunk of bytes) yield { part: { case: 'chunk', value: chunk } };
}

async function batchGet(
  store: Store,
  request: BatchGetArtifactsRequest,
  call: Call,
): Promise<MessageInitShape<typeof BatchGetResultSchema>[]> {
  const count = request.artifacts.length;
  if (count === 0 || count > limits.batchGetMax)
    throw invalid('artifacts', `must have 1 to ${limits.batchGetMax} entries, not ${count}`);
  const targets = request.artifacts.map((ref, at) => parseRef(`artifacts[${at}]`, ref));
  const found = await store.artifacts.batchGet(call.principal, targets);
  return found.map((item) => ({ result: batchResult(item) }));
}

function batchResult(item: Artifact | Failure) {
  if (!(item instanceof Failure)) return { case: 'artifact' as const, value: toArtifactMessage(item) };
  const value = { reason: ErrorReason[item.reason], message: item.message };
  return { case: 'failure' as const, value };
}

function parseQuery(request: ListArtifactsRequest): ArtifactQuery {
  if (request.previewBytes < 0) throw invalid('preview_bytes', 'must not be negative');
  if (request.session === '' && (request.allVersions || request.showGone || request.name !== ''))
    throw invalid('session', 'is required with all_versions, name and show_gone');
  if (request.showGone && request.name !== '') throw invalid('name', 'must be empty with show_gone');
  if (request.showGone && request.filter !== '') throw invalid('filter', 'must be empty with show_gone');
  return {
    session: request.session === '' ? undefined : parseSessionId('session', request.session),
    filter: request.filter,
    showGone: request.showGone,
    oldestFirst: parseOrder(request.order),
    allVersions: request.allVersions,
    name: request.name === '' ? undefined : parseArtifactName('name', request.name),
    pageSize: parsePageSize(request.pageSize),
    pageToken: request.pageToken,
    estimatesTotal: request.estimateTotal,
    previewBytes: Math.min(request.previewBytes, limits.previewBytesMax),
  };
}
