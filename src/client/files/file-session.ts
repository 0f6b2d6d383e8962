import type { ArtifactRef } from '../artifacts/artifact.ts';
import { SessionHandle } from '../sessions/handle.ts';
import { type PullOptions, pull } from './pull.ts';

/** A session of one run, for programs that have files. */
export class FileSession extends SessionHandle {
  /** Writes an artifact to a file, and returns its path. See {@link pull}. */
  pull(ref: ArtifactRef, to?: string, options: PullOptions = {}): Promise<string> {
    return pull(this, ref, to, options);
  }
}
