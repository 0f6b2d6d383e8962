/**
 * The history check: clients push, query, seal, delete, watch, share and revoke through all of several replicas, while
 * something happens to these in each round. What was acknowledged must show in every later answer, whoever gives it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { whyNoClock } from '../clock/rig.ts';
import type { Outcome } from '../outcome.ts';
import { Chance } from '../seeded.ts';
import { inTime } from '../server-process.ts';
import { Check } from './check.ts';
import { Cluster } from './cluster.ts';
import { History, type KnownSession } from './history.ts';
import { type Mishap, possibleMishaps } from './mishaps.ts';
import { reachQuota } from './quota.ts';
import { Reach } from './reach.ts';
import { Rights } from './rights.ts';
import { Watcher } from './watcher.ts';
import { Work } from './work.ts';

interface ReplicasOptions {
  readonly seed: number;
  readonly rounds: number;
  /** The number of replicas. Default 3. */
  readonly size?: number;
  /** Only things happen whose names have this. Default: all do. */
  readonly mishap?: string | undefined;
  /** True: no further round is begun. Default: all are. */
  readonly isOver?: () => boolean;
  /** Told of each round. Default: nobody is. */
  readonly progress?: (line: string) => void;
}

const namespaces = ['a', 'b', 'c', 'd', 'e', 'f', 'quota'];
/** Namespaces in which clients work in a round; the quota has one more. */
const atOnce = 4;
const clients = 6;
/** A round is no longer than this: calls that never end are a fault. */
const roundMs = 120_000;
/** After a seal that was acknowledged, watches end within this. */
const watchedMs = 12_000;
/** Clients work before something happens, and after it. */
const calmMs = 400;
/** After so many rounds, the whole index is examined. */
const storeRounds = 4;
/** Sessions of earlier rounds that each round looks at again. */
const earlier = 3;

