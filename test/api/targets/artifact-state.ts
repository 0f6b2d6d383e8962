/** What the table of artifacts consists of. */
import { type Caller, theName, theSession, type World } from './world.ts';

/** What a state says of a target: that it is there, or why it is not. */
export type Answer =
  | 'found'
  | 'ARTIFACT_NOT_FOUND'
  | 'ARTIFACT_EXPIRED'
  | 'ARTIFACT_DELETED'
  | 'SESSION_NOT_FOUND';

/** The ways to name an artifact. */
export const ways = ['id', 'name', 'version'] as const;
export type Way = (typeof ways)[number];

/** What a state has brought about. */
export interface Made {
  /** Of the artifact that is asked for. */
  readonly id: string;
  /** Its version. Default 1. */
  readonly version?: bigint;
  /** What its name without a version leads to, if that is another. */
  readonly latest?: string;
  /** What its name and version lead to, if that is another. */
  readonly numbered?: string;
  readonly session?: string;
  readonly name?: string;
  /** Default: the owner. */
  readonly caller?: Caller;
}

export interface ArtifactState {
  readonly what: string;
  readonly make: (world: World) => Promise<Made>;
  readonly answers: Readonly<Record<Way, Answer>>;
  /** Where a call answers otherwise for what is there, and why. */
  readonly but?: Readonly<Record<string, readonly [answer: string, why: string]>>;
}

/** The same answer whichever way it is named. */
export const all = (answer: Answer) => ({ id: answer, name: answer, version: answer });

/** It is not there, and its session is. */
export const absent = {
  id: 'ARTIFACT_NOT_FOUND',
  name: 'ARTIFACT_NOT_FOUND',
  version: 'ARTIFACT_NOT_FOUND',
} as const;

/** Neither is there. */
export const withSession = {
  id: 'ARTIFACT_NOT_FOUND',
  name: 'SESSION_NOT_FOUND',
  version: 'SESSION_NOT_FOUND',
} as const;

/** The same after the reaper. */
export function reaped(make: ArtifactState['make']): ArtifactState['make'] {
  return async (world) => {
    const made = await make(world);
    await world.reap();
    return made;
  };
}

/** A state before and after the reaper. */
export function both(
  what: string,
  make: ArtifactState['make'],
  { before, after }: { readonly before: ArtifactState['answers']; readonly after: ArtifactState['answers'] },
  but?: NonNullable<ArtifactState['but']>,
): ArtifactState[] {
  const exceptions = but === undefined ? {} : { but };
  return [
    { what, make, answers: before, ...exceptions },
    { what: `${what}, after the reaper`, make: reaped(make), answers: after, ...exceptions },
  ];
}

/** A reference of one kind to what a state has made. */
export function referenceTo({ id, version = 1n, session = theSession, name = theName }: Made, way: Way) {
  if (way === 'id') return { by: { case: 'id' as const, value: id } };
  const value = way === 'name' ? { session, name } : { session, name, version };
  return { by: { case: 'name' as const, value } };
}
