/**
 * Keys and links that are made through one replica and revoked through another: they are good everywhere at once, count
 * for no commit from the answer to the revocation on, and open nothing anywhere a second after it.
 */
import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { sha256Of } from '../pushing.ts';
import { bytesOf, type Chance } from '../seeded.ts';
import type { Cluster } from './cluster.ts';
import type { History, KnownSession, Push } from './history.ts';
import { callMs, type Reach, Refused } from './reach.ts';
import type { Replica } from './replica.ts';
import { sendOnce, type Tokens, type Work } from './work.ts';

interface RightsOptions {
  readonly cluster: Cluster;
  readonly reach: Reach;
  readonly history: History;
  readonly chance: Chance;
  readonly tokens: Tokens;
  readonly work: Work;
}

/** Everywhere, from then on, what was revoked opens nothing. */
const everywhereMs = 1_000;
/** How long what was revoked is tried. */
const triedMs = 1_700;
const size = 500;

export class Rights {
  readonly tally = { keys: 0, links: 0, tries: 0 };
  private readonly parts: RightsOptions;

  constructor(parts: RightsOptions) {
    this.parts = parts;
  }

  /** A key of the session's namespace, which is good for a while. */
  async tryKey(session: KnownSession, untilMs: number): Promise<void> {
    const { cluster, reach, chance } = this.parts;
    const wanted = { namespace: session.ns, scopes: ['read', 'write'] as const };
    const made = await reach.settle('a key', cluster.operator, ({ client }) =>
      client.access.createKey(wanted),
    );
    const { key, secret } = made.answer;
    const minted = await reach.settle('a token', secret, ({ client }) =>
      client.access.mintToken({ scopes: ['read', 'write'] }),
    );
    // What was minted with a key ends with it.
    const either = () => chance.pick([secret, minted.answer.token]);
    const witness = `made by ${reach.witness(made.by)}`;
    for (const by of cluster.replicas)
      await this.expectGood(`the key ${key.id}, ${witness}`, by, () =>
        reach.once(by, either(), ({ client }) => client.get({ session: session.id, name: 'nothing' })),
      );
    await delay(chance.next() * untilMs);
    const half = this.beginUpload(session, either(), reach.any());
    const what = `the revocation of ${key.id}`;
    const revoked = await reach.settle(what, cluster.operator, ({ client }) =>
      client.access.revokeKey(key.id),
    );
    const said = `revoked by ${reach.witness(revoked.by)}`;
    const beganMs = performance.now();
    await this.expectFailure(half.push, `${half.by.name}, which had half of it`, said, half.finish);
    while (performance.now() - beganMs < triedMs) {
      await Promise.all(
        cluster.replicas.flatMap((by) => [
          this.expectFailure(this.forbidden(session), by.name, said, (push) =>
            reach.once(by, either(), (connection) => sendOnce(connection, push)),
          ),
          this.expectRefusal(`the key ${key.id}, ${said}`, by, performance.now() - beganMs, () =>
            reach.once(by, either(), async ({ client }) => {
              for await (const _ of client.sessions.list({ pageSize: 1 })) break;
              return true;
            }),
          ),
        ]),
      );
      await delay(50);
    }
    this.tally.keys++;
  }

  private forbidden({ ns, id }: KnownSession): Push {
    const seed = this.parts.chance.seed();
    const sha256 = sha256Of(bytesOf(seed, size));
    const push = this.parts.history.begin({
      ns,
      session: id,
      name: `forbidden/${seed}`,
      seed,
      size,
      sha256,
      by: 'create',
    });
    push.state = 'forbidden';
    return push;
  }

  /** An upload whose last message comes only after the revocation. */
  private beginUpload(session: KnownSession, secret: string, by: Replica) {
    const push = this.forbidden(session);
    const rest = Promise.withResolvers<void>();
    const spec = {
      session: push.session,
      name: push.name,
      requestId: push.requestId,
      metadata: { push: `${push.number}` },
    };
    async function* messages() {
      yield { part: { case: 'start' as const, value: { spec } } };
      yield { part: { case: 'chunk' as const, value: bytesOf(push.seed, push.size) } };
      await rest.promise;
      yield { part: { case: 'finish' as const, value: { sizeBytes: BigInt(push.size) } } };
    }
    const done = this.parts.reach.once(by, secret, ({ artifacts }) =>
      artifacts.uploadArtifact(messages(), { timeoutMs: 20 * callMs }),
    );
    done.catch(() => undefined);
    const finish = () => {
      rest.resolve();
      return done;
    };
    return { push, by, finish };
  }

