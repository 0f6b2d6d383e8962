/** Rows of content types as release 0.1 wrote them: with the parameters in the key. They keep their signatures. */
import type { Index } from '../../src/index/door.ts';
import { keys } from '../../src/index/keys.ts';
import type { Write } from '../../src/index/row.ts';
import type { Store } from '../../src/store/open.ts';
import { writeRows } from './rows.ts';
import { specOf, tester } from './specs.ts';

/** Writes the rows of a store so. @param isMarked whether it says of itself all the same that they are as they should be. */
export async function asRelease01(index: Index, isMarked = false): Promise<void> {
  const writes: Write[] = isMarked ? [] : [keys.store.setting.del('mediaTypes')];
  for await (const block of index.scan(keys.artifacts.record.range()))
    for (const [key, value] of block) {
      const [ns, id] = keys.artifacts.record.parse(key);
      const { contentType } = keys.artifacts.record.decode(value);
      const listed = keys.latest.byType.key(ns, contentType.split(';')[0]!, id);
      const signature = await index.get(listed);
      if (!contentType.includes(';') || signature === undefined) continue;
      writes.push({ type: 'del', key: listed }, keys.latest.byType.put([ns, contentType, id], signature));
    }
  for (let at = 0; at < writes.length; at += 1_000) await writeRows(index, writes.slice(at, at + 1_000));
}

/** Pushes one artifact of each of these types to the session `s`: `n0`, `n1` and so on. */
export async function fillWithTypes({ uploads }: Store, types: readonly string[]): Promise<void> {
  const push = (contentType: string, at: number) =>
    uploads.create(tester, specOf({ session: 's', name: `n${at}`, contentType }), Buffer.from('x'));
  const together = 200;
  for (let from = 0; from < types.length; from += together)
    await Promise.all(types.slice(from, from + together).map((type, at) => push(type, from + at)));
}

/** How often each type is listed. */
export async function listedTypes(index: Index): Promise<Record<string, number>> {
  const listed: Record<string, number> = {};
  for await (const block of index.scan(keys.latest.byType.range()))
    for (const [key] of block) {
      const [, type] = keys.latest.byType.parse(key);
      listed[type] = (listed[type] ?? 0) + 1;
    }
  return listed;
}
