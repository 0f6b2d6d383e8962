/** Who may import whom. The table is the architecture; a file that reaches elsewhere fails here by name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** What a layer or a room may import beside itself. */
interface Rule {
  /** Layers, rooms and single files of ours. */
  readonly ours: readonly string[];
  readonly packages: readonly string[];
  /** Modules of Node that it must not use; all others it may. */
  readonly not?: readonly string[];
}

/** Modules by which a program reaches outside itself. */
const outside = ['node:fs', 'node:fs/promises', 'node:net', 'node:http2', 'node:process'];

/** The layers. The most specific name counts: a room that is listed below has a rule of its own. */
const layers: Readonly<Record<string, Rule>> = {
  'src/domain': { ours: [], packages: ['uuid'], not: outside },
  'src/blobs': { ours: ['src/domain'], packages: ['@node-rs/crc32'] },
  'src/blobs/gcs': {
    ours: ['src/domain', 'src/blobs'],
    packages: ['@google-cloud/storage'],
  },
  'src/index': {
    ours: ['src/domain'],
    packages: ['level', 'abstract-level', '@node-rs/crc32', 'snappyjs', 'pg'],
  },
  'src/query': { ours: ['src/domain', 'src/index', 'gen/filter'], packages: [] },
  'src/reading': { ours: ['src/domain'], packages: ['re2js', 'csv-parse'] },
  'src/api': {
    ours: ['src/domain', 'src/identity', 'src/store', 'src/index/owners.ts', 'gen'],
    packages: ['@connectrpc/connect', '@bufbuild/protobuf', 'client-zip'],
    not: outside,
  },
  'src/identity': { ours: ['src/domain'], packages: ['jose'] },
  'src/telemetry': {
    ours: ['src/domain'],
    packages: [
      'pino',
      '@opentelemetry/api',
      '@opentelemetry/context-async-hooks',
      '@opentelemetry/core',
      '@opentelemetry/exporter-prometheus',
      '@opentelemetry/exporter-trace-otlp-proto',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-metrics',
      '@opentelemetry/sdk-trace',
    ],
  },
  'src/server': {
    ours: [
      'src/api',
      'src/domain/address.ts',
      'src/domain/blocks.ts',
      'src/domain/quantities.ts',
      'src/domain/system',
      'gen',
    ],
    packages: [
      '@grpc/grpc-js',
      '@grpc/reflection',
      '@connectrpc/connect',
      '@connectrpc/connect-node',
      '@bufbuild/protobuf',
    ],
  },
  'src/client': {
    ours: ['gen'],
    packages: ['@connectrpc/connect', '@connectrpc/connect-node', '@bufbuild/protobuf'],
  },
  'src/client/web': {
    ours: ['src/client', 'gen'],
    packages: ['@connectrpc/connect', '@connectrpc/connect-web', '@noble/hashes', '@bufbuild/protobuf'],
  },
  'src/console': {
    ours: ['gen'],
    packages: [
      'preact',
      '@preact/signals',
      '@connectrpc/connect',
      '@connectrpc/connect-web',
      '@bufbuild/protobuf',
      'diff',
      'highlight.js',
      'hyparquet',
      'marked',
      'pdfjs-dist',
    ],
    not: [...outside, 'node:buffer', 'node:path', 'node:crypto'],
  },
  'src/sidecar': { ours: ['src/client'], packages: [] },
  'src/mcp': { ours: ['src/client'], packages: ['@modelcontextprotocol/server', 'zod'] },
  'src/cli': {
    ours: ['src/client', 'src/mcp', 'src/domain/quantities.ts', 'gen'],
    packages: ['commander', 'diff', 'ignore', 'uqr', '@bufbuild/protobuf', '@connectrpc/connect'],
  },
  'src/settings': { ours: ['src/domain'], packages: [] },
  gen: { ours: [], packages: ['@bufbuild/protobuf'] },
  'gen/filter': { ours: [], packages: [] },
};

/** What every room of the store may import beside rooms. */
const underStore: Rule = {
  ours: ['src/domain', 'src/blobs', 'src/index', 'src/query', 'src/reading'],
  packages: [],
  not: outside,
};

