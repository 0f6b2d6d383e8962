/**
 * One caller, which does one thing after another to sessions of its own, and knows what the store must say after each. A
 * store that was restored must be as it was after some of these things, and before all later ones.
 */
import { createHash } from 'node:crypto';
import type { ArtifactaClient } from '../../../src/client/client.ts';
import type { Outcome } from '../../../src/client/sessions/session.ts';
import { bytesOf, type Chance } from '../seeded.ts';
import { artifactText, differencesOf, type Facts, fact, isSame, linksText, sessionText } from './facts.ts';

interface OwnArtifact {
  readonly id: string;
  readonly sha256: string;
  readonly rev: string;
  readonly hold: boolean;
}

interface OwnSession {
  readonly outcome: Outcome | undefined;
  readonly rev: string;
  /** By name and version. */
  readonly artifacts: ReadonlyMap<string, OwnArtifact>;
  /** The next version by name; {@link unknown} after a loss that may or may not have taken a deleted version with it. */
  readonly next: ReadonlyMap<string, number>;
  /** By name: each with its id, and whether it was revoked. */
  readonly links: ReadonlyMap<string, readonly (readonly [id: string, isRevoked: boolean])[]>;
}

/** Everything that a worker has made. */
interface State {
  readonly sessions: ReadonlyMap<string, OwnSession>;
  readonly keys: ReadonlyMap<string, readonly [id: string, isRevoked: boolean]>;
}

interface Done {
  readonly state: State;
  readonly what: string;
  /** Milliseconds since the Unix epoch. Undefined: no answer came. */
  ackedAt: number | undefined;
}

/** What a call does, and the state after it. An id that only the answer has is given to `after`. */
interface Act {
  readonly what: string;
  readonly isDurable?: true;
  readonly call: (client: ArtifactaClient) => Promise<string | undefined>;
  readonly after: (id: string) => State;
}

const sessionsMax = 6;
const unknown = Number.NaN;

export class Worker {
  readonly name: string;
  /** Sent times of calls whose answers promised that everything before them was shipped. */
  readonly promised: number[] = [];
  acked = 0;
  private readonly chance: Chance;
  private history: Done[] = [
    { state: { sessions: new Map(), keys: new Map() }, what: 'nothing', ackedAt: 0 },
  ];
  private made = 0;

  constructor(name: string, chance: Chance) {
    this.name = name;
    this.chance = chance;
  }

  /** Works until a call fails. @returns the error. */
  async work(client: ArtifactaClient, isOver: () => boolean): Promise<unknown> {
    while (!isOver()) {
      const step = this.next();
      const done: Done = { state: step.after('?'), what: step.what, ackedAt: undefined };
      this.history.push(done);
      const sentAt = Date.now();
      try {
        const id = await step.call(client);
        this.history[this.history.length - 1] = {
          ...done,
          state: step.after(id ?? '?'),
          ackedAt: Date.now(),
        };
        this.acked++;
        if (step.isDurable) this.promised.push(sentAt);
      } catch (error) {
        return error;
      }
    }
    return undefined;
  }

  /**
   * Goes on from what a restored store says.
   *
   * @param until everything that was acknowledged before must be there, in milliseconds since the Unix epoch.
   * @returns what is wrong, and how many acknowledged things are gone.
   */
  adopt(facts: Facts, until: number): { readonly fault: string | undefined; readonly lost: number } {
    const own = [...facts].filter(([name]) => name.startsWith(`${this.name}-`));
    const least = this.history.findLastIndex(({ ackedAt }) => ackedAt !== undefined && ackedAt < until);
    const at = this.history.findLastIndex(
      ({ state }, n) => n >= Math.max(least, 0) && isSame(factsOf(state), own),
    );
    const { length } = this.history;
    if (at < 0) {
      const older = this.history.findLastIndex(({ state }) => isSame(factsOf(state), own));
      const fault =
        older >= 0
          ? `${this.name}: it is as after thing ${older} (${this.history[older]!.what}), and thing ${least} ` +
            `(${this.history[least]!.what}) of ${length} was acknowledged in time`
          : `${this.name}: it is as it never was: ${this.nearest(own)}; thing ${least} of ${length} was acknowledged in time`;
      return { fault, lost: 0 };
    }
    const alike = this.history.filter(
      ({ state }, n) => n >= Math.max(least, 0) && isSame(factsOf(state), own),
    );
    const lost = this.history.slice(at + 1).filter(({ ackedAt }) => ackedAt !== undefined).length;
    const state = withSameNext(alike.map((done) => done.state));
    this.history = [{ ...this.history[at]!, state, ackedAt: 0 }];
    this.promised.length = 0;
    return { fault: undefined, lost };
  }

