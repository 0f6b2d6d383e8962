/** What makes sure that a replica writes only about namespaces that it owns. */
import type { Buffer } from 'node:buffer';
import { Failure } from '../../../domain/errors.ts';
import type { Connection } from '../connection.ts';
import type { WriteOwner } from '../write-owner.ts';
import type { Membership } from './membership.ts';
import type { ReplicaOwners } from './replica-owners.ts';
import type { ReplicaStatements } from './tables.ts';

/** See the head of this file. */
export class ReplicaWriter implements WriteOwner {
  private readonly statements: ReplicaStatements;
  private readonly membership: Membership;
  private readonly owners: ReplicaOwners;
  /** True if what was lost is the place among the replicas, and not only a namespace. */
  private hasLostPlace = false;

  constructor(statements: ReplicaStatements, membership: Membership, owners: ReplicaOwners) {
    this.statements = statements;
    this.membership = membership;
    this.owners = owners;
  }

  /** Who raises the generation waits for the batch that a connection before has under way, or defeats it. */
  async take(connection: Connection): Promise<number> {
    const { number, id } = this.membership;
    const [row] = await connection.query(this.statements.raise, [number, id]);
    if (row === undefined) throw this.membership.lost();
    return row[0] as number;
  }

  async write(
    connection: Connection,
    generation: number,
    arrays: readonly Buffer[],
    fences: ReadonlyMap<string, number>,
  ): Promise<boolean> {
    const names = JSON.stringify([...fences.keys()]);
    const epochs = JSON.stringify([...fences.values()]);
    const values = [this.membership.number, generation, names, epochs, ...arrays];
    const [found] = await connection.query(this.statements.batch, values);
    const [writers, namespaces] = found as [number, number];
    this.hasLostPlace = writers === 0;
    return writers === 1 && namespaces === fences.size;
  }

  async lostOn(): Promise<Error> {
    this.owners.drop();
    if (this.hasLostPlace) return this.membership.lost();
    return new Failure('STORE_UNAVAILABLE', 'another replica has taken over what this one owned', {
      retryAfterMs: 200,
    });
  }
}
