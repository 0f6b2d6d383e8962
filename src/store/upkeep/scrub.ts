/**
 * Reads contents and compares them with their digests; those that were checked longest ago come first. A damaged
 * content is quarantined. A quarantined content that is sound is released: the cause has passed.
 *
 * Contents are checked in rounds, each in the order of their keys. The position of a round is kept: the contents ahead
 * of it were checked longer ago than those behind it. So no content needs a row with the time of its check; the age of
 * a check is the age of the beginning of its round. A round that has begun is carried to its end. The next one begins
 * when the one before began long enough ago.
 *
 * Each process checks the contents of the namespaces that it owns. The owner of the store as a whole keeps its position
 * in the settings; any other process keeps its position in memory, and begins a round when it starts.
 */

import type { Sha256 } from '../../domain/digest.ts';
import { Failure } from '../../domain/errors.ts';
import type { Budget } from '../../domain/load/budget.ts';
import { hexOf } from '../../index/bytes.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { BlobRecord } from '../../index/records.ts';
import type { Key } from '../../index/row.ts';
import { ContentProbe, isDeviceError, type Verdict } from '../contents/content-probe.ts';
import type { Contents } from '../contents/contents.ts';
import { type Damaged, quarantineStored, releaseStored } from '../contents/damage.ts';
import { isSameCopy } from '../rows/blob-rows.ts';
import { ifHere, isHere, unlessElsewhere } from '../rows/here.ts';
import type { OnStep } from '../rows/steps.ts';
import { transact } from '../rows/transaction.ts';

interface ScrubOptions {
  readonly index: Index;
  /** See {@link Contents.unjudged}. */
  readonly contents: Contents;
  readonly onStep: OnStep | undefined;
}

/** The limits of one call, and the contents that it leaves out. */
interface ScrubRequest {
  readonly budget: Budget;
  /** The content that reaches this limit is finished. */
  readonly bytesMax: number;
  /** No round begins if the last one began less than this time ago, in milliseconds. */
  readonly minAgeMs: number;
}

interface Scrubbed {
  readonly contents: number;
  readonly bytes: number;
  /** The contents that this call has quarantined: the first {@link damagedShownMax}. */
  readonly damaged: readonly Damaged[];
  readonly damagedCount: number;
  /** The number of contents that had been quarantined and were found sound. */
  readonly releasedCount: number;
  readonly more: boolean;
}

const damagedShownMax = 100;
/**
 * If in one call this many are damaged or unreadable, and none is sound, the contents themselves are not the damaged
 * thing.
 */
const doubtfulMin = 10;
const recordsTogether = 100;

/** The setting with the position of the rounds. */
const scrubSetting = 'scrub';

interface Rounds {
  /** The time when the round in progress, or the last one, began. */
  readonly startTime: number;
  /** The last key that the round has dealt with, in hexadecimal digits. Absent: the round has come to its end. */
  readonly after?: string;
}

type Content = {
  readonly key: Key;
  readonly ns: string;
  readonly sha256: Sha256;
  readonly record: BlobRecord;
};

/** The results of one call. */
interface Tally {
  contents: number;
  bytes: number;
  soundFiles: number;
  damaged: Damaged[];
  damagedCount: number;
  releasedCount: number;
  /** The files that do not seem sound; they are looked at again at the end. */
  suspects: { readonly content: Content; readonly verdict: Exclude<Verdict, { kind: 'sound' }> }[];
}

const nothing = { contents: 0, bytes: 0, soundFiles: 0, damagedCount: 0, releasedCount: 0 };

/** Scrubs as many contents as a call has time for. */
export class Scrub {
  private readonly options: ScrubOptions;
  /** A content that a call had no time to finish. */
  private unfinished: ContentProbe | undefined;
  /** The position of this process, while another one owns the settings of the store. */
  private own: Rounds | undefined;

  constructor(options: ScrubOptions) {
    this.options = options;
  }

