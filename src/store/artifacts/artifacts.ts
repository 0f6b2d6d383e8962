/** Reads and changes artifacts that exist. */
import type { Artifact, ArtifactTarget } from '../../domain/artifact.ts';
import { type Failure, failedWith } from '../../domain/errors.ts';
import type { SessionUid } from '../../domain/ids.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Asking, Index, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Key } from '../../index/row.ts';
import { notFoundReasons, readArtifact } from '../look/artifact.ts';
import type { OnStep } from '../rows/steps.ts';
import { type LapseWriter, transact } from '../rows/transaction.ts';
import { usageKey } from '../rows/usage.ts';
import { lowerSurvivorBound } from '../sessions/survivors.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { type ArtifactChanges, decideDelete, decideUpdate } from './artifact-changes.ts';

/** The reasons for which one of several artifacts may be missing without a failure of the others. */
const notReadable = ['ARTIFACT_EXPIRED', ...notFoundReasons] as const;

/** Artifacts of the caller’s namespace, as they are now. */
export class Artifacts {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly onStep: OnStep | undefined;

  private readonly lapses: LapseWriter;

  constructor(index: Index, namespaces: Namespaces, lapses: LapseWriter, onStep?: OnStep) {
    this.lapses = lapses;
    this.index = index;
    this.namespaces = namespaces;
    this.onStep = onStep;
  }

  /** @throws Failure ARTIFACT_NOT_FOUND, ARTIFACT_EXPIRED, ARTIFACT_DELETED, SESSION_NOT_FOUND. */
  async get(principal: Principal, target: ArtifactTarget): Promise<Artifact> {
    await this.namespaces.require(principal.namespace);
    await using snapshot = this.index.snapshot();
    return await readArtifact(snapshot, principal, target, this.index.now());
  }

  /** Returns each artifact, or the reason for which it cannot be read, as of one instant. */
  async batchGet(principal: Principal, targets: readonly ArtifactTarget[]): Promise<(Artifact | Failure)[]> {
    await this.namespaces.require(principal.namespace);
    await using snapshot = this.index.snapshot();
    const now = this.index.now();
    return await Promise.all(
      targets.map(async (target) => {
        try {
          return await readArtifact(snapshot, principal, target, now);
        } catch (error) {
          if (failedWith(error, ...notReadable)) return error;
          throw error;
        }
      }),
    );
  }

  /** Changes labels, expiry and hold. @throws Failure ETAG_MISMATCH and the failures of {@link get}. */
  async update(principal: Principal, target: ArtifactTarget, changes: ArtifactChanges): Promise<Artifact> {
    const { artifact, left } = await this.change(principal, target, (tx) =>
      decideUpdate(tx, principal, target, changes),
    );
    await this.lowerBound(principal.namespace, left);
    return artifact;
  }

  /**
   * Deletes one version. Returns false if nothing existed to delete. @throws Failure ARTIFACT_HELD, SEAL_PENDING,
   * ETAG_MISMATCH.
   */
  async delete(principal: Principal, target: ArtifactTarget, etag?: string): Promise<boolean> {
    const { deleted, left } = await this.change(principal, target, (tx) =>
      decideDelete(tx, principal, target, etag),
    );
    await this.onStep?.('delete.committed');
    await this.lowerBound(principal.namespace, left);
    return deleted;
  }

  private async change<T>(
    principal: Principal,
    target: ArtifactTarget,
    decide: (tx: Tx) => Asking<T>,
  ): Promise<T> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    return await transact(this.index, {
      ns,
      by: principal,
      lapses: this.lapses,
      reads: targetReads(ns, target),
      decide,
    });
  }

  /** @param left an expired session, if one of its survivors has changed or gone. */
  private async lowerBound(ns: string, left: SessionUid | undefined): Promise<void> {
    if (left !== undefined) await lowerSurvivorBound(this.index, ns, left);
  }
}

function targetReads(ns: string, target: ArtifactTarget): Key[] {
  if ('id' in target) return [keys.artifacts.record.key(ns, target.id)];
  return [keys.sessions.name.key(ns, target.session), usageKey(ns, target.session)];
}
