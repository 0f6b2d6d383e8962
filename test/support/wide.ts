/**
 * Many artifacts at once, where a test is about how many there are: copies of one that was pushed, written through the
 * index in blocks, as the benchmarks load their stores. A push for each would take the test longer than all else.
 */
import { artifactId, idMinter, parseArtifactId } from '../../src/domain/ids.ts';
import type { Index } from '../../src/index/door.ts';
import { keys } from '../../src/index/keys.ts';
import { putArtifact } from '../../src/store/rows/artifact-rows.ts';
import { Draft } from '../../src/store/rows/transaction.ts';
import { writeRows } from './rows.ts';

/** Of artifacts; each is up to ten rows, of which a transaction takes 4,096. */
const blockLength = 300;

/**
 * Each copy has a name of its own in the session of the original, and the same content and inputs. Queries and lineage
 * find them; the counts of the session and the namespace leave them out, so that such a store is not to be verified.
 *
 * @param original the id of an artifact in the namespace `default`.
 * @returns the ids, in the order of the names, which is the order of their making.
 */
export async function addCopies(
  index: Index,
  original: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const id = parseArtifactId(original)!;
  const record = keys.artifacts.record.decode((await index.get(keys.artifacts.record.key('default', id)))!);
  let random = 0;
  const mint = idMinter((length) => new Uint8Array(length).fill(random++ % 256));
  const copies = names.map((name, at) => {
    const feed = record.feed + 1 + at;
    return { ...record, name, feed, id: artifactId(mint(record.createTime + 1)) };
  });
  for (let at = 0; at < copies.length; at += blockLength) {
    const draft = new Draft('default');
    for (const copy of copies.slice(at, at + blockLength)) putArtifact(draft, copy);
    await writeRows(index, draft.writes);
  }
  return copies.map((copy) => copy.id);
}
