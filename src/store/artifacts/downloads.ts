/** Serves contents: that of an artifact, or the manifest of a sealed session. */
import type { ReadUrl, ShownAs } from '../../blobs/blob-store.ts';
import type { Artifact, ArtifactTarget } from '../../domain/artifact.ts';
import { invalid } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/names.ts';
import { type Principal, requireWholeSessions } from '../../domain/principal.ts';
import type { Manifest } from '../../domain/session.ts';
import type { Index } from '../../index/door.ts';
import type { Contents } from '../contents/contents.ts';
import { readRecord } from '../look/artifact.ts';
import { readSession } from '../look/session.ts';
import { toArtifact } from '../rows/artifact-rows.ts';
import { manifestOf } from '../rows/session-rows.ts';
import type { Namespaces } from '../tenants/namespaces.ts';

/** Bytes, and the thing that they belong to. */
interface Download<T> {
  readonly of: T;
  /** The wanted bytes. Reading them fails with DATA_LOSS at the first block that does not match its checksum. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A content that is read at its place. */
interface Elsewhere {
  readonly of: Artifact;
  readonly url: ReadUrl;
}

/** The artifacts whose contents may be read at their place, and how that shows them. */
export interface ElsewhereOptions {
  /** Smaller contents are not read there. */
  readonly bytesMin: number;
  readonly shownAs: (artifact: Artifact) => ShownAs;
}

/** The first byte, and the most bytes to read; undefined for all bytes that follow. */
interface ByteRange {
  readonly offset: number;
  readonly limit: number | undefined;
}

/** Contents of the caller’s namespace. */
export class Downloads {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly contents: Contents;

  constructor(index: Index, namespaces: Namespaces, contents: Contents) {
    this.index = index;
    this.namespaces = namespaces;
    this.contents = contents;
  }

  /**
   * Opens an artifact's content.
   *
   * @throws Failure the failures of reading the artifact, INVALID_ARGUMENT for an offset past the end, DATA_LOSS.
   */
  async artifact(
    principal: Principal,
    target: ArtifactTarget,
    range: ByteRange,
    signal?: AbortSignal,
  ): Promise<Download<Artifact>> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    await using snapshot = this.index.snapshot();
    const { record, isLatest, session } = await readRecord(snapshot, principal, target, this.index.now());
    const part = partOf(range, record.size);
    const bytes = await this.contents.open(snapshot, ns, record, part, signal);
    return { of: toArtifact(record, isLatest, session), bytes };
  }

  /**
   * Returns an artifact and a URL for its content, whatever the range; undefined if {@link artifact} is to be used.
   *
   * @throws Failure as {@link artifact}, for damage that is known.
   */
  async elsewhere(
    principal: Principal,
    target: ArtifactTarget,
    range: ByteRange,
    { bytesMin, shownAs }: ElsewhereOptions,
    signal?: AbortSignal,
  ): Promise<Elsewhere | undefined> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    const found = await this.lookElsewhere(principal, target, range, bytesMin);
    const url = await found?.link(shownAs(found.of), signal);
    return found && url && { of: found.of, url };
  }

  private async lookElsewhere(
    principal: Principal,
    target: ArtifactTarget,
    range: ByteRange,
    bytesMin: number,
  ) {
    await using snapshot = this.index.snapshot();
    const { record, isLatest, session } = await readRecord(snapshot, principal, target, this.index.now());
    if (partOf(range, record.size).length === 0 || record.size < bytesMin) return undefined;
    const link = await this.contents.linker(snapshot, principal.namespace, record);
    return link && { of: toArtifact(record, isLatest, session), link };
  }

  /**
   * Opens the manifest of a sealed session. @throws Failure SESSION_NOT_FOUND, MANIFEST_NOT_FOUND, SEAL_PENDING,
   * DATA_LOSS, PERMISSION_DENIED.
   */
  async manifest(principal: Principal, id: SessionId, signal?: AbortSignal): Promise<Download<Manifest>> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    await using snapshot = this.index.snapshot();
    requireWholeSessions(principal);
    const manifest = manifestOf(await readSession(snapshot, principal, id, this.index.now()));
    const part = { offset: 0, length: manifest.size };
    const bytes = await this.contents.open(snapshot, ns, manifest, part, signal);
    return { of: { sha256: manifest.sha256, sizeBytes: manifest.size, lineCount: manifest.lines }, bytes };
  }
}

function partOf({ offset, limit }: ByteRange, sizeBytes: number) {
  if (offset > sizeBytes)
    throw invalid('offset', `must not be past the end: the content has ${sizeBytes} bytes`);
  return { offset, length: Math.min(limit ?? Number.POSITIVE_INFINITY, sizeBytes - offset) };
}
