/** Mixed load: workers that push, replay, update, delete and seal at once until the server is gone or told to stop. */
import { toArtifactaError } from '../../src/client/wire/to-error.ts';
import type { Connection } from './connection.ts';
import type { DirectMischief, Known, KnownSession, Oracle, Push } from './oracle.ts';
import { isUnknown, send, sha256Of } from './pushing.ts';
import { bytesOf, type Chance } from './seeded.ts';

const workers = 6;
/** Sessions that are open at a time. */
const sessionsAtOnce = 4;

type Wanted = Partial<Pick<Push, 'session' | 'name' | 'seed' | 'size' | 'by' | 'mischief' | 'newVersion'>>;

export class Load {
  private readonly oracle: Oracle;
  private readonly chance: Chance;
  /** Contents are in a bucket, which gets some that are large in pieces, and takes direct uploads. */
  private readonly hasBucket: boolean;
  /** Whether clients send bytes to the bucket themselves. */
  sendsDirect: boolean;
  /** Every content so far is made from one of these. */
  private readonly contents: { readonly seed: number; readonly size: number }[] = [];
  private active: string[] = [];
  private sessions = 0;
  /** Artifacts that somebody is changing: one at a time, so that the oracle knows in which order. */
  private readonly busy = new Set<string>();

  constructor(oracle: Oracle, chance: Chance, hasBucket = false) {
    this.oracle = oracle;
    this.chance = chance;
    this.hasBucket = hasBucket;
    this.sendsDirect = hasBucket;
    while (this.active.length < sessionsAtOnce) this.openSession();
  }

  /** Works until `isOver` says so. Never rejects. */
  async run(connection: Connection, isOver: () => boolean): Promise<void> {
    const work = async () => {
      while (!isOver()) await this.act(connection);
    };
    await Promise.all(Array.from({ length: workers }, work));
  }

  /** Sends again what the last crash left unknown, as a client would, and some of what it did not. */
  async retry(connection: Connection, isOver: () => boolean): Promise<void> {
    const settled = [...this.oracle.pushes.values()].filter(({ state }) => state === 'settled').slice(-40);
    for (const push of settled)
      if (!isOver() && this.chance.happens(0.8)) await this.sendAgain(connection, push);
  }

  /**
   * Every step of the store is passed, again and again. Works until `isOver` says so. Never rejects.
   *
   * @param beginsWithPieces each tour begins with a content that a bucket gets in pieces.
   */
  async tours(connection: Connection, isOver: () => boolean, beginsWithPieces = false): Promise<void> {
    while (!isOver()) {
      if (beginsWithPieces) await this.push(connection, { size: this.sizeOfPieces(), by: 'upload' });
      await this.tour(connection, isOver);
    }
  }

  private sizeOfPieces(): number {
    return this.chance.between(8_400_000, 9_400_000);
  }

  private async tour(connection: Connection, isOver: () => boolean): Promise<void> {
    const twins = [this.nextSession(), this.nextSession()];
    // Enough lines for a manifest that does not fit in the index, and the same in both.
    const contents = Array.from({ length: 14 }, () => ({ seed: this.chance.seed(), size: 100 }));
    const open = () => !isOver();
    for (const session of twins)
      for (const [at, content] of contents.entries())
        if (open())
          await this.push(connection, {
            ...content,
            session,
            name: `twin/${'x'.repeat(40)}/${at}`,
            by: 'create',
          });
    for (let round = 0; round < 3; round++) {
      const large = { seed: this.chance.seed(), size: this.chance.between(30_000, 1_200_000) };
      if (open()) await this.push(connection, { ...large, by: 'upload' });
      if (open()) await this.push(connection, { ...large, by: 'upload' });
      if (open()) await this.push(connection, { ...large, by: 'digest' });
      if (open() && this.sendsDirect) await this.direct(connection, round === 1 ? 'other bytes' : undefined);
      if (open()) await this.deleteOne(connection);
      if (open()) await this.updateOne(connection);
      const [twin] = twins.splice(0, 1);
      if (open() && twin !== undefined) await this.seal(connection, this.oracle.session(twin));
    }
  }

  private async act(connection: Connection): Promise<void> {
    if (this.sendsDirect && this.chance.happens(0.2)) return await this.direct(connection, this.pickDirect());
    const dice = this.chance.next();
    if (dice < 0.36) await this.push(connection, {});
    else if (dice < 0.5) await this.push(connection, this.sharedName());
    else if (dice < 0.62) await this.push(connection, this.usedContent());
    else if (dice < 0.68) await this.push(connection, { ...this.usedContent(), by: 'digest' });
    else if (dice < 0.72) await this.push(connection, { by: 'upload', mischief: this.pickMischief() });
    else if (dice < 0.78) await this.replay(connection);
    else if (dice < 0.87) await this.updateOne(connection);
    else if (dice < 0.97) await this.deleteOne(connection);
    else await this.sealOne(connection);
  }

