/** Where the rig can stop the server: the steps of the store, and those that it sees around it. */
import { type Step, steps } from '../../src/store/rows/steps.ts';
import type { BucketPlace } from './bucket/place.ts';

const around = ['batch.before', 'batch.stalled', 'batch.after', 'answer.leaving'] as const;

/**
 * A step of the store; just before or after a batch of the index; when an answer is about to be sent. A batch that is
 * `stalled` is never written: the server goes on without it for a while, which is when answers get out that should not.
 */
export type Failpoint = Step | (typeof around)[number];

/** The steps of a direct upload that no other upload has. Only a bucket takes direct uploads. */
const ofDirectUploads: readonly Failpoint[] = steps.filter((step) => step.startsWith('direct.'));

/** These need more than a server under load: files that are a day old, or damaged. Exports, segments and the reaper have rigs of their own. */
const elsewhere: readonly Failpoint[] = [
  ...ofDirectUploads,
  ...steps.filter((step) => /^(export|segment|reap)\./.test(step)),
  'session.deleted',
  'collect.orphanCondemned',
  'scrub.quarantined',
];

export const failpoints: readonly Failpoint[] = [...steps, ...around].filter(
  (step) => !elsewhere.includes(step),
);

/** What direct uploads pass, in their order. */
export const directFailpoints: readonly Failpoint[] = [
  ...ofDirectUploads,
  'upload.written',
  'upload.checked',
  'upload.published',
  'batch.before',
  'batch.after',
  'upload.committed',
  'upload.dropped',
  'answer.leaving',
];

/** Ends the process with SIGKILL when `step` is reached for the `occurrence`-th time from now on, counted from 1. */
export interface Armed {
  readonly step: Failpoint;
  readonly occurrence: number;
}

/** What a server is told when it is started. */
export interface ChildOptions {
  readonly dataDir: string;
  /** Default: `index` in the data directory. Its mark is beside it. */
  readonly indexDir?: string | undefined;
  /** Where contents are. Default: in the data directory. */
  readonly bucket?: BucketPlace | undefined;
  /** Contents up to this size go into the index. */
  readonly inlineBytesMax: number;
  /** Contents are collected all the time, with no grace. Default: nobody does. */
  readonly collects?: boolean | undefined;
  /** Nothing waits before it is collected, whoever does it. Default: as long as usual. */
  readonly graceless?: boolean | undefined;
  /** A Unix socket to serve the same on, to operators. Default: none. */
  readonly socket?: string | undefined;
  /** Of LevelDB: small ones make it write tables and compact them often. Default: the service's own. */
  readonly tuning?: { readonly writeBufferBytes: number; readonly tableBytes: number } | undefined;
  /** Armed from the start; others are armed later by a line of standard input with an {@link Armed} as JSON. */
  readonly armed?: Armed | undefined;
}

/** The line that a server writes when it serves. */
export interface ReadyLine {
  readonly pid: number;
  readonly address: string;
  /** What its start had to tidy up. */
  readonly stagingFiles: number;
  readonly pendingSeals: number;
}
