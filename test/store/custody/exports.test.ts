/** Exports that the service keeps by itself: what they hold, which are kept, and whose they are. */
import { Buffer } from 'node:buffer';
import { sizeDelimitedDecodeStream } from '@bufbuild/protobuf/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import { IndexPartSchema } from '../../../gen/artifacta/v1/index_export_pb.ts';
import { exportFormat } from '../../../src/api/admin/export-format.ts';
import { fromPartMessage } from '../../../src/api/admin/index-parts.ts';
import type { ExportFiles } from '../../../src/blobs/export-files.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { memoryExports } from '../../../src/blobs/memory-exports.ts';
import { Failure } from '../../../src/domain/errors.ts';
import { keys } from '../../../src/index/keys.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import { openMemoryDatabase } from '../../../src/index/memory/memory.ts';
import type { ExportPart } from '../../../src/store/custody/export.ts';
import { Exports } from '../../../src/store/custody/exports.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import type { Step } from '../../../src/store/rows/steps.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { startOfTime } from '../../support/service.ts';
import { specOf, target, tester } from '../../support/specs.ts';
import { hours, minutes } from '../../support/times.ts';

interface Place {
  readonly clock: { now: number };
  readonly files: ExportFiles;
  readonly home: MemoryHome;
  readonly host: StoreHost;
  readonly exports: Exports;
  /** Told of each step; may be replaced. */
  onStep: (step: Step) => void | Promise<void>;
}

async function place(given: Partial<Pick<Place, 'files' | 'clock' | 'home'>> = {}): Promise<Place> {
  const { files = memoryExports(), clock = { now: startOfTime } } = given;
  const home = given.home ?? new MemoryHome({ clock: () => clock.now });
  const blobs = openMemoryBlobs();
  const host = await StoreHost.open({
    home,
    clock: () => clock.now,
    open: (index, isFirst) => openCheckedStore({ index, blobs, removesStale: isFirst }),
    warn: () => {},
  });
  onTestFinished(() => host[Symbol.asyncDispose]());
  const made: Place = { clock, files, home, host, exports: exportsOf(host, files), onStep: () => undefined };
  function exportsOf(of: StoreHost, to: ExportFiles) {
    return new Exports({
      host: of,
      files: to,
      format: exportFormat('1.2.3'),
      onStep: (step) => made.onStep(step),
    });
  }
  return made;
}

const push = (host: StoreHost, name: string) =>
  host.store.uploads.create(tester, specOf({ session: 's', name }), Buffer.from(`content of ${name}`));

async function namesIn(files: ExportFiles): Promise<string[]> {
  return (await files.list()).map(({ name }) => name);
}

async function* stream(parts: readonly ExportPart[]): AsyncGenerator<ExportPart> {
  yield* parts;
}

/** As the command line does. */
async function* partsOf(files: ExportFiles, name: string): AsyncGenerator<ExportPart> {
  async function* bytes() {
    yield await files.read(name, 0, 1e9);
  }
  for await (const part of sizeDelimitedDecodeStream(IndexPartSchema, bytes())) yield fromPartMessage(part);
}

