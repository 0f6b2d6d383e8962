/**
 * The membership of a replica: a number that no other process has, and a lease that it renews. Leases go by the
 * server's clock, and so does the time of each replica, which is never further off than a round trip.
 */
import { randomUUID } from 'node:crypto';
import { Failure } from '../../../domain/errors.ts';
import type { After } from '../../../domain/timer.ts';
import { LockLost } from '../../lock-lost.ts';
import type { Column } from '../connection.ts';
import type { Control } from './control.ts';
import type { ReplicaStatements } from './tables.ts';

/** A replica as the others see it. */
export interface Member {
  readonly number: number;
  readonly id: string;
  /** `host:port` at which it takes the calls of the others. */
  readonly address: string;
  /** False while it starts or stops. */
  readonly isServing: boolean;
}

/** Returns the members that may be given namespaces: those that take calls; all, if none does yet. */
export function candidatesAmong(members: readonly Member[]): readonly Member[] {
  const serving = members.filter(({ isServing }) => isServing);
  return serving.length === 0 ? members : serving;
}

interface MembershipOptions {
  readonly control: Control;
  readonly statements: ReplicaStatements;
  readonly schema: string;
  readonly address: string;
  /** What must be the same for all replicas, by its name in words. */
  readonly settings: Readonly<Record<string, string>>;
  readonly leaseMs: number;
  readonly after: After;
  /** Returns milliseconds from any origin. */
  readonly elapsed: () => number;
  readonly warn: (message: string) => void;
  readonly onLost?: ((lost: LockLost) => void) | undefined;
}

/** The part of a lease that is left unused: what a process believes must never last longer than what the others do. */
const marginOf = (leaseMs: number) => leaseMs / 20;
/** The clocks of the process and of the server differ in speed by no more than this part. */
const driftMax = 1 / 20;
/** A lease is renewed so often while it lasts. */
const beatsPerLease = 5;

/** See the head of this file. */
export class Membership {
  private readonly options: MembershipOptions;
  readonly number: number;
  private current: string;
  private validUntil: number;
  private others: readonly Member[] = [];
  /** The server's time minus {@link MembershipOptions.elapsed}. */
  private offset = 0;
  /** How far that may be off in milliseconds, as of {@link offsetAt}, which is by the process's clock. */
  private offsetError = Number.POSITIVE_INFINITY;
  private offsetAt = 0;
  private cancelBeat: (() => void) | undefined;
  private beating: Promise<void> = Promise.resolve();
  private readonly lapseListeners: (() => void)[] = [];
  private readonly beatListeners: (() => void)[] = [];
  private loss: LockLost | undefined;
  private hasLeft = false;

  private constructor(options: MembershipOptions, number: number, id: string, sent: number) {
    this.options = options;
    this.number = number;
    this.current = id;
    this.validUntil = this.endOf(sent);
  }

  /** @throws Failure STORE_UNAVAILABLE */
  static async join(options: MembershipOptions): Promise<Membership> {
    const { control, statements, address, leaseMs, elapsed } = options;
    const settings = JSON.stringify(options.settings);
    const id = randomUUID();
    const sent = elapsed();
    const [row] = await control.alone('members', async (connection) => {
      const [other] = await connection.query(statements.others, [settings]);
      if (other !== undefined) throw hasOthers(other, options.settings);
      return await connection.query(statements.join, [id, address, settings, leaseMs]);
    });
    const membership = new Membership(options, row![0] as number, id, sent);
    await membership.beat();
    membership.beatLater();
    return membership;
  }

  /** The id of this member; another after its lease has ended once. */
  get id(): string {
    return this.current;
  }

  /** True while no other member may take over what this one owns. */
  get isValid(): boolean {
    return !this.hasLeft && this.loss === undefined && this.options.elapsed() < this.validUntil;
  }

  /** The members that live, this one included. */
  get members(): readonly Member[] {
    return this.others;
  }

  /** Returns the server's time in milliseconds since the Unix epoch. */
  now(): number {
    return this.options.elapsed() + this.offset;
  }

  /** Has `listener` called when the lease has ended before it was renewed: others own what this member owned. */
  onLapse(listener: () => void): void {
    this.lapseListeners.push(listener);
  }