  /**
   * Checks some contents.
   *
   * @throws Failure STORE_UNAVAILABLE if something cannot be read, and it is not known whether it is damaged. If
   * nothing could be read, the position stays the same.
   */
  async scrub(request: ScrubRequest): Promise<Scrubbed> {
    const { index } = this.options;
    const { minAgeMs } = request;
    const beginning = index.now();
    const before = await this.rounds();
    const isIdle = before?.after === undefined;
    const tally: Tally = { ...nothing, damaged: [], suspects: [] };
    if (isIdle && before !== undefined && beginning - before.startTime < minAgeMs)
      return { ...shown(tally), more: false };
    const startTime = isIdle ? beginning : before.startTime;
    const place = await this.walk(request, isIdle ? '' : before.after, tally);
    const failure = await this.judge(tally);
    await this.note(before, place === undefined ? { startTime } : { startTime, after: place });
    if (failure !== undefined) throw failure;
    // A caller that leaves out nothing is done when a round is: otherwise it would never end.
    const isRoundDue = minAgeMs > 0 && beginning - startTime >= minAgeMs;
    return { ...shown(tally), more: place !== undefined || isRoundDue };
  }

  private async rounds(): Promise<Rounds | undefined> {
    if (this.own !== undefined || !(await isHere(this.options.index, ''))) return this.own;
    const value = await this.options.index.get(keys.store.setting.key(scrubSetting));
    return value && (keys.store.setting.decode(value) as Rounds);
  }

  /** @returns the position at which to continue; undefined at the end of the round. */
  private async walk(request: ScrubRequest, place: string, tally: Tally): Promise<string | undefined> {
    const { budget, bytesMax } = request;
    let at = place;
    for await (const content of this.ahead(place)) {
      if (budget.isSpent || tally.bytes >= bytesMax) return at;
      if (!(await this.check(content, budget, tally))) return at;
      at = hexOf(content.key);
    }
    return undefined;
  }

  /** Yields the records, as they are when they are reached. */
  private async *ahead(place: string): AsyncGenerator<Content> {
    const { index } = this.options;
    const { gte, lt } = keys.blobs.record.range();
    let from: Key = place === '' ? gte : Buffer.concat([Buffer.from(place, 'hex'), Buffer.of(0)]);
    for (;;) {
      const rows = [];
      for await (const block of index.scan({ gte: from, lt, limit: recordsTogether })) rows.push(...block);
      let next = rows.length < recordsTogether ? undefined : Buffer.concat([rows.at(-1)![0], Buffer.of(0)]);
      for (const [key, value] of rows) {
        const [ns, sha256] = keys.blobs.record.parse(key);
        if (await isHere(index, ns)) yield { key, ns, sha256, record: keys.blobs.record.decode(value) };
        else {
          next = Buffer.from(keys.blobs.record.range(ns).lt);
          break;
        }
      }
      if (next === undefined) return;
      from = next;
    }
  }

  /** @returns false if the time ended in the middle; the bytes read so far are not read again. */
  private async check(content: Content, budget: Budget, tally: Tally): Promise<boolean> {
    const probe = this.resume(content) ?? new ContentProbe(this.options, content);
    let verdict: Verdict | undefined;
    do {
      if (budget.isSpent) {
        this.unfinished = probe;
        return false;
      }
      const before = probe.position;
      verdict = await probe.readPiece();
      tally.bytes += probe.position - before;
    } while (verdict === undefined);
    tally.contents++;
    budget.spend('items', 1);
    await this.tell(content, verdict, tally);
    return true;
  }

  /** Records a verdict. For a content that is quarantined already, only the verdict "sound" is news. */
  private async tell(content: Content, verdict: Verdict, tally: Tally): Promise<void> {
    const { name, quarantined } = content.record;
    if (verdict.kind === 'sound') {
      if (name !== undefined) tally.soundFiles++;
      if (!quarantined) return;
      const isReleased = await unlessElsewhere(() => releaseStored(this.options.index, content));
      if (isReleased) tally.releasedCount++;
    } else if (!quarantined) tally.suspects.push({ content, verdict });
  }