/** Plays so many rounds, until one has found something. */
export async function checkHistory(options: ReplicasOptions): Promise<Outcome> {
  const { seed, rounds, size = 3, mishap } = options;
  await using rig = await Rig.open(seed, size, mishap);
  const { faults } = rig.history;
  let played = 0;
  try {
    while (played < rounds && faults.length === 0 && options.isOver?.() !== true) {
      const said = await inTime(rig.round(++played), 'a round does not end', roundMs);
      options.progress?.(`round ${played}: ${said}`);
    }
    rig.history.now = 'at the end';
    if (faults.length === 0) await rig.finish();
  } catch (error) {
    rig.history.fault(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  if (faults.length > 0) for (const line of rig.logs()) options.progress?.(line);
  const clock = whyNoClock();
  const said = JSON.stringify({ ...rig.tally, ...(clock === undefined ? {} : { withoutClocks: clock }) });
  return { name: `${played} rounds of ${size} replicas, seed ${seed}`, faults, said };
}

class Rig implements AsyncDisposable {
  readonly history: History;
  private readonly cluster: Cluster;
  /** Of what happens to replicas; it does not follow from what clients do meanwhile. */
  private readonly plan: Chance;
  private readonly chance: Chance;
  private readonly tokens = new Map<string, string>();
  private readonly reach: Reach;
  private readonly work: Work;
  private readonly rights: Rights;
  private readonly check: Check;
  private readonly wanted: string | undefined;
  private deck: Mishap[] = [];
  private watches = 0;
  private rounds = 0;
  /** Ends the watches of a round. */
  private end = new AbortController();

  private constructor(cluster: Cluster, seed: number, mishap: string | undefined) {
    this.wanted = mishap;
    this.cluster = cluster;
    this.plan = new Chance(seed);
    this.chance = new Chance(this.plan.seed());
    this.history = new History();
    const { history, chance, tokens } = this;
    this.reach = new Reach(cluster, history, chance);
    const parts = { cluster, history, chance, tokens, reach: this.reach };
    this.work = new Work(parts);
    this.rights = new Rights({ ...parts, work: this.work });
    this.check = new Check(parts);
    for (const replica of cluster.replicas)
      replica.onSuddenEnd = (how) => history.fault(`${replica.name} ended by itself, ${how}`);
  }

  static async open(seed: number, size: number, mishap: string | undefined): Promise<Rig> {
    const rig = new Rig(await Cluster.start(size), seed, mishap);
    const { reach, cluster, tokens } = rig;
    const scopes = ['read', 'write', 'share'] as const;
    for (const namespace of namespaces) {
      await reach.settle(`the namespace ${namespace}`, cluster.operator, ({ client }) =>
        client.access.createNamespace(namespace),
      );
      const { answer } = await reach.settle('a key', cluster.operator, ({ client }) =>
        client.access.createKey({ namespace, scopes }),
      );
      tokens.set(namespace, answer.secret);
    }
    return rig;
  }

  get tally() {
    return { ...this.work.tally, ...this.rights.tally, watches: this.watches };
  }

  /** @returns what happened, and what it cost. */
  async round(number: number): Promise<string> {
    const { history, chance, plan, cluster, reach, work, rights, check } = this;
    const mishap = this.nextMishap();
    history.now = `round ${number}, ${mishap.name}`;
    reach.longestMs = 0;
    const chosen = shuffled(namespaces.slice(0, -1), plan).slice(0, atOnce);
    const outcome = () => plan.pick(['succeeded', 'failed'] as const);
    const sessions = chosen.map((ns) => history.open(ns, `round-${number}`, outcome()));
    const quota = history.open('quota', `round-${number}`);
    this.end = new AbortController();
    const end = this.end.signal;
    const watchers = [...sessions, ...sessions.slice(0, 2), quota].map(
      (session) => new Watcher(session, { reach, history, chance }),
    );
    const watching = Promise.all(watchers.map((watcher) => this.watch(watcher, end)));
    let isOver = false;
    const [sealedEarly, , withKey, withLink] = sessions as [
      KnownSession,
      KnownSession,
      KnownSession,
      KnownSession,
    ];
    const working = Promise.all([
      work.run(sessions, clients, () => isOver),
      delay(calmMs * (1 + 3 * chance.next())).then(() => work.seal(sealedEarly)),
      rights.tryKey(withKey, 3 * calmMs),
      rights.tryLink(withLink, 3 * calmMs),
      delay(calmMs * 2 * chance.next()).then(() => reachQuota(quota, { cluster, reach, history, work })),
    ]);
    working.catch(() => undefined);
    await delay(calmMs);
    const members = shuffled(cluster.members, plan);
    await mishap.befall({
      cluster,
      chance: new Chance(plan.seed()),
      members,
      fault: (what) => history.fault(what),
    });
    await delay(calmMs);
    isOver = true;
    await working;
    await check.whenBack();
    for (const session of sessions) if (session.fate === 'open') await work.seal(session);
    await work.seal(quota);
    await Promise.race([watching, delay(watchedMs)]);
    this.end.abort();
    await watching;
    await this.compare([...sessions, quota], watchers);
    await reach.closeDead();
    const { longestMs = Number.POSITIVE_INFINITY } = mishap;
    if (reach.longestMs > longestMs)
      history.fault(`${reach.longest} was answered after ${Math.round(reach.longestMs)} ms only`);
    return `${mishap.name} to ${members[0]!.replica.name}; ${Math.round(reach.longestMs)} ms until ${reach.longest} was answered`;
  }

  /** The last that each replica has logged. */
  logs(): string[] {
    return this.cluster.replicas.map(({ name, log }) => `the log of ${name}:\n${log}`);
  }

  /** Reads everything back. */
  async finish(): Promise<void> {
    await this.check.sessions(this.history.sessions, true);
    await this.check.usage();
    await this.check.store();
    // A replica that has lost the answer of the owner asks again: rarely, and one process never does.
    const { pushed, askedAgain } = this.work.tally;
    const most = this.cluster.replicas.length === 1 ? 0 : 3 + pushed / 50;
    if (askedAgain > most)
      this.history.fault(`${askedAgain} of ${pushed} pushes were answered as replayed, the first time`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end.abort();
    for (const replica of this.cluster.replicas) replica.onSuddenEnd = () => undefined;
    await this.reach[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
  }

  private async watch(watcher: Watcher, end: AbortSignal): Promise<void> {
    // Some begin before the session exists.
    await delay(this.chance.happens(0.5) ? 0 : calmMs * 3 * this.chance.next());
    await watcher.run(this.tokens.get(watcher.session.ns)!, end);
  }

  private async compare(sessions: readonly KnownSession[], watchers: readonly Watcher[]): Promise<void> {
    const { check, history, chance } = this;
    const before = history.sessions.slice(0, -sessions.length);
    const again = before.length === 0 ? [] : Array.from({ length: earlier }, () => chance.pick(before));
    await check.sessions([...sessions, ...again], false);
    await check.usage();
    for (const watcher of watchers) watcher.check();
    this.rounds++;
    if (this.rounds % storeRounds === 0) await check.store();
    this.watches += watchers.length;
  }

  /** Each comes once before any comes again; the first time in the order of the table. */
  private nextMishap(): Mishap {
    if (this.deck.length === 0) {
      const all = possibleMishaps(this.cluster.replicas.length, this.wanted);
      this.deck = this.history.sessions.length === 0 ? [...all] : shuffled(all, this.plan);
    }
    return this.deck.shift()!;
  }
}

function shuffled<T>(all: readonly T[], chance: Chance): T[] {
  return all
    .map((one) => ({ one, place: chance.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ one }) => one);
}
