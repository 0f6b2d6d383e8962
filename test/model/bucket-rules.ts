/**
 * What is different in the model of collection if files are objects of a bucket. An object is created only if the name
 * has none. A deletion names a generation: it can be repeated, and come late, and deletes nothing else. A request that
 * has been sent may be performed after the process has died. What exists is listed, at once. A retention lock refuses
 * deletions until it ends. Another program may write objects under names that are not in use.
 */
import type { BucketState, State, Transition } from './state.ts';

/** Rules that are not those of the bucket, or not those of this program. */
export type BucketVariant =
  /** A deletion names no generation. */
  | 'deletes whatever has the name'
  /** An object is created over another one. */
  | 'creates over others'
  /** A listing may miss what was written before, for ever. */
  | 'lists late'
  /** Sweeping ends for good when a deletion is refused. */
  | 'stops at a refusal'
  /** A deletion that is refused is taken for done, and so is the search for what no row names. */
  | 'forgets what is refused';

export interface BucketExtent {
  /** How often another program writes an object. */
  readonly others: number;
  /** A retention lock is in force at first. */
  readonly isLocked: boolean;
}

export function bucketAtFirst(names: number, { isLocked }: BucketExtent): BucketState {
  const none = () => Array.from({ length: names }, () => false);
  return {
    foreign: none(),
    lateCreations: none(),
    lateDeletions: none(),
    refused: none(),
    isLocked,
    hasStopped: false,
    others: 0,
    harm: undefined,
  };
}

export function copyOfBucket(state: BucketState): BucketState {
  return {
    ...state,
    foreign: [...state.foreign],
    lateCreations: [...state.lateCreations],
    lateDeletions: [...state.lateDeletions],
    refused: [...state.refused],
  };
}

/** Creates an object. @returns false if it is not made: the name has one. */
export function create(state: State, name: number, variant: string | undefined): boolean {
  const bucket = state.bucket!;
  if (!bucket.foreign[name]) return true;
  if (variant !== 'creates over others') return false;
  bucket.foreign[name] = false;
  bucket.harm = `an object of another program was overwritten: ${name}`;
  return true;
}

/** Deletes our object, if it exists. @returns false if that is refused. */
export function remove(state: State, name: number, variant: string | undefined): boolean {
  const bucket = state.bucket!;
  if (bucket.isLocked && (state.files[name] || bucket.foreign[name])) {
    bucket.refused[name] = true;
    if (variant === 'stops at a refusal') bucket.hasStopped = true;
    if (variant === 'forgets what is refused') state.rows[name] = 'none';
    return false;
  }
  state.files[name] = false;
  if (variant === 'deletes whatever has the name' && bucket.foreign[name]) {
    bucket.foreign[name] = false;
    bucket.harm = `an object of another program was deleted: ${name}`;
  }
  return true;
}

export function mayBeRemoved({ bucket }: State, name: number): boolean {
  return bucket === undefined || (!bucket.refused[name] && !bucket.hasStopped);
}

/** Whether a listing shows a name that has an object. */
export function isListed({ bucket, spent }: State, name: number, variant: string | undefined): boolean {
  if (variant === 'forgets what is refused') return !spent[name];
  return variant !== 'lists late' || bucket === undefined;
}

/** The process dies: what it has asked the bucket for may be done later. */
export function leaveRequests({ uploads, collectors }: State, bucket: BucketState): void {
  for (const [id, { at }] of uploads.entries()) if (at === 'absent') bucket.lateCreations[id] = true;
  for (const { doing, name } of collectors) if (doing === 'unlink') bucket.lateDeletions[name] = true;
}

/** What comes to pass in a bucket by itself. */
export function bucketTransitions(
  { bucket, collectors, rows, uploads }: State,
  extent: BucketExtent | undefined,
  variant: string | undefined,
): Transition[] {
  if (bucket === undefined || extent === undefined) return [];
  const transitions: Transition[] = [];
  const may = (name: string, take: (state: State, next: BucketState) => void) =>
    transitions.push({ name, take: (state) => take(state, state.bucket!) });
  for (const name of bucket.foreign.keys()) {
    if (bucket.lateCreations[name])
      may(`the creation of ${name} comes late`, (state, next) => {
        next.lateCreations[name] = false;
        state.files[name] ||= !state.files[name] && create(state, name, variant);
      });
    if (bucket.lateDeletions[name])
      may(`a deletion of ${name} comes late`, (state, next) => {
        next.lateDeletions[name] = false;
        remove(state, name, variant);
        next.refused[name] = false;
      });
    if (!bucket.lateDeletions[name] && collectors.some((one) => one.doing === 'unlink' && one.name === name))
      may(`the answer to a deletion of ${name} is lost`, (_state, next) => {
        next.lateDeletions[name] = true;
      });
    const isUnused = rows[name] !== 'live' && uploads[name]?.at !== 'written';
    if (bucket.others < extent.others && isUnused && !bucket.foreign[name])
      may(`another program writes ${name}`, (state, next) => {
        next.others++;
        next.foreign[name] = true;
        state.files[name] = false;
      });
  }
  if (bucket.isLocked)
    may('the retention period ends', (_state, next) => {
      next.isLocked = false;
      next.refused = next.refused.map(() => false);
    });
  return transitions;
}
