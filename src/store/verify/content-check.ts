/** Checks of contents: their records, references, checksums and bytes; and of files that nothing refers to. */
import { createHash } from 'node:crypto';
import { type BlobStore, blockBytes } from '../../blobs/blob-store.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { Failure, failedWith } from '../../domain/errors.ts';
import { textOf } from '../../index/bytes.ts';
import type { Index, Snapshot } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { BlobRecord } from '../../index/records.ts';
import { bytesKey, crcKeys, crcRowBytes } from '../rows/blob-rows.ts';
import { damaged, examined, readable, valuesOf } from '../rows/damaged-rows.ts';
import { orphanAgeMs } from '../upkeep/orphans.ts';
import { type Diagnosis, diagnosis, type Repair } from './finding.ts';
import { grouped, joined } from './join.ts';
import { type LostRecord, recordsLost } from './remains.ts';
import { repair } from './repair.ts';
import type { Scope } from './scope.ts';

/** The parts and settings of these checks. */
export interface ContentCheck {
  readonly index: Index;
  readonly blobs: BlobStore;
  readonly snapshot: Snapshot;
  readonly scope: Scope;
  /** True: also read the bytes and hash them. */
  readonly reads: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called for each content that was looked at. */
  onContent(): void;
  /** Called with the number of bytes of contents that were read. */
  onRead(bytes: number): void;
  /** Called with the size of each file, whether anything refers to it or not. */
  onFile(bytes: number): void;
}

interface Blob {
  readonly ns: string;
  readonly sha256: Sha256;
  readonly record: BlobRecord;
}

/** The most unreferenced contents that are remembered until their queue has been read. */
const unreferencedMax = 100_000;
/** The most contents without a record whose bytes are looked for in one scan. */
const lostMax = 100_000;

/** Yields the record of every content, in order; undefined where it is damaged. */
async function* blobRows({ snapshot, scope }: ContentCheck) {
  for await (const block of examined(snapshot, scope.rangeOf(keys.blobs.record)))
    for (const row of block) {
      const parts = row.kind === 'unreadable' ? undefined : scope.parse(keys.blobs.record, row.key);
      if (parts === undefined) continue;
      const [ns, sha256] = parts as [string, Sha256];
      const record = row.kind === 'row' ? scope.decode(keys.blobs.record, row.value) : undefined;
      yield [textOf(row.key).slice(1), { ns, sha256, record }] as const;
    }
}

/** Checks that each content has as many references as its record says, and is queued if it has none. */
export async function* references(check: ContentCheck): AsyncGenerator<Diagnosis> {
  const { snapshot, scope } = check;
  async function* rows() {
    for await (const [key] of readable(snapshot, scope.rangeOf(keys.blobs.reference))) {
      const parts = scope.parse(keys.blobs.reference, key) as [string, Sha256] | undefined;
      if (parts !== undefined)
        yield [
          textOf(keys.blobs.record.key(parts[0], parts[1])).slice(1),
          { ns: parts[0], sha256: parts[1] },
        ] as const;
    }
  }
  const counts = grouped(
    rows(),
    (first) => ({ first, refs: 1 }),
    ({ first, refs }) => ({ first, refs: refs + 1 }),
  );
  const unreferenced = new Map<string, { ns: string; sha256: Sha256 }>();
  const lost = new Map<string, LostRecord>();
  for await (const { group, left, right } of joined(blobRows(check), counts)) {
    const refs = right?.refs ?? 0;
    if (scope.isUnsure(group)) continue;
    const { ns, sha256 } = (left ?? right?.first)!;
    const record = left?.record;
    if (record === undefined) {
      if (right !== undefined) {
        lost.set(group, { ns, sha256, refs });
        if (lost.size === lostMax) yield* recordsLost(check, lost);
      } else
        yield diagnosis(
          'ROW_CORRUPT',
          { namespace: ns, sha256 },
          'the record of a content without references is damaged',
          { kind: 'derive', key: keys.blobs.record.key(ns, sha256), owner: undefined },
        );
      continue;
    }
    if (refs === 0 && unreferenced.size < unreferencedMax) unreferenced.set(group, { ns, sha256 });
    if (record.refs !== refs)
      yield diagnosis(
        'COUNT_WRONG',
        { namespace: ns, sha256 },
        `the content is recorded with ${record.refs} references; it has ${refs}`,
        { kind: 'countReferences', ns, sha256, refs: refs - record.refs },
      );
  }
  yield* recordsLost(check, lost);
  for (const { key, ns } of scope.homeless.values())
    yield diagnosis('INDEX_ROW_WRONG', { namespace: ns }, `${scope.describe(key)} should not exist`, {
      kind: 'derive',
      key,
      owner: undefined,
    });
  for await (const [key] of readable(snapshot, scope.rangeOf(keys.blobs.maybeFree))) {
    const parts = scope.parse(keys.blobs.maybeFree, key) as [number, string, Sha256] | undefined;
    if (parts !== undefined) unreferenced.delete(textOf(keys.blobs.record.key(parts[1], parts[2])).slice(1));
  }
  for (const { ns, sha256 } of unreferenced.values())
    yield diagnosis(
      'INDEX_ROW_WRONG',
      { namespace: ns, sha256 },
      'the content has no references and is not queued for collection',
      { kind: 'queueFree', ns, sha256 },
    );
}