describe('an export that the service writes', () => {
  it('restores the same rows', async () => {
    const { host, exports, files } = await place();
    for (const name of ['a', 'b', 'c']) await push(host, name);
    const wanted = await Array.fromAsync(host.exportIndex());
    const made = await exports.export(0, 7);
    expect(made).toMatchObject({
      written: true,
      path: 'exports/2026-01-02T03-04-05Z.index',
      createTime: startOfTime,
      rows: (wanted.at(-1) as { rows: number }).rows,
      removed: 0,
    });
    const [file] = await files.list();
    expect(file!.sizeBytes).toBe(made.sizeBytes);
    const parts = await Array.fromAsync(partsOf(files, file!.name));
    // The footer has the digest of all rows.
    expect([parts[0], parts.at(-1)]).toEqual([wanted[0], wanted.at(-1)]);
    const to = await place();
    await to.host.importIndex(partsOf(files, file!.name), false);
    const { bytes } = await to.host.store.downloads.artifact(tester, target('s', 'b'), {
      offset: 0,
      limit: undefined,
    });
    expect(Buffer.concat(await Array.fromAsync(bytes)).toString()).toBe('content of b');
  });

  it('is written once in an hour, or as often as is asked for', async () => {
    const { exports, clock, files } = await place();
    expect(await exports.lastTime()).toBeUndefined();
    const first = await exports.export(hours(1), 7);
    clock.now += hours(1) - 1;
    expect(await exports.export(hours(1), 7)).toEqual({ ...first, written: false });
    expect(await exports.lastTime()).toBe(startOfTime);
    clock.now += 1;
    expect(await exports.export(hours(1), 7)).toMatchObject({ written: true });
    // In one second, too.
    const again = await exports.export(0, 7);
    const more = await exports.export(0, 7);
    expect([again.path, more.path]).toEqual([
      'exports/2026-01-02T04-04-06Z.index',
      'exports/2026-01-02T04-04-07Z.index',
    ]);
    expect(more.createTime).toBe(clock.now);
    expect(await namesIn(files)).toHaveLength(4);
  });

  it('is known of after a start', async () => {
    const before = await place();
    await push(before.host, 'a');
    const made = await before.exports.export(0, 7);
    await before.host[Symbol.asyncDispose]();
    const after = await place(before);
    expect(await after.exports.lastTime()).toBe(made.createTime);
    expect(await after.exports.export(hours(1), 7)).toEqual({ ...made, written: false });
  });

  it('from the future, of a clock that was wrong, does not keep others from being written', async () => {
    const before = await place();
    await before.exports.export(0, 7);
    const parts = await Array.fromAsync(before.host.exportIndex());
    before.clock.now += hours(720);
    await before.exports.export(0, 7);
    const after = await place({ files: before.files });
    await after.host.importIndex(stream(parts), false);
    after.clock.now += hours(1);
    expect(await after.exports.export(hours(1), 7)).toMatchObject({
      written: true,
      path: 'exports/2026-02-01T03-04-06Z.index',
      createTime: after.clock.now,
    });
    expect(await after.exports.export(hours(1), 7)).toMatchObject({ written: false });
  });

  it('is one for all who ask at once', async () => {
    const { exports, files } = await place();
    const made = await Promise.all([1, 2, 3, 4].map(() => exports.export(0, 7)));
    expect(made.filter(({ written }) => written)).toHaveLength(1);
    expect(new Set(made.map(({ path }) => path)).size).toBe(1);
    expect(await namesIn(files)).toHaveLength(1);
  });

  it('is not written in recovery, where an older one may have what was lost', async () => {
    const { host, home, files, exports, clock } = await place();
    await push(host, 'a');
    await exports.export(0, 7);
    await host[Symbol.asyncDispose]();
    await openMemoryDatabase(home.rows).batch([{ type: 'del', key: keys.store.commit.key(2) }]);
    const damaged = await place({ files, home, clock });
    expect(damaged.host.state).toBe('recovery');
    await expect(damaged.exports.export(0, 7)).rejects.toMatchObject({ reason: 'STORE_IN_RECOVERY' });
    expect(await damaged.exports.lastTime()).toBeUndefined();
    expect(await namesIn(files)).toHaveLength(1);
  });
});

