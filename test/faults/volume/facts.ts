/** What a store says of itself, as facts that can be compared: each is a name and a text. */
import { createHash } from 'node:crypto';
import type { Artifact } from '../../../src/client/artifacts/artifact.ts';
import type { ArtifactaClient } from '../../../src/client/client.ts';
import type { Session } from '../../../src/client/sessions/session.ts';

export type Facts = ReadonlyMap<string, string>;

/** Every fact begins with the id of a session, or with that of a worker and a dash. */
export const fact = {
  session: (id: string) => `${id} session`,
  artifact: (session: string, name: string, version: number) => `${session} ${name} ${version}`,
  links: (session: string, name: string) => `${session} links to ${name}`,
  key: (description: string) => `${description} key`,
};

export function sessionText(session: Pick<Session, 'outcome' | 'labels'>): string {
  return `${session.outcome ?? 'open'} ${session.labels.rev ?? ''}`;
}

export function artifactText({ sha256, labels, hold }: Pick<Artifact, 'sha256' | 'labels' | 'hold'>): string {
  return `${sha256.slice(0, 16)} ${labels.rev ?? ''}${hold ? ' held' : ''}`;
}

export function linksText(ends: readonly boolean[]): string {
  return ends.map((isEnded) => (isEnded ? 'revoked' : 'good')).join(' ');
}

/** What a store has, and what is wrong with it whatever it should have. */
interface Dump {
  readonly facts: Facts;
  readonly sessions: ReadonlyMap<string, Session>;
  readonly faults: readonly string[];
}

/** Reads everything, contents and manifests too. */
export async function dump(client: ArtifactaClient): Promise<Dump> {
  const facts = new Map<string, string>();
  const sessions = new Map<string, Session>();
  const faults: string[] = [];
  for await (const session of client.sessions.list()) {
    sessions.set(session.id, session);
    facts.set(fact.session(session.id), sessionText(session));
    if (session.state === 'sealing') faults.push(`${session.id} is being sealed for ever`);
    for await (const artifact of client.query({ session: session.id, allVersions: true })) {
      facts.set(fact.artifact(session.id, artifact.name, artifact.version), artifactText(artifact));
      await readContent(client, artifact).catch((error: unknown) =>
        faults.push(`${session.id}/${artifact.name}@${artifact.version} cannot be read: ${String(error)}`),
      );
    }
    if (session.state !== 'sealed') continue;
    // The client compares the digest.
    await Array.fromAsync(client.sessions.manifest(session.id)).catch((error: unknown) =>
      faults.push(`the manifest of ${session.id} cannot be read: ${String(error)}`),
    );
  }
  const links = new Map<string, { readonly time: number; readonly isEnded: boolean }[]>();
  for await (const { session, name, createTime, revokeTime } of client.links.list({ showEnded: true })) {
    const all = links.get(fact.links(session, name)) ?? [];
    all.push({ time: createTime?.getTime() ?? 0, isEnded: revokeTime !== undefined });
    links.set(fact.links(session, name), all);
  }
  for (const [name, all] of links)
    facts.set(name, linksText(all.sort((a, b) => a.time - b.time).map(({ isEnded }) => isEnded)));
  for await (const key of client.access.keys({ showEnded: true }))
    facts.set(fact.key(key.description), key.revokeTime === undefined ? 'good' : 'revoked');
  return { facts, sessions, faults };
}

async function readContent(client: ArtifactaClient, { id, sha256 }: Artifact): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of await client.open({ id })) hash.update(chunk);
  if (hash.digest('hex') !== sha256) throw new Error('it has other bytes');
}

/** What two stores say differently: the name of a fact, and both texts. */
export function differencesOf(facts: readonly [string, string][], own: readonly [string, string][]) {
  const [wanted, said] = [new Map(facts), new Map(own)];
  return [...new Set([...wanted.keys(), ...said.keys()])]
    .filter((name) => wanted.get(name) !== said.get(name))
    .map((name) => [name, said.get(name) ?? 'absent', wanted.get(name) ?? 'absent'] as const);
}

/** Returns true if two stores say the same. */
export function isSame(facts: readonly [string, string][], own: readonly [string, string][]): boolean {
  if (facts.length !== own.length) return false;
  const said = new Map(own);
  return facts.every(([name, text]) => said.get(name) === text);
}