/**
 * Checks that the bytes of each content exist, and are the right ones. Yields undefined now and then while bytes are
 * read.
 */
export async function* contents(check: ContentCheck): AsyncGenerator<Diagnosis | undefined> {
  for await (const [, { ns, sha256, record }] of blobRows(check)) {
    check.signal?.throwIfAborted();
    if (record === undefined) continue;
    const blob = { ns, sha256, record };
    yield* record.quarantined ? quarantined(check, blob) : contentFaults(check, blob);
    if (record.name !== undefined) check.onFile(record.size);
    check.onContent();
  }
}

async function* quarantined(
  { snapshot, scope }: ContentCheck,
  { ns, sha256 }: Blob,
): AsyncGenerator<Diagnosis> {
  const about = { namespace: ns, sha256 };
  const [listed] = await valuesOf(snapshot, [keys.blobs.quarantine.key(ns, sha256)]);
  const known = listed instanceof Uint8Array ? scope.decode(keys.blobs.quarantine, listed) : undefined;
  const what = known === undefined ? '' : ` (${known.message})`;
  const message = `the content is damaged and quarantined${what}; pushing the same bytes again heals it`;
  yield diagnosis('CONTENT_CORRUPT', about, message);
  if (listed === undefined || listed === damaged)
    yield diagnosis(
      'INDEX_ROW_WRONG',
      about,
      'the content is quarantined, but the list of quarantined contents does not have it',
      {
        kind: 'listQuarantined',
        ns,
        sha256,
      },
    );
}

/** Yields the contents that are listed as quarantined and are not. */
export async function* quarantineList({ snapshot, scope }: ContentCheck): AsyncGenerator<Diagnosis> {
  for await (const block of examined(snapshot, scope.rangeOf(keys.blobs.quarantine))) {
    const rows = block.flatMap(({ key }) => {
      const parts = scope.parse(keys.blobs.quarantine, key) as [string, Sha256] | undefined;
      return parts === undefined ? [] : [{ key, ns: parts[0], sha256: parts[1] }];
    });
    const records = await valuesOf(
      snapshot,
      rows.map(({ ns, sha256 }) => keys.blobs.record.key(ns, sha256)),
    );
    for (const [at, { key, ns, sha256 }] of rows.entries()) {
      const value = records[at];
      if (value === damaged || (value && scope.decode(keys.blobs.record, value)?.quarantined)) continue;
      const message = `${scope.describe(key)} should not exist`;
      yield diagnosis('INDEX_ROW_WRONG', { namespace: ns, sha256 }, message, {
        kind: 'listQuarantined',
        ns,
        sha256,
      });
    }
  }
}

async function* contentFaults(check: ContentCheck, blob: Blob): AsyncGenerator<Diagnosis | undefined> {
  const { ns, sha256, record } = blob;
  const fault =
    record.name === undefined ? await inlineFault(check, blob) : yield* fileFault(check, blob, record.name);
  if (fault === undefined || !(await isStillThere(check.index, blob))) return;
  const mend = { kind: 'quarantine', ns, sha256, name: record.name, message: fault.message } as const;
  const message = `${fault.message}; pushing the same bytes again heals it`;
  const about = { namespace: ns, sha256 };
  // An absent file is noticed again at each look for it, and perhaps the whole disk is absent. So its quarantine may
  // wait.
  if (fault.isMissing) yield diagnosis('CONTENT_MISSING', about, message, mend);
  else if (await isQuarantined(check, mend)) yield diagnosis('CONTENT_CORRUPT', about, message);
  else yield diagnosis('CONTENT_CORRUPT', about, message, mend);
}

/**
 * Quarantines a content, so that its wrong bytes are known from now on. Returns false if this could not be written
 * down.
 */
