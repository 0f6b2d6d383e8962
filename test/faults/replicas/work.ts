/** What clients do in a round, through all replicas: push, push again, change, delete, seal; and look at it elsewhere. */
import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { artifactFrom } from '../../../src/client/artifacts/artifact.ts';
import { sha256Of } from '../pushing.ts';
import { bytesOf, type Chance } from '../seeded.ts';
import type { History, Known, KnownSession, Push } from './history.ts';
import { type Connection, type Reach, Refused } from './reach.ts';
import type { Replica } from './replica.ts';

/** The secrets of keys, by their namespaces. */
export type Tokens = ReadonlyMap<string, string>;

interface WorkOptions {
  readonly reach: Reach;
  readonly history: History;
  readonly chance: Chance;
  readonly tokens: Tokens;
}

interface Wanted {
  readonly name: string;
  readonly content?: { readonly seed: number; readonly size: number };
}

/** Between two things that one client does, at most. */
const pauseMs = 60;

export class Work {
  readonly tally = {
    pushed: 0,
    refused: 0,
    replayed: 0,
    /** Pushes that were answered as replayed although their client had sent them once. */
    askedAgain: 0,
    updated: 0,
    deleted: 0,
    sealed: 0,
    looks: 0,
    blind: 0,
  };
  private readonly reach: Reach;
  private readonly history: History;
  private readonly chance: Chance;
  private readonly tokens: Tokens;
  /** Artifacts that somebody changes: one at a time, so that it is known in which order. */
  private readonly busy = new Set<string>();

  constructor({ reach, history, chance, tokens }: WorkOptions) {
    this.reach = reach;
    this.history = history;
    this.chance = chance;
    this.tokens = tokens;
  }

  /** So many clients work in these sessions until `isOver` says so, and each ends what it has begun. */
  async run(sessions: readonly KnownSession[], clients: number, isOver: () => boolean): Promise<void> {
    const work = async () => {
      while (!isOver()) {
        await this.act(this.chance.pick(sessions));
        await delay(this.chance.next() * pauseMs);
      }
    };
    await Promise.all(Array.from({ length: clients }, work));
  }

  private async act(session: KnownSession): Promise<void> {
    const dice = this.chance.next();
    if (dice < 0.55) await this.push(session, this.wanted(session));
    else if (dice < 0.67) await this.pushAgain(session);
    else if (dice < 0.8) await this.change(session, (known) => this.update(session, known));
    else if (dice < 0.9) await this.change(session, (known) => this.remove(session, known));
    else await this.lookAtList(session, this.reach.any());
  }

  /** Of its own name also what the namespace has already, else new bytes: then each push makes one artifact. */
  private wanted(session: KnownSession): Wanted {
    if (this.chance.happens(0.35)) return { name: `shared/${this.chance.between(1, 3)}` };
    const name = `own/${this.history.pushes.size + 1}`;
    const known = session.artifacts.slice(-20);
    if (known.length === 0 || this.chance.happens(0.75)) return { name };
    const { seed, size } = this.chance.pick(known).push;
    return { name, content: { seed, size } };
  }

  private size(): number {
    const dice = this.chance.next();
    if (dice < 0.5) return this.chance.between(1, 2_048);
    if (dice < 0.92) return this.chance.between(2_049, 40_000);
    return this.chance.between(100_000, 600_000);
  }

  /** @returns what it made; undefined if it was refused. */
  async push(session: KnownSession, wanted: Wanted): Promise<Known | undefined> {
    const { seed, size } = wanted.content ?? { seed: this.chance.seed(), size: this.size() };
    const push = this.history.begin({
      ns: session.ns,
      session: session.id,
      name: wanted.name,
      seed,
      size,
      sha256: sha256Of(bytesOf(seed, size)),
      by: this.chance.pick(['create', 'upload', 'client'] as const),
    });
    const floor = this.history.floorOf(session, push.name);
    const wasSealed = session.fate === 'sealed';
    try {
      const { answer, by, wasUnknown } = await this.send(push);
      const witness = `acknowledged by ${this.reach.witness(by)}`;
      const known = this.history.acknowledge(push, session, answer.artifact, witness, floor);
      this.busy.add(known.id);
      this.tally.pushed++;
      if (wasSealed) this.history.fault(`push ${push.number} was ${witness}, into a sealed session`);
      if (answer.replayed && !wasUnknown) this.tally.askedAgain++;
      if (this.chance.happens(0.7)) await this.lookAt(session, known, this.reach.any(by));
      this.busy.delete(known.id);
      return known;
    } catch (thrown) {
      this.refuse(session, push, thrown);
      return undefined;
    }
  }

