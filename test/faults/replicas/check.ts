/** Compares what every replica answers with what was acknowledged. Nothing else is under way, and all replicas serve. */
import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { ListOrder } from '../../../gen/artifacta/v1/query_pb.ts';
import { type Artifact, artifactFrom } from '../../../src/client/artifacts/artifact.ts';
import { lineOf } from '../checker.ts';
import { bytesOf, type Chance } from '../seeded.ts';
import type { Cluster } from './cluster.ts';
import type { History, Known, KnownSession } from './history.ts';
import { type Connection, patientMs, type Reach } from './reach.ts';
import type { Replica } from './replica.ts';
import { checkShipped } from './shipped.ts';
import type { Tokens } from './work.ts';

interface CheckOptions {
  readonly cluster: Cluster;
  readonly reach: Reach;
  readonly history: History;
  readonly chance: Chance;
  readonly tokens: Tokens;
}

/** A replica answers again within this, whatever happened to it. */
const backMs = 30_000;
/** Small, so that a list takes several pages, each from another replica. */
const pageSize = 25;

export class Check {
  private readonly parts: CheckOptions;

  constructor(parts: CheckOptions) {
    this.parts = parts;
  }

  /** Resolves when each replica writes for each namespace, itself or by another one. */
  async whenBack(): Promise<void> {
    const { cluster, reach, history, tokens } = this.parts;
    const beganMs = performance.now();
    const wanted = cluster.replicas.flatMap((by) => [...tokens].map(([ns, token]) => ({ by, ns, token })));
    await Promise.all(
      wanted.map(async ({ by, ns, token }) => {
        for (;;) {
          // A change of nothing, which is a transaction all the same.
          const call = ({ client }: Connection) => client.delete({ session: 'nobody', name: 'x' });
          const done = await reach.once(by, token, call, patientMs);
          if (done !== undefined) return;
          const tookMs = performance.now() - beganMs;
          if (tookMs > backMs)
            return history.fault(
              `${by.name} does not write for ${ns} ${Math.round(tookMs)} ms after all is well`,
            );
          await delay(50);
        }
      }),
    );
  }

  /** Looks at sessions that are sealed. @param everything also all bytes, through each replica. */
  async sessions(sessions: readonly KnownSession[], everything: boolean): Promise<void> {
    for (const session of sessions) {
      await this.list(session);
      for (const by of everything ? this.parts.cluster.replicas : [this.parts.reach.any()]) {
        await this.session(session, by);
        for (const known of session.artifacts)
          if (known.fate === 'live') await this.bytes(session, known, by);
      }
      await this.manifest(session);
    }
  }

  /** The usage of every namespace is what is there, at every replica. */
  async usage(): Promise<void> {
    const { cluster, history, tokens } = this.parts;
    for (const ns of tokens.keys()) {
      const sessions = history.sessions.filter((session) => session.ns === ns);
      const live = sessions.flatMap(({ artifacts }) => artifacts).filter(({ fate }) => fate === 'live');
      const wanted = {
        sizeBytes: live.reduce((sum, { push }) => sum + push.size, 0),
        artifacts: live.length,
        sessions: sessions.filter(({ artifacts }) => artifacts.length > 0).length,
      };
      for (const by of cluster.replicas) {
        const { usage } = await this.ask(`the usage of ${ns}`, cluster.operator, by, ({ client }) =>
          client.access.getNamespace(ns),
        );
        if (JSON.stringify(usage) !== JSON.stringify(wanted))
          history.fault(
            `the usage of ${ns} at ${by.name} is ${JSON.stringify(usage)}, not ${JSON.stringify(wanted)}`,
          );
      }
    }
  }

  /** The index agrees with itself and with the contents, and what was shipped is the index. */
  async store(): Promise<void> {
    const { cluster, reach, history } = this.parts;
    const { client } = await reach.to(cluster.replicas[0]!, cluster.operator);
    for await (const event of client.admin.verify())
      if (event.kind === 'finding')
        history.fault(`a check of the store found ${JSON.stringify(event.finding)}`);
    await checkShipped(this.parts);
  }

  private ask<T>(
    what: string,
    token: string,
    by: Replica,
    call: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    return this.parts.reach.answer(what, token, by, call);
  }

