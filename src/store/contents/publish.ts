/** Steps S4 to S6 of a push, and the same steps of a manifest: makes content durable if necessary, and commits it. */
import { failedWith } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Index } from '../../index/door.ts';
import { blobReads, ContentVanished, discardCopy } from '../rows/blob-rows.ts';
import type { Content } from '../rows/content.ts';
import { transact } from '../rows/transaction.ts';
import type { ContentWriter } from './content-writer.ts';
import type { Contents } from './contents.ts';

/** The parts and settings of publishing. */
interface Publishing {
  readonly index: Index;
  readonly contents: Contents;
  readonly ns: string;
  /**
   * True: the bytes are always published, so that the duration does not show whether the namespace has the content.
   */
  readonly isSecretive: boolean;
}

/**
 * Publishes the bytes and commits with `commit`. Bytes that the namespace has already are not published if they are
 * at most {@link limits.joinedBytesMax} and can be read. If they are gone by the time of the commit, they are published
 * and `commit` is called again. Every committed content can be read, whatever was known of the stored one. A published
 * copy that is not committed is queued for collection, unless the outcome is unknown: it may be referenced.
 */
export async function publishAndCommit<T>(
  publishing: Publishing,
  writer: ContentWriter,
  commit: (content: Content) => Promise<T>,
): Promise<T> {
  const { index, contents, ns, isSecretive } = publishing;
  const content = writer.finish();
  if (content.kind === 'inline') return await commitInline(isSecretive, content, commit);
  const mayJoin = !isSecretive && content.size <= limits.joinedBytesMax;
  if (mayJoin && (await contents.isReadable(index, ns, content))) {
    await writer.foundStored();
    try {
      return await commit(content);
    } catch (error) {
      if (!(error instanceof ContentVanished)) throw error;
    }
  }
  const published = await writer.publish(index.now());
  try {
    return await commit(published);
  } catch (error) {
    // If this fails too, the name is an orphan as after a crash. The caller should get the first failure.
    if (!failedWith(error, 'STORE_UNAVAILABLE'))
      await discardPublished(index, ns, published).catch(() => undefined);
    throw error;
  }
}

/**
 * Commits inline bytes. The decision compares them with the stored ones, if it can read those.
 *
 * @param isSecretive see {@link Publishing}.
 */
export async function commitInline<T>(
  isSecretive: boolean,
  content: Content,
  commit: (content: Content) => Promise<T>,
): Promise<T> {
  if (!isSecretive) {
    try {
      return await commit(content);
    } catch (error) {
      if (!failedWith(error, 'DATA_LOSS')) throw error;
    }
  }
  return await commit({ ...content, replaces: true });
}

/** Queues a published copy for removal: no commit will reference it. Nothing happens to a copy that was committed. */
export async function discardPublished(index: Index, ns: string, content: Content): Promise<void> {
  await transact(index, {
    ns,
    reads: blobReads(ns, content),
    decide: (tx) => discardCopy(tx, content),
  });
}
