import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type ArtifactService,
  type BatchGetArtifactsRequest,
  type BatchGetResultSchema,
  type ListArtifactsRequest,
  ListArtifactsResponseSchema,
} from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { ErrorReason } from '../../../gen/artifacta/v1/error_reason_pb.ts';
import type { CreateArtifactRequest } from '../../../gen/artifacta/v1/upload_pb.ts';
import type { Artifact } from '../../domain/artifact.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { parseArtifactName, parseSessionId } from '../../domain/names.ts';
import type { Artifacts } from '../../store/artifacts/artifacts.ts';
import type { CommitResult } from '../../store/artifacts/commit.ts';
import type { Downloads } from '../../store/artifacts/downloads.ts';
import type { Readings } from '../../store/artifacts/readings.ts';
import type { Uploads } from '../../store/artifacts/uploads.ts';
import type { FieldValues } from '../../store/queries/field-values.ts';
import type { Lineage } from '../../store/queries/lineage.ts';
import type { ArtifactQuery, Listing } from '../../store/queries/listing.ts';
import type { Links } from '../../store/sharing/links.ts';
import type { Admission } from '../admission.ts';
import { parseArtifactChanges } from '../changes.ts';
import { download } from '../downloads/download.ts';
import type { RedirectPolicy } from '../downloads/redirects.ts';
import { artifactBytes, committedBytes } from '../encoding/artifact-bytes.ts';
import { withBytes, withFirstField } from '../encoding/first-field.ts';
import { within } from '../errors.ts';
import type { Call, Handlers } from '../handlers.ts';
import { toArtifactMessage, toExplanationMessage, toGoneMessage, toReceiptMessage } from '../messages.ts';
import { parseDigest, parseOrder, parsePageSize, parseRef, parseSize, parseSpec } from '../parse.ts';
import type { WebAddresses } from '../web-addresses.ts';
import { listFieldValues } from './field-values.ts';
import { listLineage } from './lineage.ts';
import { readArtifact } from './read-artifact.ts';
import { shareHandlers } from './share-links.ts';
import { receiveUpload } from './upload.ts';

/** The parts of a store that ArtifactService uses. */
interface ArtifactParts {
  readonly uploads: Uploads;
  readonly artifacts: Artifacts;
  readonly downloads: Downloads;
  readonly readings: Readings;
  readonly listing: Listing;
  readonly fieldValues: FieldValues;
  readonly lineage: Lineage;
  readonly links: Links;
}

/** Returns the methods of ArtifactService over the parts of a store. @param redirects default: none. */
export function artifactHandlers(
  { uploads, artifacts, downloads, readings, listing, fieldValues, lineage, links }: ArtifactParts,
  admission: Admission,
  addresses: WebAddresses,
  redirects?: RedirectPolicy,
): Handlers<typeof ArtifactService> {
  return {
    ...shareHandlers(links, addresses),
    uploadArtifact: async (requests, call) =>
      committed(await receiveUpload(uploads, admission, requests, call)),
    createArtifact: async (request, call) => committed(await createArtifact(uploads, request, call)),
    downloadArtifact: (request, call) => download(downloads, redirects, request, call),
    readArtifact: (request, call) => readArtifact(readings, request, call),
    getArtifact: async (request, call) => ({
      artifact: toArtifactMessage(
        await artifacts.get(call.principal, parseRef('artifact', request.artifact)),
      ),
    }),
    batchGetArtifacts: async (request, call) => ({ results: await batchGet(artifacts, request, call) }),
    listArtifacts: async (request, call) => {
      const page = await listing.artifacts(call.principal, parseQuery(request));
      return withArtifacts(page.items, {
        gone: page.gone.map(toGoneMessage),
        nextPageToken: page.nextPageToken,
        previews: Object.fromEntries(page.previews),
        ...(page.total === undefined ? {} : { approximateTotal: BigInt(page.total) }),
        ...(request.explain ? { explanation: toExplanationMessage(page.explain()) } : {}),
      });
    },
    listFieldValues: (request, call) => listFieldValues(fieldValues, request, call),
    listLineage: (request, call) => listLineage(lineage, request, call),
    updateArtifact: async (request, call) => {
      const target = parseRef('artifact', request.artifact);
      const artifact = await artifacts.update(call.principal, target, parseArtifactChanges(request));
      return { artifact: toArtifactMessage(artifact) };
    },
    deleteArtifact: async (request, call) => {
      const target = parseRef('artifact', request.artifact);
      return { deleted: await artifacts.delete(call.principal, target, request.etag || undefined) };
    },
  };
}

function withArtifacts<R extends object>(artifacts: readonly Artifact[], rest: R) {
  const messages = () => artifacts.map(toArtifactMessage);
  const bytes = () => artifactBytes(ListArtifactsResponseSchema.field.artifacts, artifacts);
  return withFirstField('artifacts', messages, bytes, rest);
}

function committed({ artifact, receipt }: CommitResult) {
  const fields = { artifact: () => toArtifactMessage(artifact), receipt: () => toReceiptMessage(receipt) };
  return withBytes(fields, () => committedBytes(artifact, receipt));
}

async function createArtifact(
  uploads: Uploads,
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
    return await within('spec', () => uploads.createByDigest(call.principal, spec, digest));
  }
  const { length } = content.value;
  if (length > limits.inlineRequestBytesMax) {
    const description = `must have at most ${limits.inlineRequestBytesMax} bytes here, not ${length}; use UploadArtifact`;
    throw new Failure('ARTIFACT_TOO_LARGE', `data: ${description}`, {
      metadata: { limit: String(limits.inlineRequestBytesMax) },
      violations: [{ field: 'data', description }],
    });
  }
  return await within('spec', () => uploads.create(call.principal, spec, content.value, call.signal));
}

async function batchGet(
  artifacts: Artifacts,
  request: BatchGetArtifactsRequest,
  call: Call,
): Promise<MessageInitShape<typeof BatchGetResultSchema>[]> {
  const count = request.artifacts.length;
  if (count === 0 || count > limits.batchGetMax)
    throw invalid('artifacts', `must have 1 to ${limits.batchGetMax} entries, not ${count}`);
  const targets = request.artifacts.map((ref, at) => parseRef(`artifacts[${at}]`, ref));
  const found = await artifacts.batchGet(call.principal, targets);
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
    throw invalid('session', 'is required if all_versions, name or show_gone is set');
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
