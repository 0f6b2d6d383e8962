/**
 * The protocol by which one content is stored, shared and collected, without anything that is not part of it: every
 * step that another can come between is a transition, every grace is something that "may have passed", and a crash may
 * come anywhere. `explore` (exploring.ts) visits every state that can be reached.
 *
 * It is the specification of src/store: S4 to S6 of an upload (publish.ts, blob-rows.ts), a deletion (detach), and of
 * collection what condemning.ts, sweeping.ts and orphans.ts do.
 */

import {
  type BucketExtent,
  type BucketVariant,
  bucketAtFirst,
  bucketTransitions,
  copyOfBucket,
  create,
  isListed,
  leaveRequests,
  mayBeRemoved,
  remove,
} from './bucket-rules.ts';
import {
  copyOfDirect,
  type DirectVariant,
  directAtFirst,
  directTimes,
  directTransitions,
  forget,
  replaced,
} from './direct-rules.ts';
import type { Collector, State, Transition } from './state.ts';

/** What goes wrong in a protocol that is not this one: each is known to fail, and the model has to show it. */
export type Variant =
  /** Collection takes out of use what nothing referred to when it looked. */
  | 'condemns by what it saw'
  /** Collection removes what nothing referred to when it looked and whose file is old: a duplicate does not renew it. */
  | 'grace by file time'
  /** A file is named by its content. */
  | 'reuses names'
  /** An upload may commit however long ago its file was written, and does not look whether its name is condemned. */
  | 'commits condemned names'
  /** An upload may commit however long ago its file was written. */
  | 'commits without a limit of time'
  /** Files without a row are removed although they are young. */
  | 'young orphans'
  /** Files without a row are unlinked where they are found, and uploads may commit however late. */
  | 'unlinks orphans directly'
  /** Nobody looks for files without a row. */
  | 'no search for orphans'
  /** A deletion writes a count that it has read before. */
  | 'counts outside of the transaction'
  | BucketVariant
  | DirectVariant;

export interface Extent {
  readonly uploads: number;
  readonly collectors: number;
  readonly crashes: number;
  /** Files are objects of a bucket. Default: of a directory. */
  readonly bucket?: BucketExtent;
  /** The ends of one direct upload. Default: there is none. */
  readonly ends?: number;
}

export function initial({ uploads, collectors, bucket, ends }: Extent): State {
  const names = uploads + (ends === undefined ? 0 : 1);
  return {
    uploads: Array.from({ length: uploads }, () => ({ at: 'start', saw: 0 })),
    collectors: Array.from({ length: collectors }, () => ({ doing: 'nothing', name: 0 })),
    files: Array.from({ length: names }, () => false),
    old: Array.from({ length: names }, () => false),
    rows: Array.from({ length: names }, () => 'none'),
    spent: Array.from({ length: names }, () => false),
    blob: undefined,
    queued: 'no',
    crashes: 0,
    bucket: bucket && bucketAtFirst(names, bucket),
    direct: ends === undefined ? undefined : directAtFirst(uploads, ends),
  };
}

export function copy(state: State): State {
  return {
    uploads: state.uploads.map((one) => ({ ...one })),
    collectors: state.collectors.map((one) => ({ ...one })),
    files: [...state.files],
    old: [...state.old],
    rows: [...state.rows],
    spent: [...state.spent],
    blob: state.blob && { ...state.blob },
    queued: state.queued,
    crashes: state.crashes,
    bucket: state.bucket && copyOfBucket(state.bucket),
    direct: state.direct && copyOfDirect(state.direct),
  };
}

function isUnlimited(variant: Variant | undefined): boolean {
  return (
    variant === 'commits without a limit of time' ||
    variant === 'commits condemned names' ||
    variant === 'unlinks orphans directly'
  );
}

