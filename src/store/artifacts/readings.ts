/** Reads a bounded piece of an artifact, in a form that a language model can use. */
import { Buffer } from 'node:buffer';
import type { Artifact, ArtifactTarget } from '../../domain/artifact.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index } from '../../index/door.ts';
import { readerOf } from '../../reading/read.ts';
import { Source, type SourceOptions } from '../../reading/source.ts';
import type { Reading, Window } from '../../reading/window.ts';
import type { Contents } from '../contents/contents.ts';
import { readRecord } from '../look/artifact.ts';
import type { Paging } from '../look/paging.ts';
import { toArtifact } from '../rows/artifact-rows.ts';
import type { Namespaces } from '../tenants/namespaces.ts';

/** The piece to read. */
export interface ReadingRequest {
  readonly window: Window;
  /** The most bytes of content in the answer. */
  readonly bytesMax: number;
  /** The cursor of an earlier answer; empty: from the start of the window. */
  readonly cursor: string;
}

/** A piece of an artifact. */
export interface ArtifactReading extends Omit<Reading<unknown>, 'next'> {
  readonly artifact: Artifact;
  /** Empty: nothing is left to read. */
  readonly nextCursor: string;
}

/** Raised when the meaning of a place changes: cursors of older code are refused then. */
const placeVersion = 2;

/** Pieces of artifacts of the caller’s namespace. */
export class Readings {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly contents: Contents;
  private readonly paging: Paging;
  private readonly limits: SourceOptions;

  /** @param limits the limits of one call. Default: see {@link SourceOptions}. */
  constructor(
    index: Index,
    namespaces: Namespaces,
    contents: Contents,
    paging: Paging,
    limits: SourceOptions = {},
  ) {
    this.index = index;
    this.namespaces = namespaces;
    this.contents = contents;
    this.paging = paging;
    this.limits = limits;
  }

  /**
   * Reads one piece. Every byte of the piece, and every byte that was read on the way to it, has been checked.
   *
   * @throws Failure the failures of reading the artifact, CONTENT_UNSUITABLE, DATA_LOSS, PAGE_TOKEN_INVALID naming
   * `cursor`, INVALID_ARGUMENT naming the part of the window that cannot be used.
   */
  async read(
    principal: Principal,
    target: ArtifactTarget,
    { window, bytesMax, cursor }: ReadingRequest,
    signal?: AbortSignal,
  ): Promise<ArtifactReading> {
    const read = readerOf(window);
    const { artifact, open } = await this.find(principal, target, signal);
    const query = [
      principal.namespace,
      'reading',
      placeVersion,
      principal.subject,
      artifact.id,
      artifact.version,
      window,
    ];
    const position = this.paging.open(query, cursor, 'cursor');
    const place: unknown = position.after && JSON.parse(position.after.toString('utf8'));
    await using source = new Source(open, artifact.sizeBytes, this.limits);
    const { next, ...piece } = await read(source, { bytesMax, contentType: artifact.contentType, place });
    const last = next === undefined ? undefined : Buffer.from(JSON.stringify(next), 'utf8');
    const nextCursor = this.paging.token(query, position, last);
    return { ...piece, artifact, nextCursor };
  }

  /** Reads the rows at one instant; the bytes stay readable for a while, whatever happens to the artifact. */
  private async find(principal: Principal, target: ArtifactTarget, signal: AbortSignal | undefined) {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    await using snapshot = this.index.snapshot();
    const { record, isLatest, session } = await readRecord(snapshot, principal, target, this.index.now());
    const open = await this.contents.opener(snapshot, ns, record, signal);
    return { artifact: toArtifact(record, isLatest, session), open };
  }
}
