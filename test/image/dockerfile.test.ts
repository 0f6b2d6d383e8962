/** What the Dockerfile has to repeat, since it cannot read it where it is written. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { sbomOf } from '../../scripts/sbom.ts';
import { readServeConfig } from '../../src/settings/config.ts';
import type { Setting } from '../../src/settings/setting.ts';
import { settings } from '../../src/settings/settings.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const dockerfile = read('Dockerfile');

/** The last instruction of this name. */
function instruction(name: string): string {
  return [...dockerfile.matchAll(new RegExp(`^${name} ((?:.*\\\\\n)*.*)$`, 'gm'))].at(-1)![1]!;
}

function option(name: string): string {
  return new RegExp(`^${name}='(.*)'$`, 'm').exec(read('bin/node-options'))![1]!;
}

const environment = Object.fromEntries(
  [...instruction('ENV').matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]),
);

it('starts Node with the flags and the threads of the launcher, as process 1', () => {
  const [program, ...args] = JSON.parse(instruction('ENTRYPOINT')) as string[];
  expect([program, args.at(-1)]).toEqual(['node', '/opt/artifacta/main.js']);
  expect(args.slice(0, -1).join(' ')).toBe(option('serve_flags'));
  expect(environment.UV_THREADPOOL_SIZE).toBe(option('threads'));
  expect(environment.MALLOC_MMAP_THRESHOLD_).toBe(option('mmap_threshold'));
  expect(JSON.parse(instruction('CMD'))).toEqual(['serve']);
});

it('has the version and the licence of the package', () => {
  const { version, license, description } = JSON.parse(read('package.json')) as Record<string, string>;
  expect(dockerfile).toContain(`\nARG VERSION=${version}\n`);
  for (const [name, value] of Object.entries({ licenses: license, description }))
    expect(dockerfile).toContain(`org.opencontainers.image.${name}="${value}"`);
});

it('sets what is a setting, serves where it says, and nothing to everybody without being told so', () => {
  const variables = Object.keys(environment).filter((name) => name.startsWith('ARTIFACTA_'));
  const known = Object.values(settings).map((setting: Setting) => setting.env);
  expect(variables.filter((name) => !known.includes(name))).toEqual([]);
  expect(() => readServeConfig([], environment)).toThrow(/--auth.*--insecure/);
  const config = readServeConfig(['--auth'], environment);
  const ports = [config.grpc, config.http, config.admin].map((address) => address?.port);
  expect(instruction('EXPOSE')).toBe(ports.join(' '));
  expect(instruction('VOLUME')).toBe(config.dataDir);
});

it('takes into its context what the bundle is made from', () => {
  const taken = read('.dockerignore')
    .match(/^!.*/gm)!
    .map((line) => line.slice(1));
  const [, inputs] = /const inputs = \[(.*)\]/.exec(read('scripts/build.ts'))!;
  for (const [, input] of inputs!.matchAll(/'(.*?)'/g)) expect(taken).toContain(input);
});

it('comes with a bill of materials that is the same each time, with hashes as others write them', () => {
  const paths = ['node_modules/classic-level/index.js', 'node_modules/@node-rs/crc32/index.js'];
  const bom = JSON.parse(sbomOf(root, paths)) as { components: { purl: string; hashes: object[] }[] };
  expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' });
  expect(bom.components.map(({ purl }) => purl.replace(/@[\d.]+$/, ''))).toEqual([
    'pkg:npm/%40node-rs/crc32',
    'pkg:npm/classic-level',
  ]);
  for (const { hashes } of bom.components)
    expect(hashes).toEqual([{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }]);
  expect(sbomOf(root, paths)).toBe(sbomOf(root, [...paths].reverse()));
});

it('names a version of a package once in the bill of materials, wherever it lies', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  const versionOf = ([path, { version }]: [string, { version: string }]) =>
    `${path.slice(path.lastIndexOf('node_modules/'))}@${version}`;
  const twice = Object.values(Object.groupBy(Object.entries(packages), versionOf)).find(
    (same) => same!.length > 1,
  )!;
  const modules = twice.map(([path]) => `${path}/index.js`);
  expect(JSON.parse(sbomOf(root, modules)).components).toHaveLength(1);
});