async function isQuarantined({ index, blobs }: ContentCheck, mend: Repair): Promise<boolean> {
  try {
    return await repair(index, blobs, mend);
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

interface Fault {
  readonly isMissing: boolean;
  readonly message: string;
}

async function inlineFault(
  { snapshot, reads, onRead }: ContentCheck,
  { ns, sha256, record }: Blob,
): Promise<Fault | undefined> {
  const [bytes] = await valuesOf(snapshot, [bytesKey(ns, sha256, record)]);
  if (bytes === undefined) return { isMissing: true, message: 'the bytes of a small content are gone' };
  // Another check reports a damaged row.
  if (bytes === damaged) return undefined;
  if (reads) onRead(bytes.length);
  const isRight = bytes.length === record.size && createHash('sha256').update(bytes).digest('hex') === sha256;
  return isRight ? undefined : { isMissing: false, message: 'the bytes of a small content have changed' };
}

async function* fileFault(
  check: ContentCheck,
  { ns, sha256, record }: Blob,
  name: string,
): AsyncGenerator<undefined, Fault | undefined, void> {
  const { generation } = record;
  const stat = await check.blobs.stat(name, generation);
  if (stat === undefined) return { isMissing: true, message: `the file ${name} is gone` };
  if (stat.sizeBytes !== record.size)
    return { isMissing: false, message: `the file ${name} has ${stat.sizeBytes} bytes, not ${record.size}` };
  const blocks = Math.ceil(record.size / blockBytes);
  const rows = blocks === 0 ? [] : await valuesOf(check.snapshot, crcKeys(ns, sha256, 0, blocks - 1));
  let crcBytes = 0;
  for (const row of rows) {
    if (row === damaged) return undefined;
    crcBytes += row?.length ?? 0;
  }
  if (
    crcBytes !== blocks * 4 ||
    rows.some((row) => row === undefined || row === damaged || row.length > crcRowBytes)
  )
    return { isMissing: false, message: 'the checksums of a content are incomplete' };
  if (!check.reads) return undefined;
  const hash = createHash('sha256');
  try {
    for await (const piece of check.blobs.read(name, 0, record.size, check.signal, generation)) {
      hash.update(piece);
      check.onRead(piece.length);
      yield undefined;
    }
  } catch (error) {
    if (!failedWith(error, 'DATA_LOSS')) throw error;
    return { isMissing: false, message: error.message };
  }
  return hash.digest('hex') === sha256
    ? undefined
    : { isMissing: false, message: `the bytes of the file ${name} have changed` };
}

/** Returns false for a content that was deleted or replaced since the instant of the check: that is not a fault. */
async function isStillThere(index: Index, { ns, sha256, record }: Blob): Promise<boolean> {
  const value = await index.get(keys.blobs.record.key(ns, sha256));
  if (value === undefined) return false;
  const now = keys.blobs.record.decode(value);
  return now.name === record.name && !now.quarantined;
}

/** Yields the files that no row names and that are older than a day: younger ones may be about to be committed. */
export async function* orphans(check: ContentCheck): AsyncGenerator<Diagnosis> {
  const { snapshot, scope, index } = check;
  const range =
    scope.namespace === undefined
      ? keys.store.namespace.range()
      : keys.store.namespace.range(scope.namespace);
  for await (const [key, value] of readable(snapshot, range)) {
    const [ns] = keys.store.namespace.parse(key);
    const record = scope.decode(keys.store.namespace, value);
    if (record === undefined) continue;
    for await (const name of check.blobs.list(record.internalId)) {
      check.signal?.throwIfAborted();
      // The present index decides: a file that was committed since the instant of the check is not an orphan.
      if (await isNamed(index, ns, name)) continue;
      const stat = await check.blobs.stat(name);
      if (stat === undefined || stat.modifyTimeMs > index.now() - orphanAgeMs) continue;
      check.onFile(stat.sizeBytes);
      yield diagnosis(
        'ORPHAN',
        { namespace: ns },
        `nothing refers to the file ${name} of ${stat.sizeBytes} bytes`,
        { kind: 'condemn', ns, name, size: stat.sizeBytes, generation: stat.generation },
      );
    }
  }
}

/** A damaged row counts as one that names the file. */
async function isNamed(index: Index, ns: string, name: string): Promise<boolean> {
  try {
    return (await index.get(keys.blobs.physicalName.key(ns, name))) !== undefined;
  } catch (error) {
    if (!failedWith(error, 'DATA_LOSS')) throw error;
    return true;
  }
}

/** Yields the things that an import brought back and that still exist. */
export async function* cameBack(snapshot: Snapshot, scope: Scope): AsyncGenerator<Diagnosis> {
  for await (const [key] of readable(snapshot, keys.store.cameBack.range())) {
    const [kind, ns, id] = keys.store.cameBack.parse(key);
    if (scope.namespace !== undefined && ns !== scope.namespace) continue;
    const about = { namespace: ns, ...(kind === 'artifact' ? { artifactId: id } : {}) };
    yield diagnosis(
      'CAME_BACK',
      about,
      `the ${kind} ${id} had been deleted, or had expired, and an import restored it; delete it if it should not exist`,
    );
  }
}
