/** Steps S4 to S6 of a push, and the same of a manifest: makes content durable if need be, and commits it. */
import { failedWith } from '../../domain/errors.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { blobReads, ContentUnchecked, ContentVanished, discardCopy } from '../rows/blob-rows.ts';
import type { Content } from '../rows/content.ts';
import { transact } from '../rows/transaction.ts';
import type { ContentWriter } from './content-writer.ts';
import type { Contents } from './contents.ts';

/** What publishing needs of its surroundings. */
export interface Publishing {
  readonly index: Index;
  readonly contents: Contents;
  readonly ns: string;
  /** How long it takes must not tell whether the namespace holds the content: it is written in any case. */
  readonly isSecretive: boolean;
}

/**
 * Publishes the bytes unless the namespace holds them already and they can be read, and commits with `commit`, which is
 * called again if what was held has vanished or has to be looked at first. Whatever was or was not known of what is held,
 * what is committed can be read. A published copy that is then not committed is queued for collection, unless the
 * outcome is unknown: it may be referenced.
 */
export async function publishAndCommit<T>(
  publishing: Publishing,
  writer: ContentWriter,
  commit: (content: Content) => Promise<T>,
): Promise<T> {
  const { index, isSecretive } = publishing;
  const content = writer.finish();
  if (content.kind === 'inline') return await commitInline(publishing, content, commit);
  const held = isSecretive ? 'sound' : await stateOfHeld(publishing, content);
  if (held === 'sound' && !isSecretive) {
    await writer.foundHeld();
    try {
      return await commit({ ...content, ifHeld: 'join' });
    } catch (error) {
      if (!(error instanceof ContentVanished)) throw error;
    }
  }
  const published = await writer.publish(index.now());
  try {
    return await commit({ ...published, ifHeld: held === 'absent' ? 'join' : 'replace' });
  } catch (error) {
    // If this fails too, the name is an orphan as after a crash. What the caller should hear is the first failure.
    if (!failedWith(error, 'STORE_UNAVAILABLE')) await condemn(publishing, published).catch(() => undefined);
    throw error;
  }
}

/** Only what is held is looked at: most contents are new. */
async function commitInline<T>(
  publishing: Publishing,
  content: Content,
  commit: (content: Content) => Promise<T>,
): Promise<T> {
  if (publishing.isSecretive) return await commit({ ...content, ifHeld: 'replace' });
  try {
    return await commit(content);
  } catch (error) {
    if (!(error instanceof ContentUnchecked)) throw error;
  }
  const held = await stateOfHeld(publishing, content);
  return await commit({ ...content, ifHeld: held === 'unsound' ? 'replace' : 'join' });
}

/** Whether the namespace holds the content, as far as is known without damage, and whether it can be read. */
async function stateOfHeld(
  { index, contents, ns }: Publishing,
  content: Content,
): Promise<'absent' | 'sound' | 'unsound'> {
  const held = await index.get(keys.blobs.record.key(ns, content.sha256));
  if (held === undefined || keys.blobs.record.decode(held).quarantined) return 'absent';
  return (await contents.isSound(index, ns, content)) ? 'sound' : 'unsound';
}

async function condemn({ index, ns }: Publishing, content: Content): Promise<void> {
  await transact(index, {
    ns,
    reads: blobReads(ns, content),
    decide: (tx) => discardCopy(tx, content),
  });
}
