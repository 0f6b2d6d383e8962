/**
 * The exports that the service writes by itself. It keeps the last few. The files are the truth: no row refers to them.
 */
import { type ExportFiles, exportName, exportNameTime, exportPrefix } from '../../blobs/export-files.ts';
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { IndexCut } from '../../index/door.ts';
import type { OnStep } from '../rows/steps.ts';
import type { ExportHeader, ExportPart } from './export.ts';
import type { StoreHost } from './host.ts';
import { trimSegments } from './segments.ts';

/** The place of the exports of a store, and of the segments that follow them. */
export interface ExportPlace {
  /** As the settings name it. */
  readonly name: string;
  readonly exports: ExportFiles;
  /** Undefined: the index is not shipped there between exports. */
  readonly segments?: ExportFiles | undefined;
}

/** The form of the parts of an export as bytes, and what such bytes say. */
export interface ExportFormat {
  /** Returns the encoder of one export, to be called part by part. */
  encoder(): (part: ExportPart) => Uint8Array;
  /** Reads the first bytes of a file: {@link headBytes}, or the whole file. Undefined: it is not an export. */
  header(head: Uint8Array): ExportHeader | undefined;
  /**
   * Reads the last {@link headBytes} bytes of a file, or the whole file: the number of rows that it says it has.
   * Undefined: it is not whole.
   */
  rows(tail: Uint8Array): number | undefined;
  /** Reads the parts of a whole file. @throws Failure for parts that were altered, or are cut short. */
  parts(bytes: AsyncIterable<Uint8Array>): AsyncIterable<ExportPart>;
}

/** A header is shorter than this, and so is a footer. */
export const headBytes = 1_024;

/** An export that was written and exists. */
interface StoredExport {
  /** E.g. `exports/2026-01-31T02-00-00Z.index`. */
  readonly path: string;
  /** The instant of the state that it contains, in milliseconds since the Unix epoch. */
  readonly createTime: number;
  readonly sizeBytes: number;
  readonly rows: number;
}

interface ExportResult extends StoredExport {
  /** The last commit in it. */
  readonly commit: number;
  /** False: the last export was young enough, or another call was writing this one. */
  readonly written: boolean;
  /** The number of older exports that were removed. */
  readonly removed: number;
}

/** The parts of the exports of a store. */
export interface ExportsOptions {
  readonly host: StoreHost;
  readonly files: ExportFiles;
  readonly format: ExportFormat;
  /** The segments that follow the exports. Default: none. */
  readonly segments?: ExportFiles | undefined;
  /** True: other processes write exports there, too. Default false. */
  readonly isShared?: boolean | undefined;
  /** Returns the chain of the segments that are shipped now. Default: none are. */
  readonly chain?: (() => string | undefined) | undefined;
  /** Returns the state of the index that is to be exported, with its chain. Default: the present one, with {@link chain}. */
  readonly cut?: (() => Promise<IndexCut | undefined>) | undefined;
  /** Called when an export of the chain exists. Default: nothing is called. */
  readonly onExported?: ((chain: string | undefined) => Promise<void>) | undefined;
  /** Default: the steps are not reported. */
  readonly onStep?: OnStep | undefined;
}

/** An export with its place in the history of the index. */
interface NamedExport extends StoredExport {
  readonly name: string;
  /** The last commit in it. */
  readonly commit: number;
}

/** The newest export of a store. */
interface Newest {
  readonly storeId: string;
  readonly found: NamedExport | undefined;
  /** The time when it was looked for, in milliseconds since the Unix epoch. */
  readonly time: number;
}

/** If others write exports, too, the newest is looked for again after this time. */
const lookMs = 60_000;

/** Writes exports and keeps the last few. */
export class Exports {
  private readonly options: ExportsOptions;
  private running: Promise<ExportResult> | undefined;
  /** The number that the last caller of {@link export} has asked for. */
  private kept = 0;
  /** The last export, once it was looked for. */
  private newest: Newest | undefined;

  constructor(options: ExportsOptions) {
    this.options = options;
  }

  /**
   * Returns the time of the last export, in milliseconds since the Unix epoch. Undefined if none exists, or if it
   * cannot be read.
   */
  async lastTime(): Promise<number | undefined> {
    try {
      const { host, isShared = false } = this.options;
      const { storeId } = await host.identity();
      const isOld = isShared && this.newest !== undefined && host.store.now() - this.newest.time >= lookMs;
      if (this.newest?.storeId !== storeId || isOld)
        this.newest = { storeId, found: await this.findNewest(storeId), time: host.store.now() };
      return this.newest.found?.createTime;
    } catch (error) {
      if (error instanceof Failure) return undefined;
      throw error;
    }
  }

  /**
   * Writes an export, unless the last one is younger than `minAgeMs`, and removes the oldest beyond `keep`.
   * Simultaneous calls share one export. It continues after its caller has left.
   *
   * @throws Failure STORAGE_FULL, STORE_UNAVAILABLE; STORE_IN_RECOVERY.
   */
  async export(minAgeMs: number, keep: number): Promise<ExportResult> {
    this.kept = keep;
    if (this.running !== undefined) {
      const shared = await this.running.catch(() => undefined);
      if (shared !== undefined) return { ...shared, written: false, removed: 0 };
    }
    this.running ??= this.begun(minAgeMs, keep);
    return await this.running;
  }

