/** Pushes: what can be refused before the bytes is refused here, and each push that may go on gets its {@link Upload}. */
import type { BlobStore, StagedBlob } from '../../blobs/blob-store.ts';
import type { ArtifactSpec } from '../../domain/artifact.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { failedWith } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { canRead, type Principal, requirePushable } from '../../domain/principal.ts';
import type { Index } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import { lookUp } from '../../index/look-up.ts';
import type { Range } from '../../index/row.ts';
import { ContentWriter } from '../contents/content-writer.ts';
import type { Contents } from '../contents/contents.ts';
import { physicalName } from '../contents/physical-name.ts';
import type { Space } from '../contents/space.ts';
import { readLive } from '../look/live.ts';
import { contentNotFound } from '../rows/failures.ts';
import type { OlderRequestIds } from '../rows/request-ids.ts';
import { contentObserver, type OnStep } from '../rows/steps.ts';
import { type LapseWriter, pastLapse } from '../rows/transaction.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import type { CommitResult, WitnessedContent } from './commit.ts';
import type { Commits } from './commits.ts';
import { checkDigest, pushInline, sizeMismatch, tooLarge, Upload } from './upload.ts';
import { knownRequest, refuseEarly } from './upload-checks.ts';

interface UploadsOptions {
  readonly index: Index;
  readonly blobs: BlobStore;
  readonly contents: Contents;
  readonly namespaces: Namespaces;
  readonly space: Space;
  /** Contents up to this size go into the index; 0 for none. */
  readonly inlineBytesMax: number;
  readonly artifactBytesMax: number;
  /** True: a push to an unknown session opens it. */
  readonly opensSessions: boolean;
  readonly olderRequestIds: OlderRequestIds;
  readonly lapses: LapseWriter;
  readonly onStep: OnStep | undefined;
  readonly commits: Commits;
}

/** A blob that a client has sent to its place, in the role of one that is being staged. */
interface SentContent {
  readonly blob: StagedBlob;
  /** See {@link Content}. */
  readonly awaitedUntil: number;
}

/** Pushes into the caller’s namespace. */
export class Uploads {
  private readonly options: UploadsOptions;
  private readonly commits: Commits;

  constructor(options: UploadsOptions) {
    this.options = options;
    this.commits = options.commits;
  }

  /**
   * Begins a push whose bytes follow. Refuses at once what can be refused without them. The signal ends waiting for a
   * place of contents on another machine.
   *
   * @returns the answer, if the request id is known and the caller asserted size and digest; otherwise an upload, which
   * must be finished or disposed.
   */
  async begin(
    principal: Principal,
    spec: ArtifactSpec,
    signal?: AbortSignal,
  ): Promise<Upload | CommitResult> {
    const admitted = await this.admit(principal, spec);
    if ('artifact' in admitted) return admitted;
    return this.upload(principal, spec, admitted.internalId, signal);
  }

  /**
   * Refuses what can be refused without the bytes.
   *
   * @returns the answer, as {@link begin}; otherwise the internal id of the namespace for a physical name.
   */
  async admit(
    principal: Principal,
    spec: ArtifactSpec,
  ): Promise<{ readonly internalId: string } | CommitResult> {
    const namespace = await this.options.namespaces.require(principal.namespace);
    requirePushable(principal, spec);
    const artifactBytesMax = this.artifactBytesMax(principal);
    if (spec.sizeBytes !== undefined && spec.sizeBytes > artifactBytesMax)
      throw tooLarge('size_bytes', artifactBytesMax);
    const known = await this.refuseEarly(principal, spec);
    const replayed = known && (await this.replayed(principal, spec, known));
    if (replayed !== undefined) return replayed;
    if (known === undefined) await this.options.space.require(spec.sizeBytes ?? 0);
    return namespace;
  }

  /** Begins a push whose bytes a client has sent to their place; they are read back and written to the upload. */
  over(principal: Principal, spec: ArtifactSpec, { blob, awaitedUntil }: SentContent): Upload {
    const { onStep } = this.options;
    const writer = new ContentWriter({
      blobs: { stage: async () => blob },
      inlineBytesMax: 0,
      mintName: () => blob.name,
      awaitedUntil,
      onStep: contentObserver('upload', onStep),
    });
    return this.into(principal, spec, writer);
  }

  /**
   * Returns the answer to a known request id. Undefined if the bytes are needed: the caller did not assert size and
   * digest, or the bytes are damaged here.
   */
  private async replayed(
    principal: Principal,
    spec: ArtifactSpec,
    witness: WitnessedContent['witness'],
  ): Promise<CommitResult | undefined> {
    const { index, contents } = this.options;
    const { sha256, sizeBytes: size } = spec;
    if (sha256 === undefined || size === undefined) return undefined;
    const result = await this.commits.commit(principal, spec, { kind: 'stored', sha256, size, witness });
    const isReadable = await contents.isReadable(index, principal.namespace, { sha256, size });
    return isReadable ? result : undefined;
  }