/**
 * The rooms of the store, each after those that it may import; `front` are the files beside the rooms, which put the
 * store together. `src/store/README.md` draws them.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  rows: [],
  look: ['rows'],
  contents: ['look', 'rows'],
  tenants: ['look', 'rows'],
  watch: ['look', 'rows', 'tenants'],
  sessions: ['contents', 'look', 'rows', 'tenants'],
  artifacts: ['sessions', 'contents', 'look', 'rows', 'tenants'],
  queries: ['artifacts', 'sessions', 'contents', 'look', 'rows', 'tenants'],
  sharing: ['queries', 'artifacts', 'sessions', 'contents', 'look', 'rows', 'tenants'],
  retention: ['queries', 'artifacts', 'sessions', 'contents', 'look', 'rows', 'tenants'],
  upkeep: ['contents', 'look', 'rows', 'sessions', 'tenants'],
  verify: ['rows', 'upkeep'],
  custody: ['front', 'rows', 'look', 'contents', 'upkeep', 'verify'],
};

const roomOf = (name: string) => (name === 'front' ? 'src/store' : `src/store/${name}`);

/** All of the above: for each layer and room what its files may import. */
const rules: Readonly<Record<string, Rule>> = {
  ...layers,
  [roomOf('front')]: { ...underStore, ours: [...underStore.ours, ...Object.keys(rooms).map(roomOf)] },
  ...Object.fromEntries(
    Object.entries(rooms).map(([name, others]) => [
      roomOf(name),
      { ...underStore, ours: [...underStore.ours, ...others.map(roomOf)] },
    ]),
  ),
};

/** They put the program together: they may import everything, and nobody imports them. */
const roots = ['src/programs/', 'src/main.ts'];

function files(directory: string, ...endings: readonly string[]): string[] {
  const wanted = endings.length === 0 ? ['.ts', '.tsx'] : endings;
  return readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function lineCount(file: string): number {
  return readFileSync(join(root, file), 'utf8').split('\n').length - 1;
}

function imports(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
  );
  return [...found].map((match) => (match[1] ?? match[2] ?? match[3])!);
}

/** The most specific layer or room of a file. */
function placeOf(path: string): string | undefined {
  return Object.keys(rules)
    .filter((place) => path.startsWith(`${place}/`))
    .sort((a, b) => b.length - a.length)[0];
}

/** Whether what a rule names includes a file. Inside the store, `src/store` is its front alone. */
function includes(named: string, target: string, place: string): boolean {
  if (named === 'src/store' && place.startsWith('src/store')) return dirname(target) === 'src/store';
  return target === named || target.startsWith(`${named}/`);
}

/** What is wrong with one import, or undefined. */
function fault(file: string, specifier: string): string | undefined {
  if (roots.some((root) => file.startsWith(root))) return undefined;
  const place = placeOf(file);
  if (place === undefined) return 'the file belongs to no layer';
  const rule = rules[place]!;
  if (specifier.startsWith('.')) {
    const target = relative(root, resolve(root, dirname(file), specifier));
    if (roots.some((root) => target.startsWith(root)))
      return `imports ${target}, which puts the program together`;
    if (placeOf(target) === place) return undefined;
    if (rule.ours.some((named) => includes(named, target, place))) return undefined;
    return `${place} may not import ${placeOf(target) ?? target}`;
  }
  if (specifier.startsWith('node:'))
    return rule.not?.includes(specifier) ? `${place} may not import ${specifier}` : undefined;
  const allowed = rule.packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));
  return allowed ? undefined : `${place} may not import the package ${specifier}`;
}

/** What is wrong with the README of a folder that has these files. It names files by paths from there or from the root. */
function readmeFaults(folder: string, within: readonly string[]): string[] {
  const path = join(folder, 'README.md');
  if (!existsSync(join(root, path))) return [`${path} is missing`];
  const text = readFileSync(join(root, path), 'utf8');
  const named = [...text.matchAll(/`([\w./-]+\.(?:tsx?|md|peggy))`/g)].map((match) => match[1]!);
  const exists = (name: string) => existsSync(join(root, folder, name)) || existsSync(join(root, name));
  return [
    ...within
      .filter((file) => !named.includes(basename(file)))
      .map((file) => `${path} does not name ${file}`),
    ...named.filter((name) => !exists(name)).map((name) => `${path} names ${name}, which does not exist`),
  ];
}

