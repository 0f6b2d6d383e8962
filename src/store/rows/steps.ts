/** The points in the store's work at which a caller may want to act: above all a test that ends the process there. */

/**
 * All steps. Each is reported when it is done, before the next one begins. Those of an upload are S1 to S7 of
 * docs/reliability.md. A small content has no `staged`, `written`, `found` and `published`. A direct upload has its name
 * `awaited` and its URL `begun`; its end has `found` the object, and takes the steps of an upload or is `refused` with its
 * wrong bytes deleted.
 */
export const steps = [
  'upload.staged',
  'upload.written',
  'upload.checked',
  'upload.found',
  'upload.published',
  'upload.committed',
  'upload.dropped',
  'direct.awaited',
  'direct.begun',
  'direct.found',
  'direct.refused',
  'seal.fenced',
  'manifest.staged',
  'manifest.written',
  'manifest.found',
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
  'segment.begun',
  'segment.written',
  'segment.published',
  'collect.condemned',
  'collect.swept',
  'collect.orphanCondemned',
  'scrub.quarantined',
] as const;

/** One of {@link steps}. */
export type Step = (typeof steps)[number];

/** The steps of a content: its staging file is open, a chunk is in it, the namespace was found to have it, it has its name. */
type ContentStep = 'staged' | 'written' | 'found' | 'published';

/** Called at each step; the store continues when the result has resolved. It must not throw. */
export type OnStep = (step: Step) => void | Promise<void>;

/** Called at the steps of one content. */
export type OnContentStep = (step: ContentStep) => void | Promise<void>;

/**
 * Returns a function that reports a content's steps to `onStep` as those of its purpose. Undefined without an `onStep`.
 */
export function contentObserver(
  kind: 'upload' | 'manifest',
  onStep: OnStep | undefined,
): OnContentStep | undefined {
  return onStep && ((step) => onStep(`${kind}.${step}`));
}