  /** Has `listener` called whenever the lease was renewed. */
  onBeat(listener: () => void): void {
    this.beatListeners.push(listener);
  }

  private endOf(sent: number): number {
    const { leaseMs } = this.options;
    return sent + leaseMs - marginOf(leaseMs);
  }

  private beatLater(): void {
    if (this.hasLeft || this.loss !== undefined) return;
    const { after, leaseMs, warn } = this.options;
    this.cancelBeat = after(leaseMs / beatsPerLease, () => {
      this.beating = this.beat()
        .catch((error: unknown) => warn(`the lease of this replica could not be renewed: ${String(error)}`))
        .then(() => this.beatLater());
    });
  }

  /** Renews the lease. @throws Failure STORE_UNAVAILABLE */
  private async beat(): Promise<void> {
    const { control, statements, leaseMs, elapsed } = this.options;
    const sent = elapsed();
    const rows = await control.query(statements.beat, [this.number, this.current, leaseMs]);
    if (this.hasLeft) return;
    this.note(rows, sent);
    const isRenewed = rows[0]?.[1] === true;
    if (isRenewed && sent < this.validUntil) this.validUntil = this.endOf(sent);
    else await this.lapsed();
    for (const listener of this.beatListeners) listener();
  }

  private note(rows: readonly Column[][], sent: number): void {
    this.others = rows
      .filter(([, , , , , , isLive]) => isLive === true)
      .map(([, , number, id, address, isServing]) => ({ number, id, address, isServing }) as Member);
    const time = rows[0]?.[0];
    if (typeof time === 'number') this.noteTime(time, sent);
  }

  /** A time that was long under way, as to a process that was paused meanwhile, is not better than the one before. */
  private noteTime(time: number, sent: number): void {
    const received = this.options.elapsed();
    const error = (received - sent) / 2;
    if (error > this.offsetError + (received - this.offsetAt) * driftMax) return;
    this.offset = time - (sent + received) / 2;
    this.offsetError = error;
    this.offsetAt = received;
  }

  /** The lease has ended, and others may own what this member owned: it goes on as a new member with its number. */
  private async lapsed(): Promise<void> {
    const { control, statements, leaseMs, elapsed, warn } = this.options;
    this.validUntil = Number.NEGATIVE_INFINITY;
    for (const listener of this.lapseListeners) listener();
    const id = randomUUID();
    const sent = elapsed();
    const rejoined = await control.query(statements.rejoin, [this.number, this.current, id, leaseMs]);
    if (rejoined.length === 0) throw this.lost();
    this.current = id;
    this.validUntil = this.endOf(sent);
    warn('the lease of this replica had ended before it was renewed: others may own its namespaces now');
  }

  /** Says whether this member takes calls, so that it may be given namespaces. @throws Failure STORE_UNAVAILABLE */
  async serve(whether: boolean): Promise<void> {
    const { control, statements } = this.options;
    await control.query(statements.serve, [this.number, this.current, String(whether)]);
  }

  /** Returns the error of a process whose number another has by now. */
  lost(): LockLost {
    if (this.loss === undefined) {
      const { schema, onLost } = this.options;
      this.cancelBeat?.();
      this.loss = new LockLost(
        `on its place among the replicas in the schema ${schema}`,
        'another process has that place now',
      );
      onLost?.(this.loss);
    }
    return this.loss;
  }

  /** Ends the membership. Never rejects. */
  async leave(): Promise<void> {
    if (this.hasLeft) return;
    this.hasLeft = true;
    this.cancelBeat?.();
    const { control, statements } = this.options;
    await this.beating;
    if (this.loss === undefined)
      await control.query(statements.leave, [this.number, this.current]).catch(() => undefined);
  }
}

function hasOthers([address, theirs]: Column[], ours: MembershipOptions['settings']): Failure {
  const known: Partial<Record<string, string>> = JSON.parse(String(theirs));
  const other = Object.keys({ ...known, ...ours }).filter((name) => known[name] !== ours[name]);
  return new Failure(
    'STORE_UNAVAILABLE',
    `the replica at ${String(address)} has another ${other.join(' and another ')}: all replicas of a store need the same`,
  );
}
