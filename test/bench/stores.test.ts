import { createHash } from 'node:crypto';
import { access, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { keptStore, parseSize, sizeName } from '../../bench/stores/cache.ts';
import { StoreGenerator, type StoreSpec } from '../../bench/stores/generate.ts';
import { loadStore } from '../../bench/stores/load.ts';
import { recentSince, steady, steadyAgents, steadyType } from '../../bench/stores/shape.ts';
import { limits } from '../../src/domain/limits.ts';
import { parseArtifactName, parseSessionId } from '../../src/domain/names.ts';
import { openEmbedded } from '../../src/programs/data-directory.ts';
import { newDirectory } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { clientsOf, testRoutes } from '../support/service.ts';

const quiet = () => undefined;

function fingerprint(spec: StoreSpec): string {
  const hash = createHash('sha256');
  for (const session of new StoreGenerator(spec).sessions()) hash.update(JSON.stringify(session));
  return hash.digest('hex');
}

describe('generated stores', () => {
  it('are what their seed says', () => {
    const spec = { live: 5_000, seed: 7 };
    expect(fingerprint(spec)).toBe(fingerprint(spec));
    expect(fingerprint({ ...spec, seed: 8 })).not.toBe(fingerprint(spec));
  });

  it('hold what could have been pushed', () => {
    const ids = new Set<string>();
    let count = 0;
    for (const { id, createTime, artifacts } of new StoreGenerator({ live: 5_000, seed: 1 }).sessions()) {
      parseSessionId('id', id);
      const versions = new Map<string, number>();
      let before = createTime;
      for (const [at, { record, isLatest }] of artifacts.entries()) {
        count++;
        ids.add(record.id);
        parseArtifactName('name', record.name);
        expect(record.createTime).toBeGreaterThan(before);
        expect(record.expireTime ?? Number.POSITIVE_INFINITY).toBeGreaterThan(record.createTime);
        expect(record.feed).toBe(at + 1);
        expect(record.version).toBe((versions.get(record.name) ?? 0) + 1);
        versions.set(record.name, record.version);
        const later = artifacts.slice(at + 1).some((other) => other.record.name === record.name);
        expect(isLatest).toBe(!later);
        before = record.createTime;
      }
    }
    expect(ids.size).toBe(count);
  });

  it('say how large they are', () => {
    expect(['10k', '1M', '1500'].map(parseSize)).toEqual([10_000, 1_000_000, 1_500]);
    expect(['', '0', '-1', '1.5M', '1k5', 'k'].map(parseSize)).toEqual(Array(6).fill(undefined));
    expect([10_000, 1_000_000, 1_500].map(sizeName)).toEqual(['10k', '1M', '1500']);
  });
});

async function listed(dataDir: string, filter: string) {
  const { host, close } = await openEmbedded({
    dataDir,
    artifactBytesMax: limits.artifactBytesMaxDefault,
    inlineBytesMax: limits.inlineContentBytesMaxDefault,
    reserveBytes: 0,
    warn: (message) => expect.unreachable(message),
  });
  try {
    const { artifacts } = clientsOf(createRouterTransport(testRoutes(host.store, [])));
    return await artifacts.listArtifacts({ filter, pageSize: limits.pageSizeMax, explain: true });
  } finally {
    await close();
  }
}

describe('a loaded store', () => {
  it('is one that fsck finds nothing wrong with', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const generator = new StoreGenerator({ live: 4_000, seed: 1 });
    const census = await loadStore(dataDir, generator, quiet);
    expect(Math.abs(census.live / 4_000 - 1)).toBeLessThan(0.03);
    const checked = await artifacta('fsck', '--data-dir', dataDir);
    expect(checked).toMatchObject({ code: 0 });
    expect(checked.stdout).toContain('nothing is wrong');
    // What it checked is what was written, beside the settings of the store.
    const rows = Number(/(\d+) rows/.exec(checked.stdout)?.[1]);
    expect(rows - census.rows).toBeGreaterThanOrEqual(0);
    expect(rows - census.rows).toBeLessThan(20);
  });

  it('has as much of the steady agents as every other, and queries touch as much of it', async () => {
    const filter = `metadata.agent = "${steadyAgents[0]}" AND content_type = "${steadyType}" AND create_time > "${recentSince}"`;
    const seen: { found: number; touched: number }[] = [];
    for (const live of [4_000, 12_000]) {
      const dataDir = join(await newDirectory(), 'data');
      await loadStore(dataDir, new StoreGenerator({ live, seed: 1 }), quiet);
      const page = await listed(dataDir, filter);
      const { entriesRead, probes } = page.explanation!;
      seen.push({ found: page.artifacts.length, touched: Number(entriesRead + probes) });
    }
    const json = (steady.sessions * steady.artifactsPerSession * steady.jsonOfFive) / 5;
    expect(seen.map(({ found }) => found)).toEqual([json, json]);
    expect(Math.abs(seen[1]!.touched / seen[0]!.touched - 1)).toBeLessThan(0.1);
  });

  it('is built once', async () => {
    const directory = await newDirectory();
    const spec = { live: 3_000, seed: 1 };
    const said: string[] = [];
    const built = await keptStore(directory, spec, (message) => said.push(message));
    expect(said).not.toEqual([]);
    const mark = await readFile(join(built.dataDir, 'index.mark'), 'utf8');
    said.length = 0;
    expect(await keptStore(directory, spec, (message) => said.push(message))).toEqual(built);
    expect(said).toEqual([]);
    expect(await readFile(join(built.dataDir, 'index.mark'), 'utf8')).toBe(mark);
    // Without its census it was not finished.
    await rm(join(built.directory, 'census.json'));
    expect((await keptStore(directory, spec, (message) => said.push(message))).census).toEqual(built.census);
    expect(said).not.toEqual([]);
    await access(join(built.dataDir, 'index', 'CURRENT'));
  });
});
