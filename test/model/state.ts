/** A state of the model of collection, and what can come next. */

/** `awaited`: condemned from the begin of a direct upload. `again`: swept, and to be swept once more. */
type Row = 'none' | 'live' | 'condemned' | 'due' | 'awaited' | 'again';

interface UploadState {
  /** `present`: found the content present. `written`: its file has its name. */
  at: 'start' | 'present' | 'absent' | 'written' | 'live' | 'deleted' | 'failed';
  /** For the variant that counts outside. */
  saw: number;
}

export interface Collector {
  doing: 'nothing' | 'condemn' | 'unlink' | 'forget' | 'orphan' | 'file time';
  name: number;
}

/** Names are numbers: that of the upload, unless names are reused. */
export interface State {
  uploads: UploadState[];
  collectors: Collector[];
  /** By name: the file is there; it is more than half a day old; its row. */
  files: boolean[];
  old: boolean[];
  rows: Row[];
  /** What can never be undone: the name was condemned. */
  spent: boolean[];
  blob: { name: number; refs: number } | undefined;
  queued: 'no' | 'young' | 'due';
  crashes: number;
  /** Undefined: the files are in a directory. */
  bucket: BucketState | undefined;
  /** Undefined: all bytes come through the service. */
  direct: DirectState | undefined;
}

/** One upload whose client sends the bytes, and the ends that were asked for. */
export interface DirectState {
  readonly name: number;
  isBegun: boolean;
  sent: 'nothing' | 'right' | 'wrong';
  /** The row in the queue says that the name is to be removed once more. */
  isAgain: boolean;
  /** The URL is not good any more. */
  hasEnded: boolean;
  /** The name is live, and in the queue. */
  isStuck: boolean;
  /** `found`: it has read the bytes back. `replayed`: another end had made the artifact. */
  ends: ('waiting' | 'found' | 'live' | 'deleted' | 'replayed' | 'failed')[];
}

export interface BucketState {
  /** By name: the object is one of another program. */
  foreign: boolean[];
  /** A creation, or a deletion, that was sent, and whose process did not get the answer. */
  lateCreations: boolean[];
  lateDeletions: boolean[];
  /** The deletion was refused: it is sent again when the lock has ended. */
  refused: boolean[];
  isLocked: boolean;
  hasStopped: boolean;
  others: number;
  /** What was done to an object of another program. */
  harm: string | undefined;
}

/** A transition that can be taken, and what it makes of a copy of the state. */
export interface Transition {
  readonly name: string;
  readonly take: (state: State) => void;
}
