/** Pushes: receives bytes, then commits. The order of steps is that of docs/reliability.md, "Upload". */
import type { BlobStore } from '../../blobs/blob-store.ts';
import type { ArtifactSpec } from '../../domain/artifact.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { canRead, type Principal, requirePushable, seesEverything } from '../../domain/principal.ts';
import type { Index } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import { lookUp } from '../../index/look-up.ts';
import type { Range } from '../../index/row.ts';
import { ContentWriter } from '../contents/content-writer.ts';
import type { Contents } from '../contents/contents.ts';
import { physicalName } from '../contents/physical-name.ts';
import { publishAndCommit } from '../contents/publish.ts';
import type { Space } from '../contents/space.ts';
import { readLive } from '../look/live.ts';
import type { Content } from '../rows/content.ts';
import { contentNotFound } from '../rows/failures.ts';
import { contentObserver, type OnStep } from '../rows/steps.ts';
import { type LapseWriter, pastLapse, transact } from '../rows/transaction.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import {
  type CommitRequest,
  type CommitResult,
  commitReads,
  decideCommit,
  type HeldContent,
} from './commit.ts';
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
  readonly lapses: LapseWriter;
  readonly onStep: OnStep | undefined;
}

/** The statement at the end of a stream. */
export interface UploadEnd {
  readonly sizeBytes: number;
  readonly sha256: Sha256 | undefined;
}

/** Pushes into the caller’s namespace. */
export class Uploads {
  private readonly options: UploadsOptions;

  constructor(options: UploadsOptions) {
    this.options = options;
  }

  /**
   * Begins a push whose bytes follow. Refuses at once what can be refused without them.
   *
   * @returns the answer, if the request id is known and the caller asserted size and digest; otherwise an upload, which
   * must be finished or disposed.
   */
  async begin(principal: Principal, spec: ArtifactSpec): Promise<Upload | CommitResult> {
    const { namespaces, artifactBytesMax } = this.options;
    const namespace = await namespaces.require(principal.namespace);
    requirePushable(principal, spec);
    if (spec.sizeBytes !== undefined && spec.sizeBytes > artifactBytesMax)
      throw tooLarge('size_bytes', artifactBytesMax);
    const known = await this.refuseEarly(principal, spec);
    const replayed = known && (await this.replayed(principal, spec, known));
    if (replayed !== undefined) return replayed;
    if (known === undefined) await this.options.space.require(spec.sizeBytes ?? 0);
    const writer = this.contentWriter(namespace.internalId);
    return new Upload(this, principal, spec, writer, artifactBytesMax);
  }

  /**
   * Returns the answer to a known request id. Undefined if the bytes are needed: the caller did not assert size and
   * digest, or the bytes are damaged here.
   */
  private async replayed(
    principal: Principal,
    spec: ArtifactSpec,
    witness: HeldContent['witness'],
  ): Promise<CommitResult | undefined> {
    const { index, contents } = this.options;
    const { sha256, sizeBytes: size } = spec;
    if (sha256 === undefined || size === undefined) return undefined;
    const result = await this.commit(principal, spec, { kind: 'held', sha256, size, witness });
    const isReadable = await contents.isReadable(index, principal.namespace, { sha256, size });
    return isReadable ? result : undefined;
  }

  /** Pushes content that is in memory. */
  async create(principal: Principal, spec: ArtifactSpec, bytes: Uint8Array): Promise<CommitResult> {
    const { artifactBytesMax, inlineBytesMax, namespaces } = this.options;
    const namespace = await namespaces.require(principal.namespace);
    requirePushable(principal, spec);
    if (bytes.length > artifactBytesMax) throw tooLarge('data', artifactBytesMax);
    if (bytes.length > inlineBytesMax) await this.refuseEarly(principal, spec);
    await this.requireRoom(principal, spec, bytes.length);
    await using upload = new Upload(
      this,
      principal,
      spec,
      this.contentWriter(namespace.internalId),
      artifactBytesMax,
    );
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
    const result = await this.commit(principal, spec, { kind: 'held', sha256, size, witness });
    if (result.receipt.replayed && !(await isThere())) throw contentNotFound(sha256);
    return result;
  }

  private refuseEarly(principal: Principal, spec: ArtifactSpec): Promise<HeldContent['witness'] | undefined> {
    const { index, lapses, opensSessions } = this.options;
    return pastLapse(lapses, principal.namespace, () =>
      lookUp(index, (rows) => refuseEarly(rows, principal, spec, opensSessions, index.now())),
    );
  }

  /** Refuses a push if no room is left for it. A known request id needs no room. @throws Failure STORAGE_FULL. */
  private async requireRoom(principal: Principal, spec: ArtifactSpec, bytes: number): Promise<void> {
    const lack = await this.options.space.lack(bytes);
    if (lack !== undefined && (await this.knownRequest(principal, spec.requestId)) === undefined) throw lack;
  }

  /** For {@link Upload}: bytes continue to come, and the caller did not say how many. @throws Failure STORAGE_FULL. */
  async requireSpace(): Promise<void> {
    await this.options.space.require(0);
  }

  /**
   * Returns the artifact that a request id made, while the request id is remembered: its answer needs no other witness.
   */
  private async knownRequest(principal: Principal, requestId: string | undefined) {
    const { index } = this.options;
    return await lookUp(index, (rows) => knownRequest(rows, principal, requestId, index.now()));
  }