/** S6. */
function commit(state: State, id: number, name: number, variant: Variant | undefined): void {
  const upload = state.uploads[id]!;
  if (upload.at === 'written') {
    const isCondemned = state.rows[name] === 'condemned' || state.rows[name] === 'due';
    const isRefused =
      (isCondemned && variant !== 'commits condemned names') || (state.old[name] && !isUnlimited(variant));
    if (isRefused) {
      upload.at = 'failed';
      return;
    }
    // The bytes that have come take the place of the stored ones.
    const refs = (state.blob?.refs ?? 0) + 1;
    if (state.blob !== undefined && state.blob.name !== name) replaced(state, state.blob.name);
    state.blob = { name, refs };
    state.rows[name] = 'live';
    upload.at = 'live';
  } else if (state.blob === undefined) {
    upload.at = 'absent';
  } else {
    state.blob.refs++;
    upload.at = 'live';
  }
}

function detach(state: State, refs: number): void {
  if (state.blob === undefined) return;
  state.blob.refs = refs;
  if (refs === 0) state.queued = 'young';
}

function uploadTransitions(state: State, id: number, variant: Variant | undefined): Transition[] {
  const { at } = state.uploads[id]!;
  const name = variant === 'reuses names' ? 0 : id;
  const told = (what: string, take: Transition['take']): Transition[] => [
    { name: `upload ${id} ${what}`, take },
  ];
  switch (at) {
    case 'start':
      return told('looks', (next) => {
        next.uploads[id]!.at = next.blob === undefined ? 'absent' : 'present';
      });
    case 'absent':
      return told('names its file', (next) => {
        const isMade = next.bucket === undefined || create(next, name, variant);
        next.files[name] ||= isMade;
        next.uploads[id]!.at = isMade ? 'written' : 'failed';
      });
    case 'present':
    case 'written':
      return told('commits', (next) => commit(next, id, name, variant));
    case 'live':
      if (variant !== 'counts outside of the transaction')
        return told('is deleted', (next) => {
          next.uploads[id]!.at = 'deleted';
          detach(next, (next.blob?.refs ?? 1) - 1);
        });
      if (state.uploads[id]!.saw === 0)
        return told('is read', (next) => {
          next.uploads[id]!.saw = next.blob?.refs ?? 1;
        });
      return told('is deleted', (next) => {
        next.uploads[id]!.at = 'deleted';
        detach(next, next.uploads[id]!.saw - 1);
      });
    default:
      return [];
  }
}

/** What a collector may begin, and how it goes on. */
function collectorTransitions(state: State, id: number, variant: Variant | undefined): Transition[] {
  const { doing, name } = state.collectors[id]!;
  const told = (what: string, take: Transition['take']): Transition => ({
    name: `collector ${id} ${what}`,
    take,
  });
  const begin = (next: State, to: Collector['doing'], which: number) => {
    next.collectors[id] = { doing: to, name: which };
  };
  const end = (next: State) => begin(next, 'nothing', 0);
  switch (doing) {
    case 'nothing':
      return beginnings(state, variant).map(({ doing: to, name: which }) =>
        told(`begins to ${to} ${which}`, (next) => begin(next, to, which)),
      );
    case 'condemn':
      return [
        told('condemns', (next) => {
          end(next);
          if (next.queued === 'no') return;
          const { blob } = next;
          const isFree = blob?.refs === 0 || variant === 'condemns by what it saw';
          // Free again, and not for long enough.
          if (blob?.refs === 0 && next.queued === 'young' && variant !== 'condemns by what it saw') return;
          next.queued = 'no';
          if (blob === undefined || !isFree) return;
          replaced(next, blob.name);
          next.blob = undefined;
        }),
      ];
    case 'unlink':
      return [
        told(`unlinks ${name}`, (next) => {
          if (next.bucket !== undefined && !remove(next, name, variant)) return end(next);
          next.files[name] = false;
          begin(next, 'forget', name);
        }),
      ];
    case 'forget':
      return [
        told(`forgets ${name}`, (next) => {
          end(next);
          forget(next, name);
        }),
      ];
    case 'orphan':
      return [
        told(`takes ${name} for an orphan`, (next) => {
          end(next);
          if (variant === 'unlinks orphans directly' || variant === 'young orphans') next.files[name] = false;
          else if (next.rows[name] === 'none') replaced(next, name);
        }),
      ];
    case 'file time':
      return [
        told(`removes ${name}`, (next) => {
          end(next);
          next.files[name] = false;
        }),
      ];
  }
}