  private resume({ ns, sha256, record }: Content): ContentProbe | undefined {
    const { unfinished } = this;
    if (unfinished?.sha256 !== sha256 || unfinished.ns !== ns) return undefined;
    this.unfinished = undefined;
    return isSameCopy(unfinished.record, record) ? unfinished : undefined;
  }

  /**
   * Reads the contents that are not sound once more. If a disk is not mounted, or fails altogether, no content is
   * sound; even then they are not given up.
   *
   * @returns the reason for which something could not be read that may be sound.
   */
  private async judge(tally: Tally): Promise<Failure | undefined> {
    const { soundFiles } = tally;
    const current = await Promise.all(tally.suspects.map(({ content }) => this.isCurrent(content)));
    const suspects = tally.suspects.filter((_suspect, at) => current[at]);
    const files = suspects.filter(({ content }) => content.record.name !== undefined);
    if (soundFiles === 0 && files.length >= doubtfulMin)
      throw new Failure(
        'STORE_UNAVAILABLE',
        `cannot read any of ${files.length} contents; is the disk mounted? The first failure: ` +
          `${said(files[0]!.verdict)}`,
      );
    let failure: Failure | undefined;
    for (const { content } of suspects) {
      const verdict = await new ContentProbe(this.options, content).finish();
      if (verdict.kind === 'sound') continue;
      if (verdict.kind === 'unreadable') {
        if (soundFiles === 0) throw verdict.failure;
        if (!isDeviceError(verdict.failure)) {
          failure ??= verdict.failure;
          continue;
        }
      }
      const damaged = await this.quarantine(content, said(verdict));
      if (damaged === undefined) continue;
      tally.damagedCount++;
      if (tally.damaged.length < damagedShownMax) tally.damaged.push(damaged);
    }
    return failure;
  }

  /** Returns false if the content was removed or replaced while it was read. */
  private async isCurrent({ key, record }: Content): Promise<boolean> {
    const value = await this.options.index.get(key);
    return value !== undefined && isSameCopy(keys.blobs.record.decode(value), record);
  }

  /** @returns undefined if the content has been removed, replaced or quarantined meanwhile, or has another owner. */
  private async quarantine(content: Content, message: string): Promise<Damaged | undefined> {
    const time = await unlessElsewhere(() => quarantineStored(this.options.index, content, message));
    if (time === undefined) return undefined;
    await this.options.onStep?.('scrub.quarantined');
    const { ns, sha256, record } = content;
    return { ns, sha256, size: record.size, time, message };
  }

  /** Keeps the position, unless another call has come further meanwhile. */
  private async note(before: Rounds | undefined, rounds: Rounds): Promise<void> {
    const isNoted = await ifHere(this.options.index, '', () => this.write(before, rounds));
    if (isNoted) this.own = undefined;
    else if (this.own === undefined || this.own === before) this.own = rounds;
  }

  private write(before: Rounds | undefined, rounds: Rounds): Promise<true> {
    const isOwn = this.own !== undefined;
    return transact(this.options.index, {
      ns: '',
      reads: [keys.store.setting.key(scrubSetting)],
      *decide(tx) {
        const current = tx.get(keys.store.setting, scrubSetting) as Rounds | undefined;
        // The position of the owner before is about other namespaces.
        if (isOwn || JSON.stringify(current) === JSON.stringify(before))
          tx.put(keys.store.setting, [scrubSetting], rounds);
        return true as const;
      },
    });
  }
}

function said(verdict: Exclude<Verdict, { kind: 'sound' }>): string {
  return verdict.kind === 'damaged' ? verdict.message : `the disk cannot read it: ${verdict.failure.message}`;
}

function shown(tally: Tally): Omit<Scrubbed, 'more'> {
  const { contents, bytes, damaged, damagedCount, releasedCount } = tally;
  return { contents, bytes, damaged, damagedCount, releasedCount };
}
