/** Checks the store at one instant, and repairs what a check has found. */
import { randomBytes } from 'node:crypto';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { Failure, failedWith } from '../../domain/errors.ts';
import type { Index, Snapshot } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { examined } from '../rows/damaged-rows.ts';
import { unlessElsewhere } from '../rows/here.ts';
import { endConfirmation, type Files, mayCondemn } from '../upkeep/orphan-valve.ts';
import {
  type ContentCheck,
  cameBack,
  contents,
  orphans,
  quarantineList,
  references,
} from './content-check.ts';
import { missingRows, surplusRows } from './derived-check.ts';
import type { Diagnosis, Finding } from './finding.ts';
import type { Owner } from './owners.ts';
import { leftOvers } from './remains.ts';
import { reindex, repair } from './repair.ts';
import { unreadableRows } from './row-check.ts';
import { Scope } from './scope.ts';
import { feeds, heads, keptLists, outputs, sessionCounts, usage } from './session-check.ts';

/** The progress of a check. */
export interface Checked {
  /** The number of rows of the index. */
  readonly rows: number;
  readonly contents: number;
  /** The number of bytes of contents that were read. */
  readonly bytes: number;
}

/** The events of a check: findings and progress in turns, then one summary. */
export type VerifyEvent =
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'progress'; readonly checked: Checked }
  | {
      readonly kind: 'summary';
      /** The id of the report, for a repair. Empty after a repair, and if a repair began while the check ran. */
      readonly reportId: string;
      readonly checked: Checked;
      readonly findings: number;
      readonly repaired: number;
    };

/** The extent of a check. */
export interface CheckOptions {
  /** Only this namespace. Default: all. */
  readonly namespace?: string | undefined;
  /** True: read all contents and compare their SHA-256. */
  readonly checkContents: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The most findings that a report lists; further ones are counted. */
export const findingsMax = 10_000;
const reportDays = 1;
const reportsMax = 8;
/** The number of rows between two reports of progress. */
const progressRows = 50_000;
/** The number of bytes read between two reports of progress: a content may take long. */
const progressBytes = 64 * 1024 * 1024;

interface Report {
  readonly id: string;
  readonly time: number;
  readonly findings: readonly Diagnosis[];
  /** The size of all files. */
  readonly fileBytes: number;
}

/** Checks a store, and repairs what a report of an earlier check lists. */
export class Verifier {
  private readonly index: Index;
  private readonly blobs: BlobStore;
  private readonly reports = new Map<string, Report>();
  /** The number of repairs that have begun. */
  private repairs = 0;

  constructor(index: Index, blobs: BlobStore) {
    this.index = index;
    this.blobs = blobs;
  }

  /**
   * Looks at everything at one instant, in constant memory except for the findings. What is committed meanwhile is not
   * a finding.
   */
  async *check(options: CheckOptions): AsyncGenerator<VerifyEvent> {
    const before = this.repairs;
    await using snapshot = this.index.snapshot();
    const checked = { rows: 0, contents: 0, bytes: 0, fileBytes: 0 };
    const kept: Diagnosis[] = [];
    let findings = 0;
    let told = { things: 0, bytes: 0 };
    for await (const found of this.findings(snapshot, options, checked)) {
      options.signal?.throwIfAborted();
      if (found !== undefined) {
        findings++;
        if (findings > findingsMax) continue;
        kept.push(found);
        yield { kind: 'finding', finding: found.finding };
        continue;
      }
      const now = { things: checked.rows + checked.contents, bytes: checked.bytes };
      if (now.things - told.things < progressRows && now.bytes - told.bytes < progressBytes) continue;
      told = now;
      yield { kind: 'progress', checked: shown(checked) };
    }
    // A difference that was counted before a repair must not be added once more after it.
    const reportId = this.repairs === before ? this.keep(kept, checked.fileBytes) : '';
    yield { kind: 'summary', reportId, checked: shown(checked), findings, repaired: 0 };
  }

  /** Yields undefined now and then: nothing was found, and the check has advanced. */
  private async *findings(
    snapshot: Snapshot,
    { namespace, checkContents, signal }: CheckOptions,
    checked: { rows: number; contents: number; bytes: number; fileBytes: number },
  ): AsyncGenerator<Diagnosis | undefined> {
    const scope = new Scope(namespace);
    const check: ContentCheck = {
      index: this.index,
      blobs: this.blobs,
      snapshot,
      scope,
      reads: checkContents,
      signal,
      onContent: () => {
        checked.contents++;
      },
      onRead: (bytes) => {
        checked.bytes += bytes;
      },
      onFile: (bytes) => {
        checked.fileBytes += bytes;
      },
    };
    const onRows = (count: number) => {
      checked.rows += count;
    };
    yield* unreadableRows(snapshot, scope, onRows);
    yield undefined;
    // The order matters: the check that knows what a damaged row should be reports it first.
    for (const part of [missingRows, surplusRows, heads, sessionCounts, feeds, outputs, keptLists, usage]) {
      yield* part(snapshot, scope);
      yield undefined;
    }
    yield* references(check);
    yield* leftOvers(check);
    yield* contents(check);
    yield* quarantineList(check);
    yield* orphans(check);
    yield* cameBack(snapshot, scope);
  }

