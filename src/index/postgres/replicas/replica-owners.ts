/** The namespaces that a replica owns, and what it knows of those of the others. */
import { Buffer } from 'node:buffer';
import { Failure } from '../../../domain/errors.ts';
import type { ReplicaStats } from '../../door.ts';
import type { OwnRows } from '../../engine/options.ts';
import { here, notOwner, type Owner, type Owners } from '../../owners.ts';
import type { Value } from '../../row.ts';
import { rowOwner } from '../../row-owner.ts';
import type { Control } from './control.ts';
import { candidatesAmong, type Member, type Membership } from './membership.ts';
import { winnerOf } from './rendezvous.ts';
import type { ReplicaStatements } from './tables.ts';

/** The time for which this replica owns a namespace: from a take-over on, until it is lost or given up. */
export interface Tenure {
  readonly ns: string;
  readonly epoch: number;
  /** The transactions that have not been answered. */
  underWay: number;
  /** True: no further transaction begins. */
  isLeaving: boolean;
  /** Called when no transaction is under way. */
  onRest?: () => void;
}

interface ReplicaOwnersOptions {
  readonly control: Control;
  readonly statements: ReplicaStatements;
  readonly membership: Membership;
  /** Returns the time of the newest commit of the member with this number, in milliseconds; 0 if it has none. */
  readonly newestTime: (number: number) => Promise<number>;
  readonly warn: (message: string) => void;
}

/** The number of beats for which a member must have lived before namespaces are given up in its favour. */
const settledBeats = 3;
/** The most namespaces that are given up at a beat. */
const movesPerBeat = 8;

/** See the head of this file. */
export class ReplicaOwners implements Owners, OwnRows {
  private readonly options: ReplicaOwnersOptions;
  private readonly own = new Map<string, Tenure>();
  private readonly foreign = new Map<string, Pick<Member, 'id' | 'address'>>();
  private readonly lookUps = new Map<string, Promise<Owner>>();
  private readonly takenListeners: ((ns: string) => void)[] = [];
  private readonly changeListeners: (() => void)[] = [];
  /** For each member, by its id, the number of beats at which it has lived. */
  private beats = new Map<string, number>();
  private moving: Promise<void> = Promise.resolve();
  private leaving: Promise<void> | undefined;
  private takeOvers = 0;
  private lapses = 0;
  /** No transaction of this process gets an earlier time. */
  timeMin = 0;

  constructor(options: ReplicaOwnersOptions) {
    this.options = options;
    options.membership.onLapse(() => {
      this.lapses++;
      this.drop();
    });
    options.membership.onBeat(() => this.beat());
  }

  get stats(): ReplicaStats {
    return { namespaces: this.own.size, takeOvers: this.takeOvers, lapses: this.lapses };
  }

  async ownerOf(ns: string): Promise<Owner> {
    if (this.find(ns) !== undefined) return here;
    const known = this.foreign.get(ns);
    if (known !== undefined) return { isHere: false, address: known.address };
    const begun = this.lookUps.get(ns);
    if (begun !== undefined) return await begun;
    const lookUp = this.lookUp(ns).finally(() => this.lookUps.delete(ns));
    this.lookUps.set(ns, lookUp);
    return await lookUp;
  }

  /** Returns what this replica owns by that name, if its transactions may begin. */
  find(ns: string): Tenure | undefined {
    const tenure = this.own.get(ns);
    return tenure !== undefined && this.isGood(tenure) && !tenure.isLeaving ? tenure : undefined;
  }

  /** True as long as this is owned, and no other member can have taken it over. */
  isGood(tenure: Tenure): boolean {
    return this.own.get(tenure.ns) === tenure && this.options.membership.isValid;
  }

  forget(ns: string): void {
    this.foreign.delete(ns);
  }

  onTaken(listener: (ns: string) => void): void {
    this.takenListeners.push(listener);
  }

  onChange(listener: () => void): void {
    this.changeListeners.push(listener);
  }

  isOwn(text: string, value: Value): boolean {
    const owner = rowOwner(Buffer.from(text, 'latin1'), value);
    return owner !== undefined && this.own.has(owner);
  }

  get areSafe(): boolean {
    return this.options.membership.isValid;
  }

