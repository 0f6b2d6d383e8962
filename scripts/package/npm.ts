/** The package for npm. */
import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { nativePackages } from '../native-files.ts';
import {
  filesAt,
  legalFiles,
  type PackedFile,
  pluginFiles,
  pluginPlaces,
  programFiles,
  textFile,
  writeFiles,
} from './files.ts';
import { libraryExports, libraryFiles, libraryNode, libraryPackages } from './library.ts';
import { lockedVersion, type Names, readManifest, readNames } from './names.ts';

/** `package.json` as it is published. Versions are those that were tested. */
export function npmManifest(root: string, names: Names = readNames(root)): object {
  const { version, description, license } = readManifest(root);
  const dependencies = [...nativePackages, ...libraryPackages].sort();
  return {
    name: names.npm,
    version,
    description,
    license,
    keywords: ['artifacts', 'agents', 'grpc', 'store', 'provenance'],
    type: 'module',
    bin: { artifacta: 'bin/artifacta' },
    exports: libraryExports,
    files: [...pluginPlaces, 'bin', 'dist', 'lib', 'THIRD_PARTY_NOTICES'],
    engines: { node: libraryNode },
    os: ['!win32'],
    dependencies: Object.fromEntries(dependencies.map((name) => [name, lockedVersion(root, name)])),
    ...(names.repository === null
      ? { private: true }
      : {
          repository: { type: 'git', url: names.repository },
          publishConfig: { access: 'public', provenance: true },
        }),
  };
}

/** All of the package. */
export function npmFiles(root: string): PackedFile[] {
  return [
    textFile('package.json', `${JSON.stringify(npmManifest(root), undefined, 2)}\n`),
    ...filesAt(join(root, 'scripts/package/readme.md'), 'README.md'),
    ...legalFiles(root),
    ...programFiles(root),
    ...pluginFiles(root),
    ...libraryFiles(root),
  ];
}

/** @returns the path of the tarball. */
export function packNpm(root: string, output: string): string {
  const directory = join(output, 'npm');
  writeFiles(directory, npmFiles(root));
  const args = ['pack', directory, '--pack-destination', output, '--ignore-scripts', '--json'];
  const packed = JSON.parse(execFileSync('npm', args, { encoding: 'utf8' })) as { filename: string }[];
  const { filename } = packed[0]!;
  const path = join(output, `artifacta-${readManifest(root).version}.tgz`);
  // A name with a scope gives another.
  renameSync(join(output, filename), path);
  return path;
}