function beginnings(state: State, variant: Variant | undefined): Collector[] {
  const found: Collector[] = [];
  if (state.queued === 'due') found.push({ doing: 'condemn', name: 0 });
  for (const [name, row] of state.rows.entries()) {
    if (isDue(state, name, row, variant) && mayBeRemoved(state, name)) found.push({ doing: 'unlink', name });
    const isOldEnough = (state.old[name] || variant === 'young orphans') && isListed(state, name, variant);
    if (row === 'none' && state.files[name] && isOldEnough && variant !== 'no search for orphans')
      found.push({ doing: 'orphan', name });
    if (
      variant === 'grace by file time' &&
      state.files[name] &&
      state.old[name] &&
      state.blob?.name === name &&
      state.blob.refs === 0
    )
      found.push({ doing: 'file time', name });
  }
  return found;
}

/** Rows that contradict each other end every sweep. */
function isDue(
  { direct, old }: State,
  name: number,
  row: State['rows'][number],
  variant: Variant | undefined,
) {
  const isStuck = direct?.isStuck === true && old[direct.name] === true;
  if (isStuck && direct.name === name && variant === 'sweeps a finished name') return true;
  return row === 'due' && !isStuck;
}

/** What may have passed. */
function timeTransitions(state: State): Transition[] {
  const transitions: Transition[] = [...directTimes(state)];
  if (state.queued === 'young')
    transitions.push({
      name: 'the content has been free for long enough',
      take: (next) => {
        next.queued = 'due';
      },
    });
  for (const [name, row] of state.rows.entries())
    if (row === 'condemned')
      transitions.push({
        name: `nobody reads ${name} any more`,
        take: (next) => {
          next.rows[name] = 'due';
        },
      });
  for (const [name, isThere] of state.files.entries())
    if ((isThere || isBegun(state, name)) && !state.old[name])
      transitions.push({
        name: `${name} has become old`,
        take: (next) => {
          next.old[name] = true;
        },
      });
  return transitions;
}

/** The time of a direct upload is counted from its begin. */
function isBegun({ direct }: State, name: number): boolean {
  return direct?.name === name && direct.isBegun;
}

function crash(state: State): void {
  state.crashes++;
  // The client asks for the end again.
  if (state.direct !== undefined)
    state.direct.ends = state.direct.ends.map((end) => (end === 'found' ? 'waiting' : end));
  if (state.bucket !== undefined) leaveRequests(state, state.bucket);
  for (const upload of state.uploads)
    if (!['start', 'live', 'deleted', 'failed'].includes(upload.at)) upload.at = 'failed';
  for (const [id] of state.collectors.entries()) state.collectors[id] = { doing: 'nothing', name: 0 };
}

export function transitionsOf(state: State, extent: Extent, variant: Variant | undefined): Transition[] {
  const transitions = [
    ...state.uploads.flatMap((_upload, id) => uploadTransitions(state, id, variant)),
    ...state.collectors.flatMap((_collector, id) => collectorTransitions(state, id, variant)),
    ...timeTransitions(state),
    ...bucketTransitions(state, extent.bucket, variant),
    ...directTransitions(state, variant, (next) => detach(next, (next.blob?.refs ?? 1) - 1)),
  ];
  if (state.crashes < extent.crashes) transitions.push({ name: 'a crash', take: crash });
  return transitions;
}