describe('layers', () => {
  it('hold', () => {
    const faults = [...files('src'), ...files('gen')].flatMap((file) =>
      imports(file).flatMap((specifier) => {
        const found = fault(file, specifier);
        return found === undefined ? [] : [`${file}: ${found}`];
      }),
    );
    expect(faults).toEqual([]);
  });

  it('are told apart by this test', () => {
    expect(fault('src/domain/x.ts', '../store/open.ts')).toBe('src/domain may not import src/store');
    expect(fault('src/server/x.ts', '../domain/limits.ts')).toBe('src/server may not import src/domain');
    expect(fault('src/console/parts/x.tsx', '../../domain/limits.ts')).toBe(
      'src/console may not import src/domain',
    );
    expect(fault('src/client/x.ts', '../api/errors.ts')).toBe('src/client may not import src/api');
    expect(fault('src/store/x.ts', 'node:fs')).toBe('src/store may not import node:fs');
    expect(fault('src/index/x.ts', '@bufbuild/protobuf')).toBe(
      'src/index may not import the package @bufbuild/protobuf',
    );
    expect(fault('src/cli/x.ts', '../programs/data-directory.ts')).toBe(
      'imports src/programs/data-directory.ts, which puts the program together',
    );
    expect(fault('src/store/rows/x.ts', '../look/x.ts')).toBe('src/store/rows may not import src/store/look');
    expect(fault('src/store/rows/x.ts', '../open.ts')).toBe('src/store/rows may not import src/store');
    expect(fault('src/store/verify/x.ts', '../custody/x.ts')).toBe(
      'src/store/verify may not import src/store/custody',
    );
    expect(fault('src/store/custody/x.ts', '../open.ts')).toBeUndefined();
    expect(fault('src/api/x.ts', '../store/look/x.ts')).toBeUndefined();
    expect(fault('src/server/x.ts', '../domain/address.ts')).toBeUndefined();
    expect(fault('src/store/x.ts', '../index/door.ts')).toBeUndefined();
  });

  it('gives a handler the parts that it uses, not the whole store', () => {
    const takesAll = (text: string) => /\bimport\b[^;]*\bStore\b[^;]*\/store\/open\.ts'/.test(text);
    const takers = files('src/api').filter((file) => takesAll(readFileSync(join(root, file), 'utf8')));
    expect(takers).toEqual(['src/api/credentials.ts', 'src/api/routes.ts']);
    expect(takesAll("import type { Store } from '../../store/open.ts';")).toBe(true);
    expect(takesAll("import { formatVersion } from '../store/open.ts';")).toBe(false);
  });

  it('sees imports in every form', () => {
    expect(imports('test/layers.test.ts')).toEqual(['node:fs', 'node:path', 'vitest']);
  });

  it('only config.ts reads the environment', () => {
    const readers = files('src').filter((file) =>
      /\bprocess\.env\b/.test(readFileSync(join(root, file), 'utf8')),
    );
    expect(readers.filter((file) => file !== 'src/settings/config.ts')).toEqual([]);
  });
});

describe('files', () => {
  it('are few enough in a folder to be seen at once', () => {
    const folders = new Map<string, { files: number; lines: number }>();
    for (const file of files('src')) {
      const folder = folders.get(dirname(file)) ?? { files: 0, lines: 0 };
      folder.files++;
      folder.lines += lineCount(file);
      folders.set(dirname(file), folder);
    }
    expect([...folders].filter(([, { files, lines }]) => files > 20 || lines > 2_500)).toEqual([]);
  });

  it('are named by the README of their folder where it has more than five of them', () => {
    const folders = Map.groupBy(files('src'), dirname);
    const crowded = [...folders].filter(([, within]) => within.length > 5);
    expect(crowded.flatMap(([folder, within]) => readmeFaults(folder, within))).toEqual([]);
  });

  it('can be read in one go', () => {
    const python = files('clients', '.py').filter((file) => !file.includes('/_pb/'));
    const long = [...files('src'), ...files('test'), ...files('bench'), ...files('clients'), ...python]
      .map((file) => [file, lineCount(file)] as const)
      .filter(([, lines]) => lines > 400);
    expect(long).toEqual([]);
  });

  it('name no service port, path or host of the machine they were written on', () => {
    const suspicious = [...files('src'), ...files('test'), ...files('bench')].filter((file) =>
      new RegExp(['/wo', 'rk/|regis', 'try\\.npm'].join('')).test(readFileSync(join(root, file), 'utf8')),
    );
    expect(suspicious).toEqual([]);
  });
});