describe('of exports', () => {
  it('the last ones are kept', async () => {
    const { exports, clock, files } = await place();
    const removed: number[] = [];
    for (let at = 0; at < 5; at++) {
      removed.push((await exports.export(hours(1), 3)).removed);
      clock.now += hours(1);
    }
    expect(removed).toEqual([0, 0, 0, 1, 1]);
    expect(await namesIn(files)).toEqual([
      '2026-01-02T05-04-05Z.index',
      '2026-01-02T06-04-05Z.index',
      '2026-01-02T07-04-05Z.index',
    ]);
    expect((await exports.export(0, 1)).removed).toBe(3);
  });

  it('none is removed while something waits for an operator', async () => {
    const { host, exports, clock, files } = await place();
    await exports.export(0, 1);
    const parts = await Array.fromAsync(host.exportIndex());
    await host.importIndex(stream(parts), true);
    clock.now += hours(1);
    expect(await exports.export(0, 1)).toMatchObject({ written: true, removed: 0 });
    const [pause] = (await host.status()).pauses;
    await host.resume(pause!.id);
    await host.store.pauses.begin('inconsistent', 'a count disagrees');
    expect(await exports.export(0, 1)).toMatchObject({ written: true, removed: 0 });
    expect(await namesIn(files)).toHaveLength(3);
    const [other] = (await host.status()).pauses;
    await host.resume(other!.id);
    expect(await exports.export(0, 1)).toMatchObject({ written: true, removed: 3 });
  });

  it('those of another store, and what is not whole, are no business of this one', async () => {
    const files = memoryExports();
    const other = await place({ files });
    await push(other.host, 'a');
    await other.exports.export(0, 7);
    async function* half() {
      yield (await files.read('2026-01-02T03-04-05Z.index', 0, 60)).slice();
    }
    await files.write('2026-01-02T01-00-00Z.index', 'ff', half());
    await files.write(
      '2026-01-02T02-00-00Z.index',
      'ff',
      (async function* () {
        yield Buffer.from('no export at all');
      })(),
    );
    const { exports, clock } = await place({ files });
    expect(await exports.lastTime()).toBeUndefined();
    expect(await exports.export(hours(1), 1)).toMatchObject({
      written: true,
      // The name is taken.
      path: 'exports/2026-01-02T03-04-06Z.index',
      createTime: startOfTime,
    });
    clock.now += hours(2);
    expect(await exports.export(hours(1), 1)).toMatchObject({ written: true, removed: 1 });
    expect(await namesIn(files)).toEqual([
      '2026-01-02T01-00-00Z.index',
      '2026-01-02T02-00-00Z.index',
      '2026-01-02T03-04-05Z.index',
      '2026-01-02T05-04-05Z.index',
    ]);
    other.clock.now += minutes(1);
    expect(await other.exports.export(hours(1), 1)).toMatchObject({ written: false, removed: 0 });
  });
});

describe('an export that fails', () => {
  it('leaves the last one in its place, and the next call writes', async () => {
    const memory = memoryExports();
    let fails = false;
    const files: ExportFiles = {
      ...memory,
      write: async (name, owner, bytes, onWritten) => {
        if (!fails) return await memory.write(name, owner, bytes, onWritten);
        for await (const _ of bytes)
          throw new Failure('STORAGE_FULL', 'no space left while writing an export');
        throw new Error('there were no bytes');
      },
    };
    const { exports, clock } = await place({ files });
    const first = await exports.export(0, 1);
    clock.now += hours(1);
    fails = true;
    const failed = await Promise.allSettled([exports.export(0, 1), exports.export(0, 1)]);
    expect(failed).toMatchObject([
      { reason: { reason: 'STORAGE_FULL' } },
      { reason: { reason: 'STORAGE_FULL' } },
    ]);
    expect(await exports.lastTime()).toBe(first.createTime);
    fails = false;
    expect(await exports.export(hours(1), 1)).toMatchObject({ written: true, removed: 1 });
  });

  it('passes its steps in order, the removal last', async () => {
    const opened = await place();
    await opened.exports.export(0, 1);
    const seen: [Step, number][] = [];
    opened.onStep = async (step) => void seen.push([step, (await opened.files.list()).length]);
    opened.clock.now += hours(1);
    await opened.exports.export(0, 1);
    expect(seen).toEqual([
      ['export.written', 1],
      ['export.published', 2],
      ['export.trimmed', 1],
    ]);
  });
});