  private refuse(session: KnownSession, push: Push, thrown: unknown): void {
    if (!(thrown instanceof Refused)) throw thrown;
    const { error, wasUnknown } = thrown;
    this.tally.refused++;
    const isQuota = error.reason === 'QUOTA_EXCEEDED' && session.ns === 'quota';
    const isDue = isQuota || (error.reason === 'SESSION_SEALED' && session.fate !== 'open');
    if (!isDue) this.history.fault(`push ${push.number} into ${push.ns} ${push.session}: ${thrown.message}`);
    // In a sealed session nothing comes late; a quota may have been raised by then.
    push.state = wasUnknown && error.reason !== 'SESSION_SEALED' ? 'doubtful' : 'refused';
  }

  private async send(push: Push, first?: Replica) {
    const token = this.tokens.get(push.ns)!;
    return await this.reach.settle(
      `push ${push.number}`,
      token,
      (connection) => sendOnce(connection, push),
      first,
    );
  }

  /** What has succeeded is answered as before, by any replica. */
  private async pushAgain(session: KnownSession): Promise<void> {
    const known = this.idle(session);
    if (known === undefined) return;
    this.busy.add(known.id);
    try {
      const { answer, by } = await this.send(known.push);
      const said = `push ${known.push.number} (${known.witness}) again, ${this.reach.witness(by)}`;
      if (answer.artifact.id !== known.id)
        this.history.fault(`${said}: ${answer.artifact.id}, not ${known.id}`);
      else this.history.see(answer.artifact, session, said);
      if (!answer.replayed) this.history.fault(`${said}: not as replayed`);
      this.tally.replayed++;
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      this.history.fault(`push ${known.push.number} (${known.witness}) again: ${thrown.message}`);
    } finally {
      this.busy.delete(known.id);
    }
  }

  /** What is linked stays as it is. */
  private idle({ artifacts }: KnownSession): Known | undefined {
    const idle = artifacts.slice(-40).filter(({ id, fate, push }) => {
      const isFree = !this.busy.has(id) && !push.name.startsWith('linked/');
      return fate === 'live' && push.state === 'acknowledged' && isFree;
    });
    return idle.length === 0 ? undefined : this.chance.pick(idle);
  }

  private async change(session: KnownSession, work: (known: Known) => Promise<void>): Promise<void> {
    const known = this.idle(session);
    if (known === undefined) return;
    this.busy.add(known.id);
    try {
      await work(known);
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      this.history.fault(`a change of ${known.id} (${known.witness}): ${thrown.message}`);
    } finally {
      this.busy.delete(known.id);
    }
  }

  private async update(session: KnownSession, known: Known): Promise<void> {
    const rev = String(this.chance.seed());
    const before = known.rev;
    known.loose.add(rev);
    const { answer, by, wasUnknown } = await this.reach.settle(
      `an update of ${known.id}`,
      this.tokens.get(session.ns)!,
      ({ client }) => client.update(known.id, { labels: { rev } }),
    );
    known.rev = rev;
    if (!wasUnknown) known.loose.delete(rev);
    // A call before this one that had no answer may count at any time.
    const said = `the update of ${known.id} from ${before} to ${rev}, ${this.reach.witness(by)}`;
    if (answer.labels.rev !== rev) this.history.fault(`${said}: it is ${answer.labels.rev}`);
    this.tally.updated++;
    await this.lookAt(session, known, this.reach.any(by));
  }

  private async remove(session: KnownSession, known: Known): Promise<void> {
    known.fate = 'doubtful';
    const { answer, by, wasUnknown } = await this.reach.settle(
      `the deletion of ${known.id}`,
      this.tokens.get(session.ns)!,
      ({ client }) => client.delete(known.id),
    );
    known.fate = 'deleted';
    if (session.fate === 'open') session.deletedBefore.add(known.id);
    const said = `the deletion of ${known.id} (${known.witness}), ${this.reach.witness(by)}`;
    if (!answer && !wasUnknown) this.history.fault(`${said}: it was not there`);
    this.tally.deleted++;
    await this.lookAt(session, known, this.reach.any(by), said);
  }

  /** Seals a session, perhaps while others push into it. It must have something. */
  async seal(session: KnownSession): Promise<void> {
    if (session.artifacts.length === 0) await this.push(session, { name: 'first' });
    session.fate = 'sealing';
    const what = `the seal of ${session.ns} ${session.id}`;
    const { answer, by } = await this.reach.settle(what, this.tokens.get(session.ns)!, ({ client }) =>
      client.sessions.seal(session.id, session.outcome),
    );
    const digest = answer.session.manifest?.sha256;
    if (answer.session.state !== 'sealed' || digest === undefined)
      this.history.fault(`${what}, ${this.reach.witness(by)}: ${answer.session.state}`);
    session.manifest = digest;
    session.fate = 'sealed';
    this.tally.sealed++;
  }