  /** Begins a direct upload of which nothing is sent, if there are such uploads. */
  async leaveUnsent(connection: Connection): Promise<void> {
    if (this.sendsDirect) await this.direct(connection, 'never sent');
  }

  /** The bytes of mischief are those of no other push: else the service would not need them. */
  private direct(connection: Connection, mischief: DirectMischief | undefined): Promise<void> {
    const fresh = { seed: this.chance.seed(), size: this.chance.between(300_000, 1_300_000) };
    const content = mischief !== undefined || this.chance.happens(0.7) ? fresh : this.usedContent();
    return this.push(connection, { ...content, by: 'direct', mischief });
  }

  private pickDirect(): DirectMischief | undefined {
    if (this.chance.happens(0.6)) return undefined;
    return this.chance.pick(['cut short', 'other bytes', 'never sent', 'never finished'] as const);
  }

  private sharedName(): Wanted {
    const name = `shared/${this.chance.between(1, 4)}`;
    return this.chance.happens(0.3) ? { name, ...this.usedContent() } : { name };
  }

  private usedContent(): Wanted {
    return this.contents.length === 0 ? {} : this.chance.pick(this.contents.slice(-30));
  }

  private pickMischief() {
    return this.chance.pick(['no finish', 'wrong digest'] as const);
  }

  private openSession(): void {
    this.active.push(this.nextSession());
  }

  private nextSession(): string {
    return `session-${++this.sessions}`;
  }

  /** Mostly one that takes pushes. */
  private pickSession(): string {
    const open = this.active.filter((id) => this.oracle.session(id).fate === 'open');
    if (open.length === 0) this.openSession();
    return this.chance.pick(this.chance.happens(0.9) && open.length > 0 ? open : this.active);
  }

  private pickSize(): number {
    if (this.hasBucket && this.chance.happens(0.01)) return this.sizeOfPieces();
    const dice = this.chance.next();
    if (dice < 0.05) return 0;
    if (dice < 0.5) return this.chance.between(1, 2_048);
    if (dice < 0.93) return this.chance.between(2_049, 80_000);
    return this.chance.between(300_000, 1_700_000);
  }

  private async push(connection: Connection, wanted: Wanted): Promise<void> {
    const { chance } = this;
    const {
      seed = chance.seed(),
      size: anySize = this.pickSize(),
      by = chance.pick(['create', 'upload'] as const),
    } = wanted;
    // A direct upload has bytes.
    const size = by === 'direct' ? Math.max(1, anySize) : anySize;
    const newVersion = chance.happens(0.1);
    const inputs = this.oracle.present().slice(-20);
    const push = this.oracle.begin({
      session: wanted.session ?? this.pickSession(),
      name: wanted.name ?? `own/${this.oracle.pushes.size + 1}`,
      seed,
      size,
      sha256: sha256Of(bytesOf(seed, size)),
      requestId:
        newVersion || by === 'direct' || (chance.happens(0.7) && !wanted.mischief)
          ? `request-${this.oracle.pushes.size}`
          : undefined,
      newVersion,
      inputs: inputs.length > 0 && chance.happens(0.1) ? [chance.pick(inputs).id] : [],
      by: by === 'create' && size > 1_000_000 ? 'upload' : by,
      mischief: wanted.mischief,
    });
    if (wanted.mischief === undefined) this.contents.push({ seed, size });
    // What is sent twice at once is one artifact, also without a request id if nobody else is at its name.
    const mayTwice = push.requestId !== undefined || (wanted.name === undefined && !push.mischief);
    const twice = mayTwice && chance.happens(0.15);
    await Promise.all(Array.from({ length: twice ? 2 : 1 }, () => send(connection, this.oracle, push)));
  }

  private async replay(connection: Connection): Promise<void> {
    const succeeded = [...this.oracle.pushes.values()]
      .slice(-100)
      .filter(({ state }) => state === 'acknowledged');
    if (succeeded.length > 0) await this.sendAgain(connection, this.chance.pick(succeeded));
  }

  /**
   * With a request id always. Without one the same bytes are the same artifact only while that is the latest and
   * nobody else is at its name.
   */
  private async sendAgain(connection: Connection, push: Push): Promise<void> {
    if (push.by === 'direct' && !this.sendsDirect) return;
    if (push.requestId !== undefined) return await send(connection, this.oracle, push);
    const made = push.made && this.oracle.artifacts.get(push.made);
    const isAlone = push.name.startsWith('own/') && !push.newVersion && push.mischief === undefined;
    if (!isAlone || (made && made.fate !== 'live') || (push.state === 'acknowledged' && !made)) return;
    if (made && this.busy.has(made.id)) return;
    if (made) this.busy.add(made.id);
    await send(connection, this.oracle, push);
    if (made) this.busy.delete(made.id);
  }