  /**
   * Writes an export of a state that is not older than this call. Keeps the usual number of exports, or more if more
   * were asked for.
   *
   * @throws Failure as {@link export}.
   */
  async exportNow(): Promise<ExportResult> {
    while (this.running !== undefined) await this.running.catch(() => undefined);
    this.running = this.begun(0, Math.max(this.kept, limits.exportsKeptDefault));
    return await this.running;
  }

  private begun(minAgeMs: number, keep: number): Promise<ExportResult> {
    return this.work(minAgeMs, keep).finally(() => {
      this.running = undefined;
    });
  }

  private async work(minAgeMs: number, keep: number): Promise<ExportResult> {
    const { files, host } = this.options;
    // The remains of a damaged index must not take the place of an export that was whole.
    const { storeId } = await host.identity();
    const last = await this.findNewest(storeId);
    this.newest = { storeId, found: last, time: host.store.now() };
    const ageMs = last === undefined ? Number.POSITIVE_INFINITY : host.store.now() - last.createTime;
    // An export from the future comes from a clock that was wrong.
    if (last !== undefined && ageMs >= 0 && ageMs < minAgeMs)
      return { ...toStored(last), written: false, removed: 0 };
    await files.removeStale(storeId);
    const made = await this.write(storeId, last);
    this.newest = { storeId, found: made, time: host.store.now() };
    await this.options.onStep?.('export.published');
    const removed = await this.trim(storeId, keep);
    await this.options.onStep?.('export.trimmed');
    return { ...toStored(made), written: true, removed };
  }

  private async write(storeId: string, last: NamedExport | undefined): Promise<NamedExport> {
    const { files, format, host, onStep, onExported } = this.options;
    let rows = 0;
    const cut = await this.options.cut?.();
    const parts = host.exportIndex(cut);
    const encode = format.encoder();
    async function* bytes(first: ExportPart) {
      yield encode(first);
      for await (const part of parts) {
        if (part.kind === 'footer') rows = part.rows;
        yield encode(part);
      }
    }
    try {
      const first = await parts.next();
      if (first.done || first.value.kind !== 'header')
        throw new Error('an export must begin with its header');
      const chain = cut?.chain ?? this.options.chain?.();
      const header = { ...first.value.header, chain };
      // After its identity was read, the store went into recovery, or was exchanged.
      if (header.storeId !== storeId)
        throw new Failure('STORE_UNAVAILABLE', 'the store was replaced by another one', {
          retryAfterMs: 1_000,
        });
      const name = await this.freeName(header.time, last);
      const sizeBytes = await files.write(name, storeId, bytes({ kind: 'header', header }), () =>
        onStep?.('export.written'),
      );
      await onExported?.(chain);
      return {
        name,
        commit: header.commit,
        path: `${exportPrefix}/${name}`,
        createTime: header.time,
        sizeBytes,
        rows,
      };
    } finally {
      await parts.return(undefined);
      await cut?.snapshot[Symbol.asyncDispose]();
    }
  }

  /**
   * Returns the name for the state's second, or for the first second after the last export that no file is named for.
   */
  private async freeName(timeMs: number, last: NamedExport | undefined): Promise<string> {
    const taken = new Set((await this.options.files.list()).map(({ name }) => name));
    let second = Math.max(timeMs, last === undefined ? 0 : exportNameTime(last.name) + 1_000);
    while (taken.has(exportName(second))) second += 1_000;
    return exportName(second);
  }

  /**
   * While something needs attention, nothing is removed for good: an older export may have whole what is damaged now.
   */
  private async trim(storeId: string, keep: number): Promise<number> {
    const { files, host } = this.options;
    const { pauses } = host.store;
    if ((await pauses.stopping('reap')).length > 0 || (await pauses.stopping('collect')).length > 0) return 0;
    let kept = 0;
    let removed = 0;
    let oldestKept = Number.POSITIVE_INFINITY;
    for (const { name, sizeBytes } of (await files.list()).toReversed()) {
      const found = await this.find(name, sizeBytes, storeId);
      if (found === undefined) continue;
      if (++kept <= keep) {
        oldestKept = Math.min(oldestKept, found.commit);
        continue;
      }
      await files.remove(name);
      removed++;
    }
    const { segments } = this.options;
    if (segments !== undefined && kept > 0) await trimSegments(segments, storeId, oldestKept);
    return removed;
  }

  private async findNewest(storeId: string): Promise<NamedExport | undefined> {
    for (const { name, sizeBytes } of (await this.options.files.list()).toReversed()) {
      const found = await this.find(name, sizeBytes, storeId);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Undefined unless the file is a whole export of this store. */
  private async find(name: string, sizeBytes: number, storeId: string): Promise<NamedExport | undefined> {
    const { files, format } = this.options;
    const header = format.header(await files.read(name, 0, headBytes));
    if (header?.storeId !== storeId) return undefined;
    const from = Math.max(0, sizeBytes - headBytes);
    const rows = format.rows(await files.read(name, from, headBytes));
    if (rows === undefined) return undefined;
    return {
      name,
      commit: header.commit,
      path: `${exportPrefix}/${name}`,
      createTime: header.time,
      sizeBytes,
      rows,
    };
  }
}

function toStored({ path, createTime, sizeBytes, rows, commit }: NamedExport) {
  return { path, createTime, sizeBytes, rows, commit };
}
