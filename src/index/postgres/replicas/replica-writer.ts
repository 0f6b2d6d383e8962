/** What makes sure that a replica writes only about namespaces that it owns. */
import type { Buffer } from 'node:buffer';
import { Failure } from '../../../domain/errors.ts';
import { decodeRow } from '../../engine/stored-row.ts';
import { keys } from '../../keys.ts';
import type { CommitRecord } from '../../records.ts';
import type { Write } from '../../row.ts';
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

  private readonly isShipped: boolean;

  /** @param isShipped true: each batch waits to be shipped. */
  constructor(
    statements: ReplicaStatements,
    membership: Membership,
    owners: ReplicaOwners,
    isShipped: boolean,
  ) {
    this.statements = statements;
    this.membership = membership;
    this.owners = owners;
    this.isShipped = isShipped;
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
    writes: readonly Write[],
  ): Promise<boolean> {
    const names = JSON.stringify([...fences.keys()]);
    const epochs = JSON.stringify([...fences.values()]);
    const values = [this.membership.number, generation, names, epochs, ...arrays];
    const [found] = this.isShipped
      ? await connection.query(this.statements.shippedBatch, [...values, ...numbersOf(writes)])
      : await connection.query(this.statements.batch, values);
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

/** Returns the number and the time of the commit of a batch. */
function numbersOf(writes: readonly Write[]): readonly [seq: number, time: number] {
  const write = writes.at(-1);
  if (write?.type !== 'put' || write.key[0] !== keys.store.commit.code)
    throw new Error('a batch must end with its commit');
  const { seq, time }: CommitRecord = keys.store.commit.decode(decodeRow(write.key, write.value));
  return [seq, time];
}