  /** What is different from the state that comes nearest, and when that was last changed. */
  private nearest(own: readonly [string, string][]): string {
    const differences = this.history.map(({ state }) => differencesOf(factsOf(state), own));
    const least = Math.min(...differences.map(({ length }) => length));
    const at = differences.findLastIndex(({ length }) => length === least);
    const about = (name: string) => {
      const [session = ''] = name.split(' ');
      const things = this.history.slice(0, at + 1).map(({ what }, n) => `${n} ${what}`);
      return things
        .filter((what) => `${what} `.includes(`${session} `) || what.includes(`${session}/`))
        .slice(-12);
    };
    const told = differences[at]!.map(([name, said, wanted]) => `${name} is ${said}, not ${wanted}`);
    const things = [...new Set(differences[at]!.flatMap(([name]) => about(name)))];
    return `nearest is thing ${at} (${this.history[at]!.what}): ${told.join('; ')}; before: ${things.join('; ')}`;
  }

  private get state(): State {
    return this.history.at(-1)!.state;
  }

  private next(): Act {
    const { chance } = this;
    const open = [...this.state.sessions].filter(([, { outcome }]) => outcome === undefined);
    if (open.length === 0 || (this.state.sessions.size < sessionsMax && chance.happens(0.05)))
      return this.openSession();
    const [id, session] = chance.pick([...this.state.sessions]);
    const steps = [
      ...(session.outcome === undefined ? [() => this.push(id, session), () => this.push(id, session)] : []),
      ...(session.outcome === undefined && session.artifacts.size > 1
        ? [1, 2, 3].map(() => () => this.seal(id, session))
        : []),
      ...(session.outcome === 'abandoned' ? [() => this.amend(id, session)] : []),
      ...(session.outcome !== undefined && this.state.sessions.size > 2
        ? [() => this.remove(id, session)]
        : []),
      ...(session.artifacts.size > 0
        ? [
            () => this.label(id, session),
            () => this.hold(id, session),
            () => this.deleteArtifact(id, session),
            () => this.share(id, session),
          ]
        : []),
      () => this.labelSession(id, session),
      () => this.key(),
    ];
    return chance.pick(steps)() ?? this.labelSession(id, session);
  }

  private with(id: string, change: Partial<OwnSession> | undefined): State {
    const sessions = new Map(this.state.sessions);
    const before = sessions.get(id) ?? {
      outcome: undefined,
      rev: '',
      artifacts: new Map(),
      next: new Map(),
      links: new Map(),
    };
    if (change === undefined) sessions.delete(id);
    else sessions.set(id, { ...before, ...change });
    return { ...this.state, sessions };
  }

  private openSession(): Act {
    const id = `${this.name}-${++this.made}`;
    return {
      what: `open ${id}`,
      call: async (client) => void (await client.sessions.open(id)) as undefined,
      after: () => this.with(id, {}),
    };
  }

  private push(id: string, session: OwnSession): Act | undefined {
    const names = ['a', 'b', 'c/d', 'e'].filter((one) => !Number.isNaN(session.next.get(one)));
    if (names.length === 0) return undefined;
    const name = this.chance.pick(names);
    const version = session.next.get(name) ?? 1;
    const bytes = bytesOf(this.chance.seed(), this.chance.between(1, 2_000));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return {
      what: `push ${id}/${name}@${version}`,
      call: async (client) => (await client.push(bytes, { session: id, name })).artifact.id,
      after: (artifact) =>
        this.with(id, {
          artifacts: new Map(session.artifacts).set(`${name} ${version}`, {
            id: artifact,
            sha256,
            rev: '',
            hold: false,
          }),
          next: new Map(session.next).set(name, version + 1),
        }),
    };
  }

  private seal(id: string, session: OwnSession): Act {
    const outcome = this.chance.pick(['succeeded', 'failed', 'abandoned'] as const);
    const isDurable = this.chance.happens(0.6);
    return {
      what: `seal ${id} as ${outcome}${isDurable ? ', durable' : ''}`,
      ...(isDurable ? { isDurable } : {}),
      call: async (client) => {
        await client.sessions.seal(id, outcome, { durability: isDurable ? 'shipped' : 'local' });
        return undefined;
      },
      after: () => this.with(id, { ...session, outcome }),
    };
  }

  private amend(id: string, session: OwnSession): Act {
    return {
      what: `amend ${id}`,
      call: async (client) => void (await client.sessions.amend(id, 'failed')) as undefined,
      after: () => this.with(id, { ...session, outcome: 'failed' }),
    };
  }

  private remove(id: string, session: OwnSession): Act | undefined {
    if ([...session.artifacts.values()].some(({ hold }) => hold) || session.links.size > 0) return undefined;
    return {
      what: `delete ${id}`,
      call: async (client) => void (await client.sessions.delete(id)) as undefined,
      after: () => this.with(id, undefined),
    };
  }

  private labelSession(id: string, session: OwnSession): Act {
    const rev = String(++this.made);
    return {
      what: `label ${id} ${rev}`,
      call: async (client) => void (await client.sessions.update(id, { labels: { rev } })) as undefined,
      after: () => this.with(id, { ...session, rev }),
    };
  }

