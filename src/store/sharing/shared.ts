/** What a share link opens, for anyone who has its token. */
import type { ReadUrl, ShownAs } from '../../blobs/blob-store.ts';
import type { Artifact } from '../../domain/artifact.ts';
import { Failure } from '../../domain/errors.ts';
import { isExpired } from '../../domain/expiry.ts';
import type { Namespace } from '../../domain/names.ts';
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord, ShareLinkRecord } from '../../index/records.ts';
import type { Contents, Part } from '../contents/contents.ts';
import { toArtifact } from '../rows/artifact-rows.ts';
import { asOf, type SessionNow } from '../rows/session-life.ts';
import { isWaiting } from '../rows/waiting.ts';
import { hashOf, linkId } from './links.ts';

/** The longest time for which a link may still be served after it was revoked, in milliseconds. */
const revocationMs = 500;

/** The artifact that a link is for. */
interface Shared {
  readonly artifact: Artifact;
  /** The id of the link, for logs: it opens nothing. */
  readonly linkId: string;
  readonly namespace: Namespace;
}

interface Opened extends Shared {
  readonly record: ArtifactRecord;
}

/** Contents for the bearers of tokens, of any namespace. */
export class SharedContents {
  private readonly index: Index;
  private readonly contents: Contents;
  private readonly elapsed: () => number;

  /** @param elapsed milliseconds from any origin. */
  constructor(index: Index, contents: Contents, elapsed: () => number) {
    this.index = index;
    this.contents = contents;
    this.elapsed = elapsed;
  }

  /**
   * @throws Failure SHARE_LINK_NOT_FOUND for an unknown or revoked link, ARTIFACT_EXPIRED for a link that has ended by
   * itself.
   */
  async find(token: string): Promise<Shared> {
    await using snapshot = this.index.snapshot();
    return await this.open(snapshot, token);
  }

  /**
   * Yields the bytes of a part. The link is looked at again while they are taken: the bytes stop when it is revoked.
   *
   * @throws Failure as {@link find}, DATA_LOSS.
   */
  async *read(token: string, part: Part, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const pieces = await this.pieces(token, part, signal);
    let lookedAt = this.elapsed();
    for await (const piece of pieces) {
      if (this.elapsed() - lookedAt >= revocationMs) {
        await this.find(token);
        lookedAt = this.elapsed();
      }
      yield piece;
    }
  }

  /**
   * Returns a URL for the content at its place, which stays good if the link is revoked; undefined if {@link read} is to
   * be used.
   *
   * @throws Failure as {@link find}, DATA_LOSS for damage that is known.
   */
  async elsewhere(token: string, shown: ShownAs, signal: AbortSignal): Promise<ReadUrl | undefined> {
    const link = await this.linker(token);
    return await link?.(shown, signal);
  }

  private async linker(token: string) {
    await using snapshot = this.index.snapshot();
    const { record, namespace } = await this.open(snapshot, token);
    return await this.contents.linker(snapshot, namespace, record);
  }

  private async pieces(token: string, part: Part, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    await using snapshot = this.index.snapshot();
    const { record, namespace } = await this.open(snapshot, token);
    return await this.contents.open(snapshot, namespace, record, part, signal);
  }

  private async open(reader: Reader, token: string): Promise<Opened> {
    const hash = hashOf(token);
    const value = await reader.get(keys.links.record.key(hash));
    const link = value && keys.links.record.decode(value);
    if (link === undefined || link.revokeTime !== undefined) throw unknown();
    const now = this.index.now();
    if (link.expireTime <= now) throw ended();
    if (await isWaiting(reader, link)) throw unknown();
    const { ns, artifact: id, uid } = link;
    const [recordValue, sessionValue] = await reader.getMany([
      keys.artifacts.record.key(ns, id),
      keys.sessions.record.key(ns, uid),
    ]);
    const record = recordValue && keys.artifacts.record.decode(recordValue);
    const session = sessionValue && asOf(keys.sessions.record.decode(sessionValue), now);
    if (record === undefined || session?.deleteTime !== undefined) throw unknown();
    if (isExpired(record, session, now)) throw ended();
    return { ...sharedOf(link, record, session), linkId: linkId(hash), record };
  }
}

function sharedOf({ ns }: ShareLinkRecord, record: ArtifactRecord, session: SessionNow | undefined) {
  // A client that has a link must not learn whether later versions exist.
  return { artifact: toArtifact(record, false, session), namespace: ns as Namespace };
}

/** The answer is the same for a link that never existed, one that was revoked, and one that waits for an operator. */
function unknown(): Failure {
  return new Failure('SHARE_LINK_NOT_FOUND', 'this link does not exist, or was revoked');
}

function ended(): Failure {
  return new Failure('ARTIFACT_EXPIRED', 'this link has expired');
}
