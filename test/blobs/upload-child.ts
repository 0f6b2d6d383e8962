/**
 * One upload in a process of its own, for tests that kill it or watch its system calls. Says what it did by looking for
 * files that do not exist, which a trace shows in order with the rest: `<root>/said-<what>`.
 *
 *     node upload-child.ts <root> commit | crash | large
 *
 * `large`: the upload is so large that it is synced early.
 */
import { accessSync } from 'node:fs';
import { join } from 'node:path';
import { openDiskBlobs } from '../../src/blobs/disk.ts';
import { earlySyncBytes } from '../../src/blobs/early-syncs.ts';
import { Failure } from '../../src/domain/errors.ts';
import { content, filesBelow } from './support.ts';

const [root, ending] = process.argv.slice(2) as [string, string];

function say(what: string): void {
  try {
    accessSync(join(root, `said-${what}`));
  } catch {
    // it never exists
  }
}

const blobs = await openDiskBlobs({ root });
say('opened');
await blobs.prepareNamespace('ns1');
say('prepared');
const staged = await blobs.stage('ns1/0a/upload');
const sizes = ending === 'large' ? [earlySyncBytes, 100] : [65_536, 1_048_576, 100];
let reason = 'none';
try {
  for (const size of sizes) await staged.write(content(size));
  if (ending === 'crash') process.kill(process.pid, 'SIGKILL');
  await staged.commit();
  say('committed');
} catch (error) {
  reason = error instanceof Failure ? error.reason : String(error);
  say('failed');
}
await staged.discard();
say('discarded');
console.log(JSON.stringify({ reason, files: await filesBelow(root), stagedCount: blobs.stagedCount }));
