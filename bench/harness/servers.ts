/** The servers that are measured: the real service, and the controls in processes of their own. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePorts } from '../../scripts/free-ports.ts';
import type { CoreShare } from './core-share.ts';
import { ServerProcess } from './processes.ts';
import { straced } from './syncs.ts';
import type { Context } from './target.ts';

const root = resolve(import.meta.dirname, '../..');
/** The program as users start it. */
export const launcher = join(root, 'bin/artifacta');

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
  /** Its address for the other replicas of its store, and the file with their secret. Default: it has none. */
  readonly replica?: { readonly address: string; readonly secretFile: string };
  /** The share of a core that it has. Default: all that it gets. */
  readonly core?: CoreShare | undefined;
}

/** The service as users start it. */
export async function startArtifacta(
  { directory }: Pick<Context, 'directory'>,
  {
    dataDir = mkdtempSync(join(directory, 'data-')),
    traceTo,
    bucketAt,
    indexAt,
    replica,
    core,
  }: ServeOptions = {},
): Promise<ServerProcess> {
  const index = indexAt === undefined ? [] : ['--index', indexAt];
  const others =
    replica === undefined
      ? []
      : ['--replica-listen', replica.address, '--replica-secret-file', replica.secretFile];
  const serve = [launcher, 'serve', '--data-dir', dataDir, ...freePorts, ...index, ...others];
  const command =
    bucketAt === undefined
      ? serve
      : ['env', `STORAGE_EMULATOR_HOST=${bucketAt}`, ...serve, '--blobs', 'gs://bucket/bench'];
  const shared = core?.of(command) ?? command;
  const [program, ...args] = traceTo === undefined ? shared : straced(traceTo, shared);
  return await ServerProcess.start(program!, args);
}

type Control = 'sink' | 'sink-http' | 'source' | 'source-http' | 'echo' | 'bucket';

/** One of `bench/controls/`. */
export async function startControl(name: Control): Promise<ServerProcess> {
  const script = join(root, 'bench/controls', `${name}.ts`);
  return await ServerProcess.start(process.execPath, [...nodeFlags(), script]);
}
