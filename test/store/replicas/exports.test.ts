/** Exports and checks of a store over several replicas of a real index, while each of them takes pushes. */
import { Buffer } from 'node:buffer';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { parseNamespace } from '../../../src/domain/names.ts';
import type { Index } from '../../../src/index/door.ts';
import { newestCommit } from '../../../src/index/engine/commits.ts';
import { commitRange } from '../../../src/index/keys.ts';
import { LevelHome } from '../../../src/index/leveldb/home.ts';
import { ReplicaHome } from '../../../src/index/postgres/replicas/home.ts';
import type { ExportPart } from '../../../src/store/custody/export.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import { openStore } from '../../../src/store/open.ts';
import { newDirectory } from '../../support/command.ts';
import { PostgresServer, postgresPrograms } from '../../support/postgres.ts';
import { principalOf, specOf, target } from '../../support/specs.ts';

interface Opened {
  readonly host: StoreHost;
  readonly index: () => Index;
}

describe.skipIf('missing' in postgresPrograms())('an export of several replicas', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  const blobs = openMemoryBlobs();
  async function hostOver(home: ReplicaHome | LevelHome): Promise<Opened> {
    let opened: Index | undefined;
    const host = await StoreHost.open({
      home,
      open: (index) => {
        opened = index;
        return openStore({ index, blobs, inlineBytesMax: 64, removesStale: false });
      },
      warn: () => undefined,
    });
    onTestFinished(() => host[Symbol.asyncDispose]());
    return { host, index: () => opened! };
  }

  const push = ({ host }: Opened, namespace: string, name: string) => {
    const content = Buffer.from(name.repeat(name.endsWith('5') ? 100 : 1));
    return host.store.uploads.create(principalOf({ namespace }), specOf({ session: 's', name }), content);
  };

  async function faultsOf({ host }: Opened): Promise<string[]> {
    const faults: string[] = [];
    for await (const event of host.verify({ checkContents: true, reindex: false }))
      if (event.kind === 'finding') faults.push(event.finding.message);
    return faults;
  }

  const exportOf = ({ host }: Opened): Promise<ExportPart[]> => Array.fromAsync(host.exportIndex());
  const headerOf = ([first]: readonly ExportPart[]) => {
    if (first?.kind !== 'header') throw new Error('an export begins with its header');
    return first.header;
  };

  async function imported(parts: readonly ExportPart[]): Promise<Opened> {
    const root = await newDirectory();
    const home = new LevelHome({ directory: `${root}/index`, markPath: `${root}/index.mark` });
    const opened = await hostOver(home);
    await opened.host.importIndex(
      (async function* () {
        yield* parts;
      })(),
      true,
    );
    return opened;
  }

  /** The rows behind the commits, as texts: all but the settings, to which an import adds its own. */
  async function rowsOf(index: Index): Promise<string[]> {
    const rows: string[] = [];
    for await (const block of index.scan({ gte: commitRange.lt, lt: Uint8Array.of(0xff) }))
      for (const row of block) rows.push(row.map((part) => Buffer.from(part).toString('hex')).join(' '));
    return rows;
  }

  test('has what any of them has acknowledged, and is whole on a disk', { timeout: 240_000 }, async () => {
    const schema = server.newSchema();
    const replicas: Opened[] = [];
    // Longer than the test takes.
    for (const address of ['a:1', 'b:1'])
      replicas.push(await hostOver(new ReplicaHome({ url: server.url, schema, address, leaseSeconds: 300 })));
    const [a, b] = replicas as [Opened, Opened];
    const ownerOf = async (ns: string) => ((await a.index().owners.ownerOf(ns)).isHere ? a : b);
    const namespaces: string[] = [];
    // At least one of each.
    for (let at = 0; namespaces.length < 4 || at < 8; at++) {
      const owner = await ownerOf(`ns${at}`);
      await owner.host.store.namespaces.create(parseNamespace('namespace', `ns${at}`), {
        description: '',
        quota: undefined,
      });
      namespaces.push(`ns${at}`);
    }
    const owners = new Map<string, Opened>();
    for (const ns of namespaces) owners.set(ns, await ownerOf(ns));
    expect(new Set(owners.values()).size).toBe(2);

    const acknowledged: [ns: string, name: string][] = [];
    let isOver = false;
    const workers = namespaces.map(async (ns) => {
      for (let at = 0; !isOver; at++) {
        await push(owners.get(ns)!, ns, `n${at}`);
        acknowledged.push([ns, `n${at}`]);
      }
    });
    const more = async () => {
      const far = acknowledged.length + 20;
      await expect.poll(() => acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(far);
    };
    const exports: { parts: ExportPart[]; before: (readonly [string, string])[] }[] = [];
    for (const replica of replicas) {
      await more();
      const before = [...acknowledged];
      exports.push({ parts: await exportOf(replica), before });
      // What others write meanwhile is no finding.
      const [faults] = await Promise.all([faultsOf(replica), more()]);
      expect(faults).toEqual([]);
    }
    isOver = true;
    await Promise.all(workers);
    const last = await exportOf(a);
    // Everything but the header and the parts into which rows were put is the same, whoever was asked.
    expect((await exportOf(b)).at(-1)).toEqual(last.at(-1));

    const numbers = await Promise.all([1, 2].map((ring) => newestCommit(a.index(), ring)));
    expect(headerOf(last).commit).toBe(Math.max(...numbers.map(({ seq }) => seq)));
    expect(headerOf(last).time).toBeGreaterThanOrEqual(Math.max(...numbers.map(({ time }) => time)));

    for (const { parts, before } of exports) {
      const restored = await imported(parts);
      expect(await faultsOf(restored)).toEqual([]);
      for (const [namespace, name] of before) {
        const found = await restored.host.store.artifacts.get(principalOf({ namespace }), target('s', name));
        expect(found).toBeDefined();
      }
    }
    const restored = await imported(last);
    const rows = await rowsOf(restored.index());
    expect(rows.length).toBeGreaterThan(acknowledged.length);
    expect(await rowsOf(a.index())).toEqual(rows);
  });
});