  private change(id: string, session: OwnSession, change: Partial<OwnArtifact>): Act {
    const [key, artifact] = this.chance.pick([...session.artifacts]);
    const changed = { ...artifact, ...change };
    return {
      what: `change ${id} ${key} to ${JSON.stringify(change)}`,
      call: async (client) => {
        const { rev, hold } = change;
        await client.update(refOf(id, key), {
          ...(rev === undefined ? {} : { labels: { rev } }),
          ...(hold === undefined ? {} : { hold }),
        });
        return undefined;
      },
      after: () => this.with(id, { ...session, artifacts: new Map(session.artifacts).set(key, changed) }),
    };
  }

  private label(id: string, session: OwnSession): Act {
    return this.change(id, session, { rev: String(++this.made) });
  }

  private hold(id: string, session: OwnSession): Act {
    return this.change(id, session, { hold: this.chance.happens(0.5) });
  }

  private deleteArtifact(id: string, session: OwnSession): Act | undefined {
    const free = [...session.artifacts].filter(
      ([key, { hold }]) => !hold && !session.links.has(key.split(' ')[0]!),
    );
    if (free.length === 0) return undefined;
    const [key] = this.chance.pick(free);
    const artifacts = new Map(session.artifacts);
    artifacts.delete(key);
    return {
      what: `delete ${id} ${key}`,
      call: async (client) => {
        if (!(await client.delete(refOf(id, key))))
          throw new Error(`${id} ${key} was not there to be deleted`);
        return undefined;
      },
      after: () => this.with(id, { ...session, artifacts }),
    };
  }

  /** Makes a link, or revokes one. */
  private share(id: string, session: OwnSession): Act {
    const [key] = this.chance.pick([...session.artifacts]);
    const name = key.split(' ')[0]!;
    const links = session.links.get(name) ?? [];
    const known = links.filter(([link, isRevoked]) => link !== '?' && !isRevoked);
    const set = (changed: OwnSession['links'] extends ReadonlyMap<string, infer L> ? L : never) =>
      this.with(id, { ...session, links: new Map(session.links).set(name, changed) });
    if (known.length === 0 || this.chance.happens(0.4))
      return {
        what: `share ${id} ${key}`,
        call: async (client) => (await client.share(refOf(id, key))).link.id,
        after: (link) => set([...links, [link, false]]),
      };
    const [link] = this.chance.pick(known);
    return {
      what: `revoke a link to ${id} ${name}`,
      call: async (client) => void (await client.links.revoke({ id: link })) as undefined,
      after: () => set(links.map((one) => (one[0] === link ? [link, true] : one))),
    };
  }

  /** Makes an API key, or revokes one. */
  private key(): Act {
    const known = [...this.state.keys].filter(([, [id, isRevoked]]) => id !== '?' && !isRevoked);
    const set = (description: string, id: string, isRevoked: boolean): State => ({
      ...this.state,
      keys: new Map(this.state.keys).set(description, [id, isRevoked]),
    });
    if (known.length === 0 || this.chance.happens(0.5)) {
      const description = `${this.name}-${++this.made}`;
      return {
        what: `make the key ${description}`,
        call: async (client) =>
          (await client.access.createKey({ namespace: 'default', description, scopes: ['read'] })).key.id,
        after: (id) => set(description, id, false),
      };
    }
    const [description, [id]] = this.chance.pick(known);
    return {
      what: `revoke the key ${description}`,
      call: async (client) => void (await client.access.revokeKey(id)) as undefined,
      after: () => set(description, id, true),
    };
  }
}

function refOf(session: string, key: string) {
  const [name, version] = key.split(' ');
  return { session, name: name!, version: Number(version) };
}

function factsOf({ sessions, keys }: State): [string, string][] {
  const facts: [string, string][] = [];
  for (const [id, { outcome, rev, artifacts, links }] of sessions) {
    facts.push([fact.session(id), sessionText({ outcome, labels: { rev } })]);
    for (const [key, artifact] of artifacts) {
      const { rev: label, ...rest } = artifact;
      const [name, version] = key.split(' ');
      facts.push([
        fact.artifact(id, name!, Number(version)),
        artifactText({ ...rest, labels: { rev: label } }),
      ]);
    }
    for (const [name, ends] of links)
      facts.push([fact.links(id, name), linksText(ends.map(([, isRevoked]) => isRevoked))]);
  }
  for (const [description, [, isRevoked]] of keys)
    facts.push([fact.key(description), isRevoked ? 'revoked' : 'good']);
  return facts;
}

/** Returns the last of some states that look the same. A version that was made and deleted shows only in the next one. */
function withSameNext(states: readonly State[]): State {
  const last = states.at(-1)!;
  const sessions = new Map(
    [...last.sessions].map(([id, session]) => {
      const next = new Map(
        [...session.next].map(([name, version]) => {
          const isCertain = states.every((state) => state.sessions.get(id)!.next.get(name) === version);
          return [name, isCertain ? version : unknown];
        }),
      );
      return [id, { ...session, next }];
    }),
  );
  return { ...last, sessions };
}
