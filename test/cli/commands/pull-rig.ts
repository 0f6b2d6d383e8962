/** A session in a real store, and a directory to pull it into. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../../src/client/client.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

export type PullRig = Awaited<ReturnType<typeof openPullRig>>;

export async function openPullRig() {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-pull-'));
  const target = join(directory, 'target');
  const store = await openTestStore();
  const transport = transportTo(store);
  const client = await connect(transport);
  const cli = commandLine(transport);
  return {
    directory,
    /** Does not exist yet. */
    target,
    transport,
    client,
    cli,
    /** To the session `run`, in that order. */
    async push(contents: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
      for (const [name, content] of Object.entries(contents))
        await client.push(content, { session: 'run', name });
    },
    pull: (...more: string[]) => cli(['pull', 'run', '--to', target, ...more]),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

export const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');

/** The files below a directory, by their ways from there, with their digests. */
export async function tree(root: string): Promise<Record<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  const found: Record<string, string> = {};
  for (const file of files.sort()) found[file.slice(root.length + 1)] = sha256(await readFile(file));
  return found;
}
