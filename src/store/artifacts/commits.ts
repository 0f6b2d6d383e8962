/** The commit of a push: the transaction that makes its rows, run with what it needs of the store. */
import type { ArtifactSpec } from '../../domain/artifact.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index } from '../../index/door.ts';
import type { Content } from '../rows/content.ts';
import type { OnStep } from '../rows/steps.ts';
import { type LapseWriter, transact } from '../rows/transaction.ts';
import {
  type CommitRequest,
  type CommitResult,
  commitReads,
  decideCommit,
  type WitnessedContent,
} from './commit.ts';

interface CommitsOptions {
  readonly index: Index;
  /** True: a push to an unknown session opens it. */
  readonly opensSessions: boolean;
  readonly lapses: LapseWriter;
  readonly onStep: OnStep | undefined;
}

/** Commits pushes. */
export class Commits {
  private readonly options: CommitsOptions;

  constructor(options: CommitsOptions) {
    this.options = options;
  }

  /** Writes all rows of a version, or none. Resolves when the batch is durable. @throws Failure of {@link decideCommit}. */
  async commit(
    by: Principal,
    spec: ArtifactSpec,
    content: Content | WitnessedContent,
  ): Promise<CommitResult> {
    const { index, opensSessions, lapses, onStep } = this.options;
    const request: CommitRequest = { by, spec, content, opensSessions };
    const result = await transact(index, {
      ns: by.namespace,
      by,
      lapses,
      get reads() {
        return commitReads(request);
      },
      bytesHint: 4096 + (content.kind === 'inline' ? content.size : 0),
      decide: (tx) => decideCommit(tx, request),
    });
    await onStep?.('upload.committed');
    return result;
  }
}