  private keep(findings: readonly Diagnosis[], fileBytes: number): string {
    const id = randomBytes(8).toString('hex');
    this.reports.set(id, { id, time: this.index.now(), findings, fileBytes });
    for (const old of this.reports.keys()) if (this.reports.size > reportsMax) this.reports.delete(old);
    return id;
  }

  /**
   * Repairs the findings of a report that are still true.
   *
   * @throws Failure ETAG_MISMATCH if no such report exists, or if it is older than a day.
   */
  async *repair(
    reportId: string,
    options: { readonly reindex: boolean; readonly signal?: AbortSignal | undefined },
  ): AsyncGenerator<VerifyEvent> {
    const report = this.reports.get(reportId);
    if (report === undefined || report.time < this.index.now() - reportDays * 86_400_000)
      throw noSuchReport();
    // A repair, also one that is cut short, changes the state on which every report was based.
    this.reports.clear();
    this.repairs++;
    const checked = { rows: 0, contents: 0, bytes: 0 };
    if (options.reindex) checked.rows = await this.reindexAll(options.signal);
    const files = orphansIn(report);
    const mayRemove = files.count === 0 || (await this.mayRemove(files, report.fileBytes));
    let repaired = 0;
    for (const { finding, repair: what } of report.findings) {
      options.signal?.throwIfAborted();
      const refusal = finding.kind === 'ORPHAN' && !mayRemove ? tooManyOrphans(files.count) : undefined;
      const outcome = what === undefined || refusal !== undefined ? refusal : await this.attempt(what);
      const isRepaired = what !== undefined && outcome === undefined;
      if (isRepaired) repaired++;
      const message = outcome === undefined ? finding.message : `${finding.message}; ${outcome}`;
      yield { kind: 'finding', finding: { ...finding, message, repaired: isRepaired } };
    }
    if (files.count > 0 && mayRemove) await unlessElsewhere(() => endConfirmation(this.index));
    yield { kind: 'summary', reportId: '', checked, findings: report.findings.length, repaired };
  }

  /** The owner of the store as a whole decides whether orphans are few. */
  private async mayRemove(files: Files, allBytes: number): Promise<boolean> {
    return (await unlessElsewhere(() => mayCondemn(this.index, files, allBytes))) ?? false;
  }

  /** @returns the reason for which it was not repaired; undefined if it was. */
  private async attempt(what: NonNullable<Diagnosis['repair']>): Promise<string | undefined> {
    try {
      const isDone = await repair(this.index, this.blobs, what);
      return isDone
        ? undefined
        : 'nothing was repaired: the store has changed since the check, or the bytes of the content are damaged as ' +
            'well; check again';
    } catch (error) {
      // Rows that the repair would need are damaged too, and are reported by themselves.
      if (failedWith(error, 'DATA_LOSS', 'NOT_OWNER')) return `it was not repaired: ${error.message}`;
      throw error;
    }
  }

  private async reindexAll(signal: AbortSignal | undefined): Promise<number> {
    let rows = 0;
    await using snapshot = this.index.snapshot();
    for (const [family, kind] of [
      [keys.sessions.record, 'session'],
      [keys.artifacts.record, 'artifact'],
    ] as const) {
      for await (const block of examined(snapshot, family.range())) {
        for (let at = 0; at < block.length; at += reindexOwners) {
          signal?.throwIfAborted();
          const owners = block
            .slice(at, at + reindexOwners)
            .flatMap((row): Owner[] =>
              row.kind === 'row' ? [{ kind, ns: String(family.parse(row.key)[0]), key: row.key }] : [],
            );
          for (const [ns, some] of Map.groupBy(owners, (owner) => owner.ns))
            rows += await reindex(this.index, ns, some).catch(ignoreDamage);
        }
      }
    }
    return rows;
  }
}

/** Damaged owners and heads are reported by themselves; another process derives the rows of its namespaces. */
function ignoreDamage(error: unknown): number {
  if (!failedWith(error, 'DATA_LOSS', 'NOT_OWNER')) throw error;
  return 0;
}

/** An owner may have seventy derived rows and more, and a transaction is bounded. */
const reindexOwners = 25;

/** Returns the files that a repair would remove. */
function orphansIn({ findings }: Report): Files {
  const sizes = findings.flatMap(({ repair }) => (repair?.kind === 'condemn' ? [repair.size] : []));
  return { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function shown({ rows, contents, bytes }: Checked): Checked {
  return { rows, contents, bytes };
}

function tooManyOrphans(count: number): string {
  return (
    `not removed: ${count} files that belong to no artifact are too many to remove without an operator, because the ` +
    'index may be wrong; if the index is complete, run "artifacta fsck --resume ID" ("artifacta fsck" shows the ID), ' +
    'then "artifacta fsck --repair" again'
  );
}

function noSuchReport(): Failure {
  const description = 'must be the id of a report that exists and is at most a day old; run the check again';
  return new Failure('ETAG_MISMATCH', `repair_report_id: ${description}`, {
    violations: [{ field: 'repair_report_id', description }],
  });
}
