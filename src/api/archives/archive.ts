/** DownloadArchive: a session as one zip file. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  DownloadArchiveRequest,
  DownloadArchiveResponseSchema,
} from '../../../gen/artifacta/v1/session_service_pb.ts';
import type { Artifact } from '../../domain/artifact.ts';
import { failedWith } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { parseSessionId, type SessionId } from '../../domain/names.ts';
import { type Principal, payerOf } from '../../domain/principal.ts';
import type { Downloads } from '../../store/artifacts/downloads.ts';
import type { Listing } from '../../store/queries/listing.ts';
import type { Call } from '../handlers.ts';
import type { Archive, Archives } from './archives.ts';
import { type ZipEntry, zipOf } from './zip.ts';

/** The parts of a store that it uses. */
interface ArchiveParts {
  readonly listing: Listing;
  readonly downloads: Downloads;
}

/** An artifact to add: its record is larger. */
type Listed = Pick<Artifact, 'id' | 'name' | 'createTime'>;

/** Answers DownloadArchive. @param archives the limits of all zip files that are made. */
export async function* downloadArchive(
  { listing, downloads }: ArchiveParts,
  archives: Archives,
  request: DownloadArchiveRequest,
  call: Call,
): AsyncIterable<MessageInitShape<typeof DownloadArchiveResponseSchema>> {
  const session = parseSessionId('session', request.session);
  const { principal } = call;
  const cut = new AbortController();
  const signal = AbortSignal.any([call.signal, cut.signal]);
  using archive = archives.begin(payerOf(principal), (failure) => cut.abort(failure));
  const listed = await list(listing, principal, session, archive, signal);
  for await (const chunk of zipOf(
    entriesOf(downloads, principal, listed, signal),
    limits.chunkBytesDefault,
  )) {
    signal.throwIfAborted();
    yield { chunk };
  }
}

/** Lists the artifacts before any byte is sent, so that a refusal comes first. The oldest names come first. */
async function list(
  listing: Listing,
  principal: Principal,
  session: SessionId,
  archive: Archive,
  signal: AbortSignal,
): Promise<Listed[]> {
  const byName = new Map<string, Listed>();
  let pageToken = '';
  do {
    signal.throwIfAborted();
    const page = await listing.artifacts(principal, { ...everyName, session, pageToken });
    const before = byName.size;
    // A name with a version that came meanwhile is listed again.
    for (const { id, name, createTime } of page.items) byName.set(name, { id, name, createTime });
    archive.add(byName.size - before);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return [...byName.values()];
}

const everyName = {
  filter: '',
  showGone: false,
  oldestFirst: true,
  allVersions: false,
  name: undefined,
  pageSize: limits.pageSizeMax,
};

/** Opens the artifacts one after another. Leaves out those that are gone since they were listed. */
async function* entriesOf(
  downloads: Downloads,
  principal: Principal,
  listed: readonly Listed[],
  signal: AbortSignal,
): AsyncGenerator<ZipEntry, void, void> {
  for (const { id, name, createTime: timeMs } of listed) {
    signal.throwIfAborted();
    const opened = await unlessGone(downloads.artifact(principal, { id }, wholeRange, signal));
    if (opened !== undefined) yield { name, timeMs, bytes: opened.bytes };
  }
}

const wholeRange = { offset: 0, limit: undefined };

async function unlessGone<T>(opening: Promise<T>): Promise<T | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (goneReasons.some((reason) => failedWith(error, reason))) return undefined;
    throw error;
  }
}

const goneReasons = ['ARTIFACT_NOT_FOUND', 'ARTIFACT_EXPIRED', 'ARTIFACT_DELETED'] as const;
