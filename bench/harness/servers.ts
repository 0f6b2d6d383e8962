/** The servers that are measured: the real service, and the controls in processes of their own. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePorts } from '../../scripts/free-ports.ts';
import { ServerProcess } from './processes.ts';
import { straced } from './syncs.ts';
import type { Context } from './target.ts';

const root = resolve(import.meta.dirname, '../..');
const launcher = join(root, 'bin/artifacta');

/** What `bin/artifacta` gives to Node when it serves, so that a control does not lose by its flags. */
function nodeFlags(): string[] {
  const path = join(root, 'bin/node-options');
  const flags = /^serve_flags='(.*)'$/m.exec(readFileSync(path, 'utf8'));
  if (flags === null) throw new Error(`${path} does not say what Node is started with`);
  return flags[1]!.split(' ');
}

interface ServeOptions {
  /** Default: a new, empty one. */
  readonly dataDir?: string;
  /** A file for its fsync and fdatasync calls. Default: they are not traced. */
  readonly traceTo?: string;
  /** The address of a bucket for the contents. Default: they are in the data directory. */
  readonly bucketAt?: string;
  /** The address of a database for the index. Default: it is in the data directory. */
  readonly indexAt?: string;
}

/** The service as users start it. */
export async function startArtifacta(
  { directory }: Pick<Context, 'directory'>,
  { dataDir = mkdtempSync(join(directory, 'data-')), traceTo, bucketAt, indexAt }: ServeOptions = {},
): Promise<ServerProcess> {
  const index = indexAt === undefined ? [] : ['--index', indexAt];
  const serve = [launcher, 'serve', '--data-dir', dataDir, ...freePorts, ...index];
  const command =
    bucketAt === undefined
      ? serve
      : ['env', `STORAGE_EMULATOR_HOST=${bucketAt}`, ...serve, '--blobs', 'gs://bucket/bench'];
  const [program, ...args] = traceTo === undefined ? command : straced(traceTo, command);
  return await ServerProcess.start(program!, args);
}

type Control = 'sink' | 'sink-http' | 'source' | 'source-http' | 'echo' | 'bucket';

/** One of `bench/controls/`. */
export async function startControl(name: Control): Promise<ServerProcess> {
  const script = join(root, 'bench/controls', `${name}.ts`);
  return await ServerProcess.start(process.execPath, [...nodeFlags(), script]);
}
