/**
 * The part of the model of collection that direct uploads add. A client sends the bytes to a name by itself, once, at any
 * time while its URL is good. The name is in the queue of condemned names from the begin: it is the only one that can
 * become live again. Ends of one upload may run at once, and each may be repeated. The first of them makes the artifact.
 */
import type { DirectState, State, Transition } from './state.ts';

/** What goes wrong with direct uploads in a protocol that is not this one. */
export type DirectVariant =
  /** An end leaves the name in the queue of condemned names. */
  | 'leaves a finished name in the queue'
  /** The same, and the sweep does not look whether a name is live. */
  | 'sweeps a finished name'
  /** An end may commit however long ago the upload began. */
  | 'finishes at any time'
  /** An end commits a name that no row has any more. */
  | 'finishes what no row knows'
  /** A name is removed once, although its URL is still good. */
  | 'sweeps an awaited name once'
  /** The name is not in the queue before it is finished. */
  | 'awaits without a row'
  /** An end does not read the bytes back. */
  | 'takes the bytes unread';

export function directAtFirst(name: number, ends: number): DirectState {
  return {
    name,
    isBegun: false,
    sent: 'nothing',
    isAgain: false,
    hasEnded: false,
    isStuck: false,
    ends: Array.from({ length: ends }, () => 'waiting' as const),
  };
}

export function copyOfDirect(direct: DirectState): DirectState {
  return { ...direct, ends: [...direct.ends] };
}

/** Names the artifact that the ends have made. */
export function isMade({ ends }: DirectState): boolean {
  return ends.some((end) => end === 'live');
}

/** What the client, the ends and the time can do. */
export function directTransitions(
  state: State,
  variant: string | undefined,
  detach: (state: State) => void,
): Transition[] {
  const { direct } = state;
  if (direct === undefined) return [];
  const { name, isBegun, hasEnded } = direct;
  const transitions: Transition[] = [];
  const may = (what: string, take: (state: State, next: DirectState) => void) =>
    transitions.push({ name: `direct upload ${what}`, take: (next) => take(next, next.direct!) });
  if (!isBegun) {
    may('begins', (next, own) => {
      own.isBegun = true;
      if (variant === 'awaits without a row') return;
      own.isAgain = variant !== 'sweeps an awaited name once';
      next.rows[name] = 'awaited';
    });
    return transitions;
  }
  if (direct.sent === 'nothing' && !hasEnded)
    for (const what of ['right', 'wrong'] as const)
      may(`sends ${what} bytes`, (next, own) => {
        own.sent = what;
        next.files[name] = true;
      });
  // The URL is good for a week. The last removal is a day later: what a sweep has begun before is over then.
  const isSwept = state.collectors.some((one) => one.doing === 'forget' && one.name === name);
  if (!hasEnded && state.old[name] && !isSwept)
    may('has lost its URL', (_next, own) => {
      own.hasEnded = true;
    });
  for (const [at, end] of direct.ends.entries()) {
    if (end === 'waiting' && state.files[name] && (!state.old[name] || variant === 'finishes at any time'))
      may(`end ${at} looks`, (_next, own) => {
        own.ends[at] = 'found';
      });
    if (end === 'found') may(`end ${at} commits`, (next, own) => finish(next, own, at, variant));
    if (end === 'live')
      may(`end ${at} is deleted`, (next, own) => {
        own.ends[at] = 'deleted';
        detach(next);
      });
  }
  return transitions;
}

/** The end has read all bytes: either of the object, which is there until something else comes, or before it was removed. */
function finish(state: State, direct: DirectState, at: number, variant: string | undefined): void {
  const { name, ends } = direct;
  if (direct.sent === 'wrong' && variant !== 'takes the bytes unread') {
    // Of its generation. If it is not removed, the queue has it.
    if (state.bucket?.isLocked !== true) state.files[name] = false;
    ends[at] = 'failed';
    return;
  }
  const isKnown = ends.some((end) => end === 'live' || end === 'deleted');
  if (isKnown && !isMade(direct)) {
    ends[at] = 'failed';
    return;
  }
  const { blob } = state;
  if (blob?.name !== name) {
    if (!mayTake(state, direct, variant)) {
      ends[at] = 'failed';
      return;
    }
    if (blob !== undefined) replaced(state, blob.name);
    state.blob = { name, refs: blob?.refs ?? 0 };
    state.rows[name] = 'live';
    const isLeft = variant === 'leaves a finished name in the queue' || variant === 'sweeps a finished name';
    if (isLeft) direct.isStuck = true;
    else direct.isAgain = false;
  }
  if (!isKnown) state.blob!.refs++;
  ends[at] = isKnown ? 'replayed' : 'live';
}

/** A name that awaits its end, also if a sweep has begun with it and not yet forgotten it. */
function mayTake({ rows, old, spent }: State, { name }: DirectState, variant: string | undefined): boolean {
  if (old[name] && variant !== 'finishes at any time') return false;
  const row = rows[name];
  if (row === 'none') return variant === 'finishes what no row knows' || variant === 'awaits without a row';
  return row === 'awaited' || (row === 'due' && !spent[name]);
}

/** The bytes of a name are not used any more: others have taken their place. */
export function replaced(state: State, name: number): void {
  state.rows[name] = 'condemned';
  state.spent[name] = true;
}

/** The row of a name whose file was removed. */
export function forget(state: State, name: number): void {
  const { direct } = state;
  if (state.rows[name] !== 'due') return;
  state.spent[name] = true;
  const isAgain = direct?.name === name && direct.isAgain && !direct.hasEnded;
  state.rows[name] = isAgain ? 'again' : 'none';
}

/** What may have passed for the names of direct uploads. */
export function directTimes({ direct, rows, old }: State): Transition[] {
  if (direct === undefined) return [];
  const { name } = direct;
  const due = (what: string): Transition => ({
    name: what,
    take: (next) => {
      next.rows[name] = 'due';
    },
  });
  // An hour after the last commit.
  if (rows[name] === 'awaited' && old[name]) return [due(`${name} was not finished`)];
  if (rows[name] === 'again' && direct.hasEnded) return [due(`nobody writes ${name} any more`)];
  return [];
}

/** What is wrong with what a direct upload has made. */
export function wrongDirect({ direct, files, rows, blob }: State): string | undefined {
  if (direct === undefined) return undefined;
  if (blob?.name === direct.name && direct.sent === 'wrong')
    return 'I8: a content has other bytes than it says';
  if (direct.isBegun && files[direct.name] && rows[direct.name] === 'none')
    return 'I10: no row has what a client has sent';
  return undefined;
}