  /** Returns a live artifact with that content that the caller can read. */
  private async findWitness(by: Principal, sha256: Sha256): Promise<HeldContent['witness'] | undefined> {
    if (!by.scopes.has('read')) return undefined;
    const ns = by.namespace;
    const { index } = this.options;
    await using snapshot = index.snapshot();
    // Nearly always the first artifact is live, and a few records are read at first.
    let range: Range = { ...keys.blobs.reference.range(ns, sha256, 'artifact'), limit: 8 };
    for (let touched = 0; touched < limits.queryTouchesMax; ) {
      const before = touched;
      for await (const block of snapshot.scan(range)) {
        const ids = block.map(([key]) => keys.blobs.reference.parse(key)[3] as HeldContent['witness']);
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

  private contentWriter(internalId: string): ContentWriter {
    const { blobs, inlineBytesMax, onStep } = this.options;
    return new ContentWriter({
      blobs,
      inlineBytesMax,
      mintName: () => physicalName(internalId),
      onStep: contentObserver('upload', onStep),
    });
  }

  /** For {@link Upload}: called when all statements about the bytes have been checked. */
  async finish(principal: Principal, spec: ArtifactSpec, writer: ContentWriter): Promise<CommitResult> {
    const { index, contents } = this.options;
    await this.options.onStep?.('upload.checked');
    const ns = principal.namespace;
    const isSecretive = principal.restriction !== undefined || !seesEverything(principal);
    const publishing = { index, contents, ns, isSecretive };
    const committed = publishAndCommit(publishing, writer, (content) =>
      this.commit(principal, spec, content),
    );
    return await committed.catch(this.sayWhenRoomComes);
  }

  private async commit(
    principal: Principal,
    spec: ArtifactSpec,
    content: Content | HeldContent,
  ): Promise<CommitResult> {
    const request: CommitRequest = {
      by: principal,
      spec,
      content,
      opensSessions: this.options.opensSessions,
    };
    const result = await transact(this.options.index, {
      ns: principal.namespace,
      by: principal,
      lapses: this.options.lapses,
      reads: commitReads(request),
      bytesHint: 4096 + (content.kind === 'inline' ? content.size : 0),
      decide: (tx) => decideCommit(tx, request),
    });
    await this.options.onStep?.('upload.committed');
    return result;
  }

  /** For {@link Upload}: throws the given error. If it was a lack of room, the error says when room may come. */
  readonly sayWhenRoomComes = async (thrown: unknown): Promise<never> => {
    throw await this.options.space.sayingWhen(thrown);
  };

  /** For {@link Upload}: called when bytes that were staged and not published are gone. */
  async dropped(): Promise<void> {
    await this.options.onStep?.('upload.dropped');
  }
}

const spaceCheckBytes = 64 * 1024 * 1024;

/** A push in progress: bytes are written one after another, then it is finished. Disposing it drops everything. */
export class Upload implements AsyncDisposable {
  private readonly uploads: Uploads;
  private readonly principal: Principal;
  private readonly spec: ArtifactSpec;
  private readonly writer: ContentWriter;
  private readonly bytesMax: number;
  /** The size at which the free space is looked at again. */
  private checkedAt = spaceCheckBytes;

  constructor(
    uploads: Uploads,
    principal: Principal,
    spec: ArtifactSpec,
    writer: ContentWriter,
    bytesMax: number,
  ) {
    this.uploads = uploads;
    this.principal = principal;
    this.spec = spec;
    this.writer = writer;
    this.bytesMax = bytesMax;
  }

  /** Wait for the result before the next call. @throws Failure ARTIFACT_TOO_LARGE, SIZE_MISMATCH, STORAGE_FULL. */
  async write(bytes: Uint8Array): Promise<void> {
    const size = this.writer.size + bytes.length;
    if (size > this.bytesMax) throw tooLarge('chunk', this.bytesMax);
    if (this.spec.sizeBytes !== undefined && size > this.spec.sizeBytes)
      throw sizeMismatch('size_bytes', this.spec.sizeBytes, `at least ${size}`);
    await this.writer.write(bytes).catch(this.uploads.sayWhenRoomComes);
    if (size < this.checkedAt) return;
    this.checkedAt = size + spaceCheckBytes;
    await this.uploads.requireSpace();
  }

  /** Checks the caller's statements, makes everything durable and commits. */
  async finish(end: UploadEnd): Promise<CommitResult> {
    const { size } = this.writer;
    if (end.sizeBytes !== size) throw sizeMismatch('finish.size_bytes', end.sizeBytes, `${size}`);
    if (this.spec.sizeBytes !== undefined && this.spec.sizeBytes !== size)
      throw sizeMismatch('size_bytes', this.spec.sizeBytes, `${size}`);
    const { sha256 } = this.writer.finish();
    checkDigest('sha256', this.spec.sha256, sha256);
    checkDigest('finish.sha256', end.sha256, sha256);
    return this.uploads.finish(this.principal, this.spec, this.writer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writer[Symbol.asyncDispose]();
    await this.uploads.dropped();
  }
}

function tooLarge(field: string, bytesMax: number): Failure {
  const description = `the content must have at most ${bytesMax} bytes`;
  return new Failure('ARTIFACT_TOO_LARGE', description, {
    metadata: { limit: String(bytesMax) },
    violations: [{ field, description }],
  });
}

function sizeMismatch(field: string, said: number, received: string): Failure {
  const description = `must be the size of the content: it is ${said}, and ${received} bytes arrived`;
  return new Failure('SIZE_MISMATCH', `${field}: ${description}`, {
    metadata: { expected: String(said), actual: received },
    violations: [{ field, description }],
  });
}

function checkDigest(field: string, said: Sha256 | undefined, computed: Sha256): void {
  if (said === undefined || said === computed) return;
  const description = `must be the SHA-256 of the content: it is ${said}, and the bytes have ${computed}`;
  throw new Failure('DIGEST_MISMATCH', `${field}: ${description}`, {
    metadata: { expected: said, actual: computed },
    violations: [{ field, description }],
  });
}