  private async expectFailure(
    push: Push,
    who: string,
    said: string,
    call: (push: Push) => Promise<unknown>,
  ): Promise<void> {
    const { history } = this.parts;
    const began = history.time;
    this.tally.tries++;
    try {
      if ((await call(push)) !== undefined)
        history.fault(
          `push ${push.number} with a key ${said} was acknowledged by ${who}; it was sent at ${began}`,
        );
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      if (thrown.error.reason !== 'UNAUTHENTICATED')
        history.fault(`push ${push.number} with a key ${said}: ${thrown.message}`);
    }
  }

  /** What was made a moment ago is known to every replica that answers. */
  private async expectGood(what: string, by: Replica, call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      if (thrown.error.code !== 'NOT_FOUND')
        this.parts.history.fault(`${what}, is refused by ${this.parts.reach.witness(by)}: ${thrown.message}`);
    }
  }

  private async expectRefusal(
    what: string,
    by: Replica,
    sinceMs: number,
    call: () => Promise<unknown>,
  ): Promise<void> {
    this.tally.tries++;
    try {
      if ((await call()) === undefined || sinceMs < everywhereMs) return;
      this.parts.history.fault(
        `${what}, was good for reading at ${this.parts.reach.witness(by)}, in a call that began ${Math.round(sinceMs)} ms after that`,
      );
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      if (thrown.error.reason !== 'UNAUTHENTICATED') this.parts.history.fault(`${what}: ${thrown.message}`);
    }
  }

  /** A link to a new artifact of the session. */
  async tryLink(session: KnownSession, untilMs: number): Promise<void> {
    const { cluster, reach, history, chance, tokens, work } = this.parts;
    const token = tokens.get(session.ns)!;
    const known = await work.push(session, {
      name: `linked/${chance.seed()}`,
      content: { seed: chance.seed(), size },
    });
    if (known === undefined) return;
    const made = await reach.settle('a link', token, ({ client }) => client.share(known.id));
    const { link, path } = made.answer;
    const witness = `made by ${reach.witness(made.by)}`;
    const bytes = bytesOf(known.push.seed, known.push.size);
    for (const by of cluster.replicas) {
      const got = await open(by, path);
      const said = `the link ${link.id}, ${witness}, at ${reach.witness(by)}`;
      if (got === 404) history.fault(`${said}: is not known`);
      if (got instanceof Buffer && Buffer.compare(got, bytes) !== 0) history.fault(`${said}: other bytes`);
    }
    await delay(chance.next() * untilMs);
    const revoked = await reach.settle(`the revocation of ${link.id}`, token, ({ client }) =>
      client.links.revoke({ id: link.id }),
    );
    const beganMs = performance.now();
    const said = `the link ${link.id}, revoked by ${reach.witness(revoked.by)}`;
    while (performance.now() - beganMs < triedMs) {
      for (const by of cluster.replicas) {
        const sinceMs = performance.now() - beganMs;
        this.tally.tries++;
        if ((await open(by, path)) instanceof Buffer && sinceMs >= everywhereMs)
          history.fault(
            `${said}, was opened by ${reach.witness(by)}, asked for ${Math.round(sinceMs)} ms after that`,
          );
      }
      await delay(50);
    }
    this.tally.links++;
  }
}

/** @returns the bytes, 404, or undefined if there is no answer. */
async function open(by: Replica, path: string): Promise<Buffer | 404 | undefined> {
  try {
    const answer = await fetch(`http://${by.addresses!.http}${path}`, {
      signal: AbortSignal.timeout(callMs / 3),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (answer.status === 200) return bytes;
    return answer.status === 404 || answer.status === 410 ? 404 : undefined;
  } catch {
    return undefined;
  }
}
