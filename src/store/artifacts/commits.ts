/** The commit of a push: the transaction that makes its rows, run with what it needs of the store. */
import type { ArtifactSpec } from '../../domain/artifact.ts';
import { failedWith } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index } from '../../index/door.ts';
import { discardPublished } from '../contents/publish.ts';
import type { Content } from '../rows/content.ts';
import type { OlderRequestIds } from '../rows/request-ids.ts';
import type { OnStep } from '../rows/steps.ts';
import { type LapseWriter, transact } from '../rows/transaction.ts';
import {
  type CommitRequest,
  type CommitResult,
  commitReads,
  decideCommit,
  type WitnessedContent,
} from './commit.ts';

/** A push whose bytes are received: all that its commit needs in addition to the rows. */
export type Push = Omit<CommitRequest, 'opensSessions' | 'olderRequestIds'>;

/** The way to commit pushes about whose namespaces other processes decide. Its implementation is outside the store. */
export interface RemoteCommits {
  /**
   * Commits a push where its namespace is decided. `here` commits in this process. Another process that refuses the
   * push has queued its published content for removal.
   *
   * @throws ContentVanished, and Failure of {@link decideCommit}; NOT_OWNER if no process that decides was found, and
   * nothing was done; STORE_UNAVAILABLE if the outcome is unknown.
   */
  commit(push: Push, here: () => Promise<CommitResult>): Promise<CommitResult>;
}

interface CommitsOptions {
  readonly index: Index;
  /** True: a push to an unknown session opens it. */
  readonly opensSessions: boolean;
  readonly olderRequestIds: OlderRequestIds;
  readonly lapses: LapseWriter;
  readonly onStep: OnStep | undefined;
  /** Undefined: this process decides about all namespaces. */
  readonly remoteCommits: RemoteCommits | undefined;
}

/** Commits pushes. */
export class Commits {
  private readonly options: CommitsOptions;

  constructor(options: CommitsOptions) {
    this.options = options;
  }

  /**
   * Writes all rows of a version, or none, wherever that is decided. Resolves when the batch is durable. @throws as
   * {@link RemoteCommits}.
   */
  async commit(
    by: Principal,
    spec: ArtifactSpec,
    content: Content | WitnessedContent,
  ): Promise<CommitResult> {
    const { remoteCommits, onStep } = this.options;
    const push = { by, spec, content };
    const here = () => this.commitHere(push);
    const result = await (remoteCommits === undefined ? here() : remoteCommits.commit(push, here));
    await onStep?.('upload.committed');
    return result;
  }

  /**
   * Commits a push whose bytes another process has received. If it is refused, its published content is queued for
   * removal, unless the outcome is unknown.
   *
   * @throws ContentVanished, Failure of {@link decideCommit}.
   */
  async commitReceived(push: Push): Promise<CommitResult> {
    try {
      return await this.commitHere(push);
    } catch (error) {
      const { by, content } = push;
      if (content.kind === 'blob' && !failedWith(error, 'STORE_UNAVAILABLE', 'NOT_OWNER'))
        await discardPublished(this.options.index, by.namespace, content).catch(() => undefined);
      throw error;
    }
  }

  private async commitHere({ by, spec, content }: Push): Promise<CommitResult> {
    const { index, opensSessions, olderRequestIds, lapses } = this.options;
    const request: CommitRequest = { by, spec, content, opensSessions, olderRequestIds };
    return await transact(index, {
      ns: by.namespace,
      by,
      lapses,
      get reads() {
        return commitReads(request, index.now());
      },
      bytesHint: 4096 + (content.kind === 'inline' ? content.size : 0),
      decide: (tx) => decideCommit(tx, request),
    });
  }
}