  /** Something that is there and that nobody else is changing. */
  private async withOne(work: (known: Known) => Promise<void>): Promise<void> {
    const isIdle = ({ id, fate, name }: Known) => fate === 'live' && !this.busy.has(id) && !isTwin(name);
    const idle = this.oracle.present().filter(isIdle);
    if (idle.length === 0) return;
    const known = this.chance.pick(idle);
    this.busy.add(known.id);
    try {
      await work(known);
    } finally {
      this.busy.delete(known.id);
    }
  }

  private updateOne(connection: Connection): Promise<void> {
    return this.withOne(async (known) => {
      const rev = String(this.chance.seed());
      const before = known.revs;
      known.revs = [...before, rev];
      try {
        const artifact = await connection.client.update(known.id, { labels: { rev } });
        this.oracle.see(artifact, 'an update');
        known.revs = [rev];
        if (artifact.labels.rev !== rev)
          this.oracle.fault(`the update of ${known.id} was answered without it`);
      } catch (thrown) {
        const error = toArtifactaError(thrown);
        if (!isUnknown(error))
          this.oracle.fault(`the update of ${known.id}: ${error.reason} ${error.message}`);
      }
    });
  }

  private deleteOne(connection: Connection): Promise<void> {
    return this.withOne(async (known) => {
      const session = this.oracle.session(known.session);
      known.fate = 'doubtful';
      // The second of two finds nothing, and may say so only when the first is durable.
      const calls = Array.from({ length: this.chance.happens(0.2) ? 2 : 1 }, () =>
        connection.client.delete(known.id),
      );
      const results = await Promise.allSettled(calls);
      const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const errors = results.flatMap((result) =>
        result.status === 'rejected' ? [toArtifactaError(result.reason)] : [],
      );
      const refusals = errors.filter((error) => !isUnknown(error));
      for (const { reason, message } of refusals)
        if (reason !== 'SEAL_PENDING' || session.fate === 'open')
          this.oracle.fault(`the deletion of ${known.id}: ${reason} ${message}`);
      if (answers.length === calls.length && !answers.includes(true))
        this.oracle.fault(`the deletion of ${known.id}: it was not there`);
      if (answers.length > 0) known.fate = 'deleted';
      else if (refusals.length === calls.length) known.fate = 'live';
      if (known.fate === 'deleted' && session.fate === 'open') session.deletedBefore.add(known.id);
    });
  }

  private async sealOne(connection: Connection): Promise<void> {
    const session = this.oracle.session(this.chance.pick(this.active));
    // Some stay in use for a while, for pushes that race the seal or come after it.
    if (session.fate !== 'open' || this.chance.happens(0.75)) {
      this.active = this.active.filter((id) => id !== session.id);
      this.openSession();
    }
    // The push comes before the fence, or is refused, and that only when the fence is durable.
    const { id } = session;
    const racing = this.chance.happens(0.5)
      ? [this.push(connection, { session: id, size: 100, by: 'create' })]
      : [];
    await Promise.all([this.seal(connection, session), ...racing]);
  }

  private async seal(connection: Connection, session: KnownSession): Promise<void> {
    const { oracle } = this;
    const existed = [...oracle.artifacts.values()].some((known) => known.session === session.id);
    session.outcome ??= this.chance.pick(['succeeded', 'failed'] as const);
    if (session.fate === 'open') session.fate = 'doubtful';
    try {
      const { session: sealed } = await connection.client.sessions.seal(session.id, session.outcome);
      const digest = sealed.manifest?.sha256;
      if (sealed.state !== 'sealed' || digest === undefined)
        oracle.fault(`the seal of ${session.id} was answered with ${sealed.state}`);
      if (session.manifest !== undefined && session.manifest !== digest)
        oracle.fault(`the seal of ${session.id} was answered with ${digest}, and before ${session.manifest}`);
      session.fate = 'sealed';
      session.manifest = digest;
    } catch (thrown) {
      const error = toArtifactaError(thrown);
      if (isUnknown(error)) return;
      if (error.reason !== 'SESSION_NOT_FOUND' || existed)
        oracle.fault(`the seal of ${session.id}: ${error.reason} ${error.message}`);
    }
  }
}

/** Left alone, so that two sessions end up with the same manifest. */
function isTwin(name: string): boolean {
  return name.startsWith('twin/');
}
