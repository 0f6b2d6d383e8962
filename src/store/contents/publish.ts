/** Steps S4 to S6 of a push, and the same of a manifest: makes content durable if need be, and commits it. */
import { failedWith } from '../../domain/errors.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { blobReads, ContentVanished, discardCopy } from '../rows/blob-rows.ts';
import type { Content } from '../rows/content.ts';
import { transact } from '../rows/transaction.ts';
import type { ContentWriter } from './content-writer.ts';

/**
 * Publishes the bytes unless the namespace holds them already, and commits with `commit`, which is called again if
 * those that were held have vanished. A published copy that is then not committed is queued for collection, unless the
 * outcome is unknown: it may be referenced.
 */
export async function publishAndCommit<T>(
  index: Index,
  ns: string,
  writer: ContentWriter,
  commit: (content: Content) => Promise<T>,
): Promise<T> {
  const content = writer.finish();
  if (content.kind === 'inline') return await commit(content);
  const held = await index.get(keys.blobs.record.key(ns, content.sha256));
  if (held !== undefined && !keys.blobs.record.decode(held).quarantined) {
    await writer.foundHeld();
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
    // If this fails too, the name is an orphan as after a crash. What the caller should hear is the first failure.
    if (!failedWith(error, 'STORE_UNAVAILABLE')) await condemn(index, ns, published).catch(() => undefined);
    throw error;
  }
}

async function condemn(index: Index, ns: string, content: Content): Promise<void> {
  await transact(index, {
    ns,
    reads: blobReads(ns, content),
    decide: (tx) => discardCopy(tx, content),
  });
}
