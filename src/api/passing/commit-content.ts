/** CommitContent: the commit of a push whose bytes one replica has received and another one decides about. */
import { create, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type CommitContentRequest,
  CommitContentRequestSchema,
  type CommitContentResponse,
  type PushedContentSchema,
  type PushedFileSchema,
  ReplicasService,
} from '../../../gen/artifacta/internal/v1/replicas_service_pb.ts';
import type { Artifact as ArtifactMessage } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { type ArtifactSpecSchema, ReceiptSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import type { Artifact, ArtifactSpec, Receipt } from '../../domain/artifact.ts';
import { invalid } from '../../domain/errors.ts';
import type { ExpirySource } from '../../domain/expiry.ts';
import { type ArtifactId, parseArtifactId } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import type { CommitResult, WitnessedContent } from '../../store/artifacts/commit.ts';
import type { Commits, Push, RemoteCommits } from '../../store/artifacts/commits.ts';
import { ContentVanished } from '../../store/rows/blob-rows.ts';
import type { Content } from '../../store/rows/content.ts';
import type { Handlers } from '../handlers.ts';
import { expirySources, toArtifactMessage, toReceiptMessage } from '../messages.ts';
import { parseDigest, parseSize, parseSpec } from '../parse.ts';
import { type OwnerCalls, seekingMsMax } from './owner-calls.ts';
import type { Deciders } from './passing.ts';
import type { ReplicaCaller } from './replica-caller.ts';

/** The longest time that the owner may take for one commit, in milliseconds. */
const commitMsMax = limits.deadlineSecondsDefault * 1000;

/** Returns the commits of a store at the owners of their namespaces. */
export function commitsAtOwners(
  owners: Deciders['owners'],
  calls: OwnerCalls,
  caller: ReplicaCaller,
): RemoteCommits {
  const { commitContent } = ReplicasService.method;
  return {
    commit: (push, here) =>
      calls.run(owners, push.by.namespace, {
        here,
        there: async (address) => {
          const asked = { principal: push.by, timeoutMs: commitMsMax };
          return resultOf(await caller.ask(address, commitContent, requestFor(push), asked));
        },
        mayRepeat: push.spec.requestId !== undefined,
        remainingMs: () => seekingMsMax,
      }),
  };
}

/** Returns the methods with which a replica serves the others. */
export function replicaHandlers(commits: Pick<Commits, 'commitReceived'>): Handlers<typeof ReplicasService> {
  return {
    commitContent: async (request, { principal }) => {
      try {
        const { artifact, receipt } = await commits.commitReceived({ by: principal, ...pushOf(request) });
        const value = { artifact: toArtifactMessage(artifact), receipt: toReceiptMessage(receipt) };
        return { result: { case: 'committed', value } };
      } catch (error) {
        if (error instanceof ContentVanished) return { result: { case: 'bytesNeeded', value: {} } };
        throw error;
      }
    },
  };
}

function requestFor({ spec, content }: Push): MessageShape<typeof CommitContentRequestSchema> {
  return create(CommitContentRequestSchema, { spec: specMessage(spec), content: contentMessage(content) });
}

function specMessage(spec: ArtifactSpec): MessageInitShape<typeof ArtifactSpecSchema> {
  const {
    session,
    name,
    contentType = '',
    requestId = '',
    newVersion,
    sizeBytes,
    sha256 = '',
    expiry,
  } = spec;
  return {
    session,
    name,
    contentType,
    metadata: Object.fromEntries(spec.metadata),
    labels: Object.fromEntries(spec.labels),
    inputs: [...spec.inputs],
    requestId,
    newVersion,
    sha256,
    ...(sizeBytes === undefined ? {} : { sizeBytes: BigInt(sizeBytes) }),
    ...(expiry === undefined ? {} : { expiry: expiryMessage(expiry) }),
  };
}

function expiryMessage(expiry: NonNullable<ArtifactSpec['expiry']>) {
  return 'ttlMs' in expiry
    ? { case: 'ttl' as const, value: secondsOf(expiry.ttlMs) }
    : { case: 'expireTime' as const, value: secondsOf(expiry.expireTimeMs) };
}

/** Returns a time of milliseconds, which may have a fraction, as its message has it. */
function secondsOf(ms: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}

function contentMessage(content: Content | WitnessedContent): MessageInitShape<typeof PushedContentSchema> {
  const { sha256, size } = content;
  return {
    sha256,
    sizeBytes: BigInt(size),
    replaces: content.kind !== 'stored' && content.replaces,
    place: placeMessage(content),
  };
}

function placeMessage(content: Content | WitnessedContent) {
  switch (content.kind) {
    case 'inline':
      return { case: 'inline' as const, value: content.bytes };
    case 'stored':
      return { case: 'witness' as const, value: content.witness };
    case 'blob':
      return { case: 'file' as const, value: fileMessage(content) };
  }
}

type File = Extract<Content, { kind: 'blob' }>;

function fileMessage(file: File): MessageInitShape<typeof PushedFileSchema> {
  const { name, crcs, head, publishTime, awaitedUntil, version } = file;
  return {
    name,
    crcs,
    head,
    ...(publishTime === undefined ? {} : { publishTimeMs: BigInt(publishTime) }),
    ...(awaitedUntil === undefined ? {} : { awaitedUntilMs: BigInt(awaitedUntil) }),
    ...(version === undefined ? {} : { version }),
  };
}

function pushOf({ spec, content }: CommitContentRequest): Omit<Push, 'by'> {
  if (content === undefined) throw invalid('content', 'is required');
  return { spec: parseSpec('spec', spec), content: contentOf(content) };
}

function contentOf(message: MessageShape<typeof PushedContentSchema>): Content | WitnessedContent {
  const sha256 = parseDigest('content.sha256', message.sha256);
  const size = parseSize('content.size_bytes', message.sizeBytes);
  const { replaces, place } = message;
  switch (place.case) {
    case 'inline':
      return { kind: 'inline', sha256, size, replaces, bytes: place.value };
    case 'file':
      return { kind: 'blob', sha256, size, replaces, ...fileOf(place.value) };
    case 'witness':
      return { kind: 'stored', sha256, size, witness: idOf('content.witness', place.value) };
    case undefined:
      throw invalid('content.place', 'is required');
  }
}

function fileOf(
  file: MessageShape<typeof PushedFileSchema>,
): Omit<File, 'kind' | 'sha256' | 'size' | 'replaces'> {
  const { name, crcs, head, publishTimeMs, awaitedUntilMs, version } = file;
  if (name === '') throw invalid('content.file.name', 'is required');
  return {
    name,
    crcs,
    head,
    publishTime: publishTimeMs === undefined ? undefined : Number(publishTimeMs),
    ...(awaitedUntilMs === undefined ? {} : { awaitedUntil: Number(awaitedUntilMs) }),
    ...(version === undefined ? {} : { version: { generation: version.generation, crc32c: version.crc32c } }),
  };
}

function idOf(field: string, text: string): ArtifactId {
  const id = parseArtifactId(text);
  if (id === undefined) throw invalid(field, 'must be the id of an artifact');
  return id;
}

/** @throws ContentVanished if the bytes are needed. */
function resultOf({ result }: CommitContentResponse): CommitResult {
  if (result.case === 'bytesNeeded') throw new ContentVanished();
  const { artifact, receipt = create(ReceiptSchema) } = result.value ?? {};
  if (artifact === undefined) throw new TypeError('a replica has answered without an artifact');
  return { artifact: artifactOf(artifact), receipt: receiptOf(receipt) };
}

const sourceNames = Object.keys(expirySources) as ExpirySource[];

function artifactOf(message: ArtifactMessage): Artifact {
  const { expireTime } = message;
  return {
    id: idOf('artifact.id', message.id),
    session: message.session,
    name: message.name,
    version: Number(message.version),
    sha256: parseDigest('artifact.sha256', message.sha256),
    sizeBytes: Number(message.sizeBytes),
    contentType: message.contentType,
    metadata: Object.entries(message.metadata),
    inherited: message.inheritedMetadataKeys,
    labels: Object.entries(message.labels),
    inputs: message.inputs.map((id) => idOf('artifact.inputs', id)),
    createTime: timestampMs(message.createTime!),
    ...(expireTime === undefined ? {} : { expireTime: timestampMs(expireTime) }),
    expirySource: sourceNames.find((name) => expirySources[name] === message.expirySource) ?? 'none',
    hold: message.hold,
    sequence: Number(message.sequence),
    latest: message.latest,
    etag: message.etag,
  };
}

function receiptOf(message: MessageShape<typeof ReceiptSchema>): Receipt {
  const { deduplicated, replayed, metadataDiffers, labelsDiffer, inputsDiffer, bytesSaved } = message;
  return {
    deduplicated,
    replayed,
    metadataDiffers,
    labelsDiffer,
    inputsDiffer,
    bytesSaved: Number(bytesSaved),
  };
}