  /** Pushes content that is in memory, and does not change meanwhile. */
  async create(
    principal: Principal,
    spec: ArtifactSpec,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<CommitResult> {
    const { inlineBytesMax, namespaces, space, onStep } = this.options;
    if (!namespaces.isKnown(principal.namespace)) await namespaces.require(principal.namespace);
    requirePushable(principal, spec);
    const artifactBytesMax = this.artifactBytesMax(principal);
    if (bytes.length > artifactBytesMax) throw tooLarge('data', artifactBytesMax);
    if (bytes.length > inlineBytesMax) await this.refuseEarly(principal, spec);
    if (!space.hasRoom(bytes.length)) await this.requireRoom(principal, spec, bytes.length);
    if (bytes.length <= inlineBytesMax)
      return await pushInline({ principal, spec, space, commits: this.commits, onStep }, bytes);
    const namespace = await namespaces.require(principal.namespace);
    await using upload = this.upload(principal, spec, namespace.internalId, signal);
    await upload.write(bytes);
    return await upload.finish({ sizeBytes: bytes.length, sha256: undefined });
  }

  /** Pushes content that the caller can already read in this namespace, by its digest. */
  async createByDigest(
    principal: Principal,
    spec: ArtifactSpec,
    content: { readonly sha256: Sha256; readonly sizeBytes: number },
  ): Promise<CommitResult> {
    const { sha256, sizeBytes: size } = content;
    await this.options.namespaces.require(principal.namespace);
    requirePushable(principal, spec);
    const bytesMax = principal.restriction?.artifactBytesMax;
    if (bytesMax !== undefined && size > bytesMax) throw tooLarge('size_bytes', bytesMax);
    checkDigest('sha256', spec.sha256, sha256);
    if (spec.sizeBytes !== undefined && spec.sizeBytes !== size)
      throw sizeMismatch('size_bytes', spec.sizeBytes, `${size}`);
    const { index, contents } = this.options;
    const isThere = () => contents.isThere(index, principal.namespace, { sha256, size });
    const known = await this.knownRequest(principal, spec.requestId);
    const witness = known ?? (await this.findWitness(principal, sha256));
    // The commit gives the answer to a known request id; it changes nothing then.
    if (witness === undefined || (known === undefined && !(await isThere()))) throw contentNotFound(sha256);
    await this.requireRoom(principal, spec, 0);
    const result = await this.commits.commit(principal, spec, { kind: 'stored', sha256, size, witness });
    if (result.receipt.replayed && !(await isThere())) throw contentNotFound(sha256);
    return result;
  }

  private async refuseEarly(
    principal: Principal,
    spec: ArtifactSpec,
  ): Promise<WitnessedContent['witness'] | undefined> {
    const { index, lapses } = this.options;
    try {
      return await pastLapse(lapses, principal.namespace, () =>
        lookUp(index.cached, (rows) => refuseEarly(rows, principal, spec, this.options, index.now())),
      );
    } catch (error) {
      // The session has lapsed, and another process has to write that down. It refuses the push at the commit.
      if (failedWith(error, 'NOT_OWNER')) return undefined;
      // An earlier try of the request may have succeeded since its row was looked for, and the session ended after it.
      const known = await this.knownRequest(principal, spec.requestId);
      if (known !== undefined) return known;
      throw error;
    }
  }

  /** Refuses a push if no room is left for it. A known request id needs no room. @throws Failure STORAGE_FULL. */
  private async requireRoom(principal: Principal, spec: ArtifactSpec, bytes: number): Promise<void> {
    const lack = await this.options.space.lack(bytes);
    if (lack !== undefined && (await this.knownRequest(principal, spec.requestId)) === undefined) throw lack;
  }

  /**
   * Returns the artifact that a request id made, while the request id is remembered: its answer needs no other witness.
   */
  private async knownRequest(principal: Principal, requestId: string | undefined) {
    const { index, olderRequestIds: older } = this.options;
    return await lookUp(index.cached, (rows) => knownRequest(rows, principal, requestId, index.now(), older));
  }

  /** Returns a live artifact with that content that the caller can read. */
  private async findWitness(by: Principal, sha256: Sha256): Promise<WitnessedContent['witness'] | undefined> {
    if (!by.scopes.has('read')) return undefined;
    const ns = by.namespace;
    const { index } = this.options;
    await using snapshot = index.snapshot();
    // Nearly always the first artifact is live, and a few records are read at first.
    let range: Range = { ...keys.blobs.reference.range(ns, sha256, 'artifact'), limit: 8 };
    for (let touched = 0; touched < limits.queryTouchesMax; ) {
      const before = touched;
      for await (const block of snapshot.scan(range)) {
        const ids = block.map(([key]) => keys.blobs.reference.parse(key)[3] as WitnessedContent['witness']);
        const found = await readLive(snapshot, by, ids, index.now());
        const live = found.findIndex((one) => one !== undefined && canRead(by, one.record));
        if (live >= 0) return ids[live];
        touched += block.length;
        range = { ...rangeAfter(range, block.at(-1)![0]), limit: 512 };
      }
      if (touched === before) return undefined;
    }
    return undefined;
  }

  private upload(
    principal: Principal,
    spec: ArtifactSpec,
    internalId: string,
    signal: AbortSignal | undefined,
  ): Upload {
    const { blobs, inlineBytesMax, onStep } = this.options;
    const writer = new ContentWriter({
      blobs,
      inlineBytesMax,
      mintName: () => physicalName(internalId),
      signal,
      onStep: contentObserver('upload', onStep),
    });
    return this.into(principal, spec, writer);
  }

  private into(principal: Principal, spec: ArtifactSpec, writer: ContentWriter): Upload {
    const { commits } = this;
    const artifactBytesMax = this.artifactBytesMax(principal);
    return new Upload({ ...this.options, artifactBytesMax, principal, spec, writer, commits });
  }

  /** Returns the size of the largest artifact that the principal may push. */
  private artifactBytesMax({ restriction }: Principal): number {
    return Math.min(this.options.artifactBytesMax, restriction?.artifactBytesMax ?? Number.POSITIVE_INFINITY);
  }
}
