/** One push whose bytes come piece by piece. Its order of steps is that of docs/reliability.md, "Upload". */
import { hash } from 'node:crypto';
import type { ArtifactSpec } from '../../domain/artifact.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { Failure } from '../../domain/errors.ts';
import { type Principal, seesEverything } from '../../domain/principal.ts';
import type { Index } from '../../index/door.ts';
import type { ContentWriter } from '../contents/content-writer.ts';
import type { Contents } from '../contents/contents.ts';
import { commitInline, publishAndCommit } from '../contents/publish.ts';
import type { Space } from '../contents/space.ts';
import type { OnStep } from '../rows/steps.ts';
import type { CommitResult } from './commit.ts';
import type { Commits } from './commits.ts';

/** The statement at the end of a stream. */
export interface UploadEnd {
  readonly sizeBytes: number;
  readonly sha256: Sha256 | undefined;
}

/** The parts that the bytes of a push pass, in this order. */
interface UploadOptions {
  readonly principal: Principal;
  readonly spec: ArtifactSpec;
  readonly artifactBytesMax: number;
  readonly space: Space;
  readonly writer: ContentWriter;
  readonly index: Index;
  readonly contents: Contents;
  readonly commits: Commits;
  readonly onStep: OnStep | undefined;
}

/** The number of bytes after which the free space is looked at again. */
const spaceCheckBytes = 64 * 1024 * 1024;

/** A push in progress: bytes are written one after another, then it is finished. Disposing it drops everything. */
export class Upload implements AsyncDisposable {
  private readonly options: UploadOptions;
  /** The size at which the free space is looked at again. */
  private checkedAt = spaceCheckBytes;

  constructor(options: UploadOptions) {
    this.options = options;
  }

  /** Wait for the result before the next call. @throws Failure ARTIFACT_TOO_LARGE, SIZE_MISMATCH, STORAGE_FULL. */
  async write(bytes: Uint8Array): Promise<void> {
    const { spec, artifactBytesMax, space, writer } = this.options;
    const size = writer.size + bytes.length;
    if (size > artifactBytesMax) throw tooLarge('chunk', artifactBytesMax);
    if (spec.sizeBytes !== undefined && size > spec.sizeBytes)
      throw sizeMismatch('size_bytes', spec.sizeBytes, `at least ${size}`);
    await this.sayingWhenRoomComes(writer.write(bytes));
    if (size < this.checkedAt) return;
    this.checkedAt = size + spaceCheckBytes;
    await space.require(0);
  }

  /** Checks the caller's statements, makes everything durable and commits. */
  async finish(end: UploadEnd): Promise<CommitResult> {
    const { principal, spec, writer, index, contents, commits, onStep } = this.options;
    const { size } = writer;
    if (end.sizeBytes !== size) throw sizeMismatch('finish.size_bytes', end.sizeBytes, `${size}`);
    if (spec.sizeBytes !== undefined && spec.sizeBytes !== size)
      throw sizeMismatch('size_bytes', spec.sizeBytes, `${size}`);
    const { sha256 } = writer.finish();
    checkDigest('sha256', spec.sha256, sha256);
    checkDigest('finish.sha256', end.sha256, sha256);
    await onStep?.('upload.checked');
    const isSecretive = isSecretiveOf(principal);
    const publishing = { index, contents, ns: principal.namespace, isSecretive };
    const committed = publishAndCommit(publishing, writer, (content) =>
      commits.commit(principal, spec, content),
    );
    return await this.sayingWhenRoomComes(committed);
  }

  /** Awaits the work. If it fails for a lack of room, the error says when room may come. */
  private async sayingWhenRoomComes<T>(work: Promise<T>): Promise<T> {
    return await work.catch(async (error: unknown) => {
      throw await this.options.space.sayingWhen(error);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.options.writer[Symbol.asyncDispose]();
    await this.options.onStep?.('upload.dropped');
  }
}

/** The parts of a push whose bytes are in memory and go into the index. */
type InlinePush = Pick<UploadOptions, 'principal' | 'spec' | 'space' | 'commits' | 'onStep'>;

/**
 * Pushes bytes that are in memory and go into the index: an {@link Upload} of all of them at once, at less cost. They
 * must not change meanwhile. @throws Failure SIZE_MISMATCH, DIGEST_MISMATCH, and those of the commit.
 */
export async function pushInline(push: InlinePush, bytes: Uint8Array): Promise<CommitResult> {
  const { principal, spec, space, commits, onStep } = push;
  const size = bytes.length;
  if (spec.sizeBytes !== undefined && spec.sizeBytes !== size)
    throw sizeMismatch('size_bytes', spec.sizeBytes, size > spec.sizeBytes ? `at least ${size}` : `${size}`);
  const sha256 = hash('sha256', bytes, 'hex') as Sha256;
  checkDigest('sha256', spec.sha256, sha256);
  if (onStep !== undefined) await onStep('upload.checked');
  const content = { kind: 'inline', sha256, size, replaces: false, bytes } as const;
  try {
    return await commitInline(isSecretiveOf(principal), content, (one) =>
      commits.commit(principal, spec, one),
    );
  } catch (error) {
    throw await space.sayingWhen(error);
  } finally {
    if (onStep !== undefined) await onStep('upload.dropped');
  }
}

/** Whether the time that a push takes must not show which contents the namespace has. */
function isSecretiveOf(principal: Principal): boolean {
  return principal.restriction !== undefined || !seesEverything(principal);
}

/** @param field the field that has the bytes, or says how many they are. */
export function tooLarge(field: string, bytesMax: number): Failure {
  const description = `the content must have at most ${bytesMax} bytes`;
  return new Failure('ARTIFACT_TOO_LARGE', description, {
    metadata: { limit: String(bytesMax) },
    violations: [{ field, description }],
  });
}

/** @param said the size that the caller stated. @param received the size that arrived, in words. */
export function sizeMismatch(field: string, said: number, received: string): Failure {
  const description = `must be the size of the content: ${said} was given, but ${received} bytes arrived`;
  return new Failure('SIZE_MISMATCH', `${field}: ${description}`, {
    metadata: { expected: String(said), actual: received },
    violations: [{ field, description }],
  });
}

/** @throws Failure DIGEST_MISMATCH if the caller stated another digest. */
export function checkDigest(field: string, said: Sha256 | undefined, computed: Sha256): void {
  if (said === undefined || said === computed) return;
  const description =
    `must be the SHA-256 of the content: ${said} was given, ` + `but the bytes that arrived have ${computed}`;
  throw new Failure('DIGEST_MISMATCH', `${field}: ${description}`, {
    metadata: { expected: said, actual: computed },
    violations: [{ field, description }],
  });
}
