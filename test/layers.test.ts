/** Who may import whom. The table is the architecture; a file that reaches elsewhere fails here by name. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/**
 * For each layer the layers of ours that it may import beside itself, and the packages. The most specific prefix
 * counts. `node:` modules are allowed everywhere unless listed in `not`.
 */
const layers: Record<
  string,
  { readonly ours: readonly string[]; readonly packages: readonly string[]; readonly not?: readonly string[] }
> = {
  'src/domain': {
    ours: [],
    packages: ['uuid'],
    not: ['node:fs', 'node:fs/promises', 'node:net', 'node:http2', 'node:process'],
  },
  'src/blobs': { ours: ['src/domain'], packages: [] },
  'src/index': {
    ours: ['src/domain'],
    packages: ['level', 'classic-level', 'abstract-level', '@node-rs/crc32', 'snappyjs'],
  },
  'src/query': { ours: ['src/domain', 'src/index'], packages: [] },
  'src/reading': { ours: ['src/domain'], packages: ['re2js', 'csv-parse'] },
  'src/store': {
    ours: ['src/domain', 'src/blobs', 'src/index', 'src/query', 'src/reading'],
    packages: [],
    not: ['node:fs', 'node:fs/promises', 'node:net', 'node:http2', 'node:process'],
  },
  'src/api': {
    ours: ['src/domain', 'src/identity', 'src/store', 'gen'],
    packages: ['@connectrpc/connect', '@bufbuild/protobuf'],
    not: ['node:fs', 'node:fs/promises', 'node:net', 'node:http2', 'node:process'],
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
    ours: ['src/api', 'gen'],
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
  'src/sidecar': { ours: ['src/client'], packages: [] },
  'src/cli': {
    ours: ['src/client', 'gen'],
    packages: ['commander', 'diff', 'uqr', '@bufbuild/protobuf', '@connectrpc/connect'],
  },
  gen: { ours: [], packages: ['@bufbuild/protobuf'] },
};
/** Composition roots: they may import everything and nobody imports them. */
const roots = [
  'main',
  'serve',
  'reap',
  'reaper-process',
  'embedded',
  'holder',
  'connection',
  'config',
  'client-settings',
  'setting-source',
  'settings',
].map((name) => `src/${name}.ts`);

function files(directory: string): string[] {
  return readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function imports(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
  );
  return [...found].map((match) => (match[1] ?? match[2] ?? match[3])!);
}

function layerOf(path: string): string | undefined {
  return Object.keys(layers)
    .filter((layer) => path.startsWith(`${layer}/`))
    .sort((a, b) => b.length - a.length)[0];
}

/** What is wrong with one import, or undefined. */
function fault(file: string, specifier: string): string | undefined {
  const layer = layerOf(file);
  if (layer === undefined) return roots.includes(file) ? undefined : 'the file belongs to no layer';
  const rule = layers[layer]!;
  if (specifier.startsWith('.')) {
    const target = relative(root, resolve(root, dirname(file), specifier));
    if (roots.includes(target)) return `imports the composition root ${target}`;
    const other = layerOf(target);
    if (other === layer || (other !== undefined && rule.ours.includes(other))) return undefined;
    return `${layer} may not import ${other ?? target}`;
  }
  if (specifier.startsWith('node:'))
    return rule.not?.includes(specifier) ? `${layer} may not import ${specifier}` : undefined;
  const allowed = rule.packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));
  return allowed ? undefined : `${layer} may not import the package ${specifier}`;
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
    expect(fault('src/client/x.ts', '../api/errors.ts')).toBe('src/client may not import src/api');
    expect(fault('src/store/x.ts', 'node:fs')).toBe('src/store may not import node:fs');
    expect(fault('src/index/x.ts', '@bufbuild/protobuf')).toBe(
      'src/index may not import the package @bufbuild/protobuf',
    );
    expect(fault('src/cli/x.ts', '../embedded.ts')).toBe('imports the composition root src/embedded.ts');
    expect(fault('src/store/x.ts', '../index/door.ts')).toBeUndefined();
  });

  it('sees imports in every form', () => {
    expect(imports('test/layers.test.ts')).toEqual(['node:fs', 'node:path', 'vitest']);
  });

  it('only config.ts reads the environment', () => {
    const readers = files('src').filter((file) =>
      /\bprocess\.env\b/.test(readFileSync(join(root, file), 'utf8')),
    );
    expect(readers.filter((file) => file !== 'src/config.ts')).toEqual([]);
  });
});

describe('files', () => {
  it('can be read in one go', () => {
    const long = [...files('src'), ...files('test'), ...files('bench')]
      .map((file) => [file, readFileSync(join(root, file), 'utf8').split('\n').length - 1] as const)
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
