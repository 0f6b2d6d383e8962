/** What `import … from 'artifacta'` finds: the client and the generated messages as JavaScript, with declarations. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesAt, type PackedFile, textFile } from './files.ts';

/** Libraries that the client and the messages share with their users. */
export const libraryPackages = [
  '@bufbuild/protobuf',
  '@connectrpc/connect',
  '@connectrpc/connect-node',
  '@connectrpc/connect-web',
  '@noble/hashes',
];

/** The least Node that the library runs under; the command asks for more. */
export const libraryNode = '>=22.12';

/** The entry points of the package. What is not named cannot be imported. */
export const libraryExports = {
  '.': entryTo('src/programs/library/published'),
  './web': entryTo('src/client/web/published'),
  './v1/*': entryTo('gen/artifacta/v1/*'),
  './google/rpc/*': entryTo('gen/google/rpc/*'),
  './package.json': './package.json',
};

function entryTo(module: string): object {
  return { types: `./lib/${module}.d.ts`, default: `./lib/${module}.js` };
}

/** Below `lib/`. @throws Error if TypeScript finds something wrong. */
export function libraryFiles(root: string): PackedFile[] {
  const directory = mkdtempSync(join(tmpdir(), 'artifacta-library-'));
  try {
    const tsc = join(root, 'node_modules/.bin/tsc');
    const project = join(root, 'scripts/package/tsconfig.json');
    const { status, stdout, error } = spawnSync(tsc, ['-p', project, '--outDir', directory], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`tsc: ${error?.message ?? stdout}`);
    return filesAt(directory, 'lib').map(withoutTypeScript);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Declarations name the sources, which are not there. */
function withoutTypeScript(file: PackedFile): PackedFile {
  if (!file.path.endsWith('.d.ts')) return file;
  const text = Buffer.from(file.content).toString();
  return textFile(file.path, text.replace(/((?:from |import\()['"]\.[^'"]*)\.ts(?=['"])/g, '$1.js'));
}