  private async lookUp(ns: string): Promise<Owner> {
    const { control, statements, membership } = this.options;
    if (this.leaving !== undefined) throw notOwner(ns, undefined);
    // Until it is given up, it is neither here nor there.
    if (this.own.has(ns)) throw notOwner(ns, undefined);
    const [row] = await control.query(statements.owner, [ns]);
    const [id, address, isLive, listed] = row!;
    if (isLive === true && id !== membership.id) {
      this.foreign.set(ns, { id: String(id), address: String(address) });
      return { isHere: false, address: String(address) };
    }
    // What this member owns in the database it takes again, also if another should own it: no other may.
    if (isLive !== true || id !== membership.id) {
      const winner = winnerOf(ns, candidatesAmong(membersIn(String(listed))));
      if (winner !== undefined && winner.id !== membership.id)
        return { isHere: false, address: winner.address };
    }
    return await this.take(ns);
  }

  private async take(ns: string): Promise<Owner> {
    const { control, statements, membership, newestTime } = this.options;
    const { id, number } = membership;
    const [taken] = await control.query(statements.takeOver, [ns, id, number]);
    if (taken === undefined) throw notOwner(ns, undefined);
    const [epoch, before] = taken as [number, number];
    // An id of this owner is greater than those of the owner before.
    if (before !== number) this.timeMin = Math.max(this.timeMin, (await newestTime(before)) + 1);
    if (this.leaving !== undefined || membership.id !== id || !membership.isValid)
      throw notOwner(ns, undefined);
    this.takeOvers++;
    this.own.set(ns, { ns, epoch, underWay: 0, isLeaving: false });
    this.changed();
    for (const listener of this.takenListeners) listener(ns);
    return here;
  }

  /** Others own, or may own, what this replica owned. */
  drop(): void {
    this.own.clear();
    this.foreign.clear();
    this.changed();
  }

  private changed(): void {
    for (const listener of this.changeListeners) listener();
  }

  private beat(): void {
    const { membership } = this.options;
    const { members } = membership;
    const candidates = candidatesAmong(members);
    this.beats = new Map(members.map(({ id }) => [id, (this.beats.get(id) ?? 0) + 1]));
    // What this member should own may have been given up in its favour: it is asked for again.
    for (const [ns, { id }] of this.foreign)
      if (!this.beats.has(id) || winnerOf(ns, candidates)?.id === membership.id) this.foreign.delete(ns);
    this.moving = this.moving
      .then(() => this.move())
      .catch((error: unknown) => this.options.warn(`a namespace could not be given up: ${String(error)}`));
  }

  /** Gives up what other members should own, if they have lived for a while. */
  private async move(): Promise<void> {
    const { membership } = this.options;
    const settled = candidatesAmong(membership.members).filter(
      ({ id }) => id === membership.id || (this.beats.get(id) ?? 0) >= settledBeats,
    );
    const moving: Tenure[] = [];
    for (const tenure of this.own.values()) {
      if (moving.length === movesPerBeat) break;
      const winner = winnerOf(tenure.ns, settled);
      if (winner !== undefined && winner.id !== membership.id) moving.push(tenure);
    }
    await this.release(moving);
  }

  /** Resolves when the namespaces are free. */
  private async release(all: readonly Tenure[]): Promise<void> {
    if (all.length === 0) return;
    const { control, statements, membership } = this.options;
    await Promise.all(all.map((tenure) => rest(tenure)));
    const names = JSON.stringify(all.map(({ ns }) => ns));
    try {
      await control.query(statements.release, [names, membership.id]);
    } finally {
      // If the outcome is unknown, the epoch may have grown.
      for (const tenure of all) if (this.own.get(tenure.ns) === tenure) this.own.delete(tenure.ns);
      this.changed();
    }
  }

  serve(): Promise<void> {
    return this.options.membership.serve(true);
  }

  /** Gives everything up, and takes nothing more. Never rejects. */
  leave(): Promise<void> {
    this.leaving ??= this.giveUpAll();
    return this.leaving;
  }

  private async giveUpAll(): Promise<void> {
    await this.moving;
    try {
      // What is given up below is not offered to this member again.
      await this.options.membership.serve(false);
      await this.release([...this.own.values()]);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.options.warn(`the namespaces of this replica could not be given up: ${error.message}`);
    }
  }
}

function membersIn(text: string): Member[] {
  const rows = JSON.parse(text) as [number, string, string, boolean][];
  return rows.map(([number, id, address, isServing]) => ({ number, id, address, isServing }));
}

/** Resolves when no transaction is under way, and none can begin. */
function rest(tenure: Tenure): Promise<void> {
  tenure.isLeaving = true;
  return new Promise((resolve) => {
    if (tenure.underWay === 0) resolve();
    else tenure.onRest = resolve;
  });
}