  /** Each page comes from another replica; together they are the session, and so is what each says of an id. */
  private async list(session: KnownSession): Promise<void> {
    const { cluster, history, tokens, reach } = this.parts;
    const token = tokens.get(session.ns)!;
    const found = new Map<string, Artifact>();
    let pageToken = '';
    for (let page = 0; page === 0 || pageToken !== ''; page++) {
      const by = cluster.replicas[page % cluster.replicas.length]!;
      const request = {
        session: session.id,
        allVersions: true,
        order: ListOrder.OLDEST_FIRST,
        pageSize,
        pageToken,
      };
      const answer = await this.ask(`a page of ${session.id}`, token, by, ({ artifacts }) =>
        artifacts.listArtifacts(request, { timeoutMs: 20_000 }),
      );
      for (const message of answer.artifacts) {
        const artifact = artifactFrom(message);
        if (found.has(artifact.id)) history.fault(`${artifact.id} is on two pages of ${session.id}`);
        found.set(artifact.id, artifact);
        history.see(artifact, session, `a page by ${reach.witness(by)}`);
      }
      pageToken = answer.nextPageToken;
    }
    for (const known of session.artifacts) this.compare(session, known, found.get(known.id), 'a list');
  }

  private compare(session: KnownSession, known: Known, found: Artifact | undefined, where: string): void {
    const { history } = this.parts;
    const { push } = known;
    const about = `${known.id} of push ${push.number} (${push.ns} ${push.session} ${push.name} ${known.version}, ${known.witness})`;
    if (found === undefined) {
      if (known.fate === 'live') history.fault(`lost: ${about}, in ${where}`);
      return;
    }
    if (known.fate === 'deleted') {
      history.fault(`deleted and there: ${about}, in ${where}`);
      return;
    }
    const { rev } = found.labels;
    if (rev !== known.rev && !known.loose.has(rev ?? ''))
      history.fault(`${about}, in ${where}: has the label ${rev}, not ${known.rev}`);
    const highest = Math.max(
      ...session.artifacts.filter((other) => other.push.name === push.name).map(({ version }) => version),
    );
    if (found.latest !== (known.version === highest))
      history.fault(`${about}, in ${where}: says ${found.latest} of being the latest`);
  }

  private async session(session: KnownSession, by: Replica): Promise<void> {
    const { history, tokens, reach } = this.parts;
    const token = tokens.get(session.ns)!;
    const found = await this.ask(`the session ${session.id}`, token, by, ({ client }) =>
      client.sessions.get(session.id),
    );
    const said = `${found.state} ${found.outcome} ${found.manifest?.sha256}`;
    const wanted = `sealed ${session.outcome} ${session.manifest}`;
    if (said !== wanted) history.fault(`${session.ns} ${session.id} is ${said} at ${by.name}, not ${wanted}`);
    const all = session.artifacts;
    for (let at = 0; at < all.length; at += 50) {
      const some = all.slice(at, at + 50);
      const results = await this.ask('artifacts by id', token, by, ({ client }) =>
        client.batchGet(some.map(({ id }) => id)),
      );
      for (const [place, result] of results.entries()) {
        const artifact = 'artifact' in result ? result.artifact : undefined;
        if (artifact !== undefined) history.see(artifact, session, `by its id, ${reach.witness(by)}`);
        this.compare(session, some[place]!, artifact, `what ${by.name} has by its id`);
      }
    }
  }

  private async bytes({ ns }: KnownSession, known: Known, by: Replica): Promise<void> {
    const { history, tokens } = this.parts;
    const { push } = known;
    const bytes = await this.ask(`the bytes of ${known.id}`, tokens.get(ns)!, by, async ({ client }) => {
      const download = await client.open(known.id);
      return await download.bytes();
    });
    if (Buffer.compare(bytes, bytesOf(push.seed, push.size)) !== 0)
      history.fault(`${known.id} of push ${push.number} (${known.witness}): other bytes at ${by.name}`);
  }

  /** The client compares the bytes with the digest; the lines are what was there at the seal. */
  private async manifest(session: KnownSession): Promise<void> {
    const { history, tokens, reach } = this.parts;
    const by = reach.any();
    const about = `the manifest of ${session.ns} ${session.id} at ${by.name}`;
    const listed = await this.ask(about, tokens.get(session.ns)!, by, async ({ client }) => {
      const lines = new Set<string>();
      for await (const line of client.sessions.manifest(session.id)) lines.add(lineOf(line));
      return lines;
    });
    for (const known of session.artifacts) {
      const { name, sha256, size: sizeBytes } = known.push;
      const isListed = listed.delete(lineOf({ name, version: known.version, sha256, sizeBytes }));
      const own = `${known.id} of push ${known.push.number} (${known.witness})`;
      if (!isListed && known.fate === 'live') history.fault(`${about} is without ${own}`);
      if (isListed && session.deletedBefore.has(known.id))
        history.fault(`${about} has ${own}, which had been deleted`);
    }
    for (const line of listed) history.fault(`${about} has ${line}, which nobody has seen`);
  }
}
