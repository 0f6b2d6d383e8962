/** Direct uploads in every state: two that were finished, and others that nobody will finish. */
import type { StatedSpec } from '../../../src/store/artifacts/direct-uploads.ts';
import { type Rig, reasonOf } from '../../lifecycle/rig.ts';
import { digestOf, specOf, target, tester } from '../../support/specs.ts';
import { sendAll } from '../bucket/direct.ts';
import { bytesOf } from '../seeded.ts';

/** The objects that are in the bucket and not finished. */
export const unfinishedObjects = 1;

/** One of the finished artifacts stays, the other is deleted. The names of the others are due after 13 hours. */
export async function fillDirectly({ store }: Rig): Promise<void> {
  const begin = async (name: string, seed: number) => {
    const bytes = bytesOf(seed, 5_000);
    const spec: StatedSpec = { ...specOf({ session: 'direct', name, requestId: name }), ...digestOf(bytes) };
    const begun = await store.directUploads.begin(tester, spec);
    if ('artifact' in begun) throw new Error('no bytes are needed');
    const finish = async () => {
      const reading = store.directUploads.finish(tester, spec, begun);
      while ((await reading.next()).done !== true);
    };
    return { url: begun.url, bytes, finish };
  };
  for (const [at, name] of ['stays', 'goes'].entries()) {
    const upload = await begin(name, at);
    await sendAll(upload.url, upload.bytes);
    await upload.finish();
  }
  await store.artifacts.delete(tester, target('direct', 'goes'));
  const unfinished = await begin('unfinished', 2);
  await sendAll(unfinished.url, unfinished.bytes);
  const wrong = await begin('wrong', 3);
  await sendAll(wrong.url, bytesOf(4, 5_000));
  const reason = await reasonOf(wrong.finish());
  if (reason !== 'DIGEST_MISMATCH') throw new Error(`other bytes were answered with ${reason}`);
  await begin('unsent', 5);
}
