/** Points in the store's work that somebody may want to stand at: a test that stops the process there, above all. */

/**
 * Every step, each told when it is done and before the next begins. Those of an upload are S1 to S7 of
 * docs/reliability.md. A small content has no `staged`, `written`, `held` and `published`.
 */
export const steps = [
  'upload.staged',
  'upload.written',
  'upload.checked',
  'upload.held',
  'upload.published',
  'upload.committed',
  'upload.dropped',
  'seal.fenced',
  'manifest.staged',
  'manifest.written',
  'manifest.held',
  'manifest.published',
  'seal.sealed',
  'start.rowsFilled',
  'start.staleRemoved',
  'start.sealsFinished',
  'delete.committed',
  'session.deleted',
  'reap.artifacts',
  'reap.others',
  'reap.lapsed',
  'reap.emptied',
  'reap.session',
  'export.written',
  'export.published',
  'export.trimmed',
  'collect.condemned',
  'collect.swept',
  'collect.orphanCondemned',
  'scrub.quarantined',
] as const;

/** One of {@link steps}. */
export type Step = (typeof steps)[number];

/** What becomes of a content: its staging file is open, a chunk is in it, it was found held, it has its name. */
type ContentStep = 'staged' | 'written' | 'held' | 'published';

/** Told of each step; the store goes on when what it returns has resolved. It must not throw. */
export type OnStep = (step: Step) => void | Promise<void>;

/** Told of the steps of one content. */
export type OnContentStep = (step: ContentStep) => void | Promise<void>;

/** Tells `onStep` of a content's steps as those of what the content is for; undefined if nobody is to be told. */
export function contentObserver(
  kind: 'upload' | 'manifest',
  onStep: OnStep | undefined,
): OnContentStep | undefined {
  return onStep && ((step) => onStep(`${kind}.${step}`));
}
