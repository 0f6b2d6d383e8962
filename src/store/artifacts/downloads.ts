/** Serves contents: that of an artifact, or the manifest of a sealed session. */
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
   * @param offset first byte; at most the size.
   * @param limit the most bytes to read; undefined for all bytes that follow.
   * @throws Failure the failures of reading the artifact, INVALID_ARGUMENT for an offset past the end, DATA_LOSS.
   */
  async artifact(
    principal: Principal,
    target: ArtifactTarget,
    range: { readonly offset: number; readonly limit: number | undefined },
    signal?: AbortSignal,
  ): Promise<Download<Artifact>> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    await using snapshot = this.index.snapshot();
    const { record, isLatest, session } = await readRecord(snapshot, principal, target, this.index.now());
    if (range.offset > record.size)
      throw invalid('offset', `must not be past the end: the content has ${record.size} bytes`);
    const length = Math.min(range.limit ?? Number.POSITIVE_INFINITY, record.size - range.offset);
    const bytes = await this.contents.open(snapshot, ns, record, { offset: range.offset, length }, signal);
    return { of: toArtifact(record, isLatest, session), bytes };
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