  /** What was acknowledged by one replica shows at another one at once. @param deleted who has deleted it. */
  private async lookAt(session: KnownSession, known: Known, by: Replica, deleted?: string): Promise<void> {
    const token = this.tokens.get(session.ns)!;
    const { push } = known;
    const gone = deleted === undefined ? undefined : `it was deleted: ${deleted}`;
    const way = this.chance.next();
    const said = () =>
      `${known.id} (push ${push.number}, ${known.witness}) seen by ${this.reach.witness(by)}`;
    if (way < 0.2) return await this.lookAtList(session, by, { known, gone });
    try {
      const seen = await this.reach.once(by, token, async ({ client, timeoutMs }) => {
        if (way < 0.4 && gone === undefined) {
          const download = await client.open(known.id, { signal: AbortSignal.timeout(timeoutMs) });
          return { bytes: await download.bytes() };
        }
        const ref = way < 0.7 ? known.id : { session: push.session, name: push.name, version: known.version };
        return { artifact: await client.get(ref) };
      });
      this.tally[seen === undefined ? 'blind' : 'looks']++;
      if (seen === undefined) return;
      if (gone !== undefined) return this.history.fault(`${said()}, although ${gone}`);
      if (seen.bytes !== undefined) {
        if (Buffer.compare(seen.bytes, bytesOf(push.seed, push.size)) !== 0)
          this.history.fault(`${said()}: other bytes`);
        return;
      }
      this.history.see(seen.artifact, session, said());
      this.compareRev(known, seen.artifact.labels.rev, said());
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      if (gone === undefined || thrown.error.code !== 'NOT_FOUND')
        this.history.fault(`${said()}: ${thrown.message}`);
    }
  }

  /** A list has everything that was acknowledged before it was asked for. */
  private async lookAtList(
    session: KnownSession,
    by: Replica,
    about: { readonly known?: Known; readonly gone?: string | undefined } = {},
  ): Promise<void> {
    const before = session.artifacts.filter(({ fate, id }) => fate === 'live' && !this.busy.has(id));
    if (about.known !== undefined && about.gone === undefined) before.push(about.known);
    const found = new Set<string>();
    const began = this.history.time;
    try {
      const done = await this.reach.once(by, this.tokens.get(session.ns)!, async ({ client }) => {
        for await (const artifact of client.query({ session: session.id, allVersions: true })) {
          found.add(artifact.id);
          this.history.see(artifact, session, `a list by ${this.reach.witness(by)}`);
        }
        return true;
      });
      this.tally[done === undefined ? 'blind' : 'looks']++;
      if (done === undefined) return;
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      const isDue = thrown.error.reason === 'SESSION_NOT_FOUND' && before.length === 0;
      if (!isDue) this.history.fault(`a list of ${session.ns} ${session.id}: ${thrown.message}`);
      return;
    }
    const said = `a list of ${session.ns} ${session.id} by ${by.name}, asked for at ${began}`;
    // It may have been deleted meanwhile.
    for (const known of before)
      if (
        known.fate === 'live' &&
        !found.has(known.id) &&
        !(this.busy.has(known.id) && known !== about.known)
      )
        this.history.fault(`${said}, is without ${known.id} of push ${known.push.number} (${known.witness})`);
    if (about.gone !== undefined && found.has(about.known!.id))
      this.history.fault(`${said}, has ${about.known!.id}, although ${about.gone}`);
  }

  private compareRev(known: Known, rev: string | undefined, said: string): void {
    if (rev !== known.rev && !known.loose.has(rev ?? ''))
      this.history.fault(`${said}: has the label ${rev}, not ${known.rev}`);
  }
}

/** Sends a push once, in its way. */
export async function sendOnce({ client, artifacts, timeoutMs }: Connection, push: Push) {
  const { session, name, requestId, size, seed } = push;
  const metadata = { push: `${push.number}` };
  const bytes = bytesOf(seed, size);
  const spec = { session, name, requestId, metadata };
  if (push.by === 'client') {
    const options = { ...spec, signal: AbortSignal.timeout(timeoutMs) };
    const { artifact, replayed } = await client.push(bytes, options);
    return { artifact, replayed };
  }
  const options = { timeoutMs };
  const { artifact, receipt } =
    push.by === 'create'
      ? await artifacts.createArtifact({ spec, content: { case: 'data', value: bytes } }, options)
      : await artifacts.uploadArtifact(parts(spec, bytes), options);
  return { artifact: artifactFrom(artifact), replayed: receipt?.replayed === true };
}

async function* parts(spec: object, bytes: Uint8Array) {
  yield { part: { case: 'start' as const, value: { spec } } };
  const chunkBytes = Math.max(1, Math.ceil(bytes.length / 3));
  for (let at = 0; at < bytes.length; at += chunkBytes)
    yield { part: { case: 'chunk' as const, value: bytes.subarray(at, at + chunkBytes) } };
  yield { part: { case: 'finish' as const, value: { sizeBytes: BigInt(bytes.length) } } };
}
