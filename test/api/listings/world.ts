/** A store of any shape for the listings: the same seed makes the same store, except for random ids. */
import { createHash } from 'node:crypto';
import type { Artifact } from '../../../src/domain/artifact.ts';
import type { ArtifactId, SessionUid } from '../../../src/domain/ids.ts';
import { parseNamespace } from '../../../src/domain/names.ts';
import { keys } from '../../../src/index/keys.ts';
import type { Write } from '../../../src/index/row.ts';
import type { StoreOptions } from '../../../src/store/open.ts';
import { Chance } from '../../faults/seeded.ts';
import { writeRows } from '../../support/rows.ts';
import { openMemoryService, type Service, startOfTime } from '../../support/service.ts';
import { sessionNamed, specOf, tester } from '../../support/specs.ts';

const day = 24 * 3_600_000;
const wideCount = 200;

export interface World extends AsyncDisposable {
  readonly service: Service;
  /** The names of artifacts and links, since their ids are random. */
  readonly nameOf: (id: string) => string;
  /** An artifact with inputs and derived artifacts around it. */
  readonly start: string;
}

/** Opens a store and fills it. */
export async function openWorld(seed: number, options: Partial<StoreOptions> = {}): Promise<World> {
  const service = await openMemoryService(options);
  const filling = new Filling(service, new Chance(seed));
  await filling.sessions();
  await filling.wide();
  await filling.pairs();
  await filling.links();
  await filling.apiKeys();
  await filling.quarantined();
  for (const name of ['team-a', 'team-b', 'team-c', 'team-d', 'team-e', 'team-f'])
    await service.store.namespaces.ensure(parseNamespace('namespace', name));
  service.clock.now += 5_000;
  return {
    service,
    nameOf: (id) => filling.names.get(id) ?? id,
    start: filling.start,
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

class Filling {
  readonly names = new Map<string, string>();
  readonly artifacts: Artifact[] = [];
  /** The ids of those that nothing has deleted, and that never expire. */
  private living: ArtifactId[] = [];
  private readonly service: Service;
  private readonly chance: Chance;

  constructor(service: Service, chance: Chance) {
    this.service = service;
    this.chance = chance;
  }

  get start(): string {
    return this.living[0]!;
  }

  /** Sessions of all outcomes, with versions, inputs, expired and deleted artifacts. */
  async sessions(): Promise<void> {
    const { store, clock } = this.service;
    for (let at = 0; at < 12; at++) {
      const spec = sessionNamed(`run-${at}`, { agent: this.agent() });
      await store.sessions.open(tester, spec);
      const count = this.chance.between(5, 40);
      const pushed: Artifact[] = [];
      for (let push = 0; push < count; push++) pushed.push(await this.push(spec.id, `n${push % 11}`));
      clock.now += this.chance.between(0, 3);
      if (at === 2) await this.push(spec.id, 'text', { content: lines(400) });
      if (at % 3 !== 2) await store.seals.seal(tester, spec.id, at % 2 === 0 ? 'succeeded' : 'failed');
      for (const { id } of pushed) if (id !== this.start && this.chance.happens(0.25)) await this.remove(id);
      clock.now += this.chance.between(0, 2_000);
    }
  }

  private agent(): string {
    return this.chance.happens(0.3) ? 'billing' : 'support';
  }

  private async push(
    session: string,
    name: string,
    { content, metadata }: { content?: string; metadata?: Record<string, string> } = {},
  ): Promise<Artifact> {
    const { chance } = this;
    const near = [...this.living.slice(0, 2), ...this.living.slice(-12)];
    const inputs = metadata === undefined ? [...new Set(near.filter(() => chance.happens(0.2)))] : [];
    const expires = this.living.length > 0 && chance.happens(0.15);
    const { artifact } = await this.service.store.uploads.create(
      tester,
      specOf({
        session,
        name,
        contentType: chance.happens(0.5) ? 'text/plain' : 'application/json',
        metadata: metadata ?? { agent: this.agent(), attempt: String(chance.between(1, 3)) },
        ...(expires ? { ttlMs: chance.between(1, 3_000) } : {}),
        inputs,
        newVersion: true,
      }),
      Buffer.from(content ?? `content ${chance.between(1, 60)}`),
    );
    this.artifacts.push(artifact);
    if (!expires) this.living.push(artifact.id);
    this.names.set(artifact.id, `${session}/${name}@${artifact.version}`);
    return artifact;
  }

  /** Records so large that a page ends at its bytes. */
  async wide(): Promise<void> {
    const metadata = Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`k${at}`, 'w'.repeat(1_000)]));
    for (let at = 0; at < wideCount; at++)
      await this.push('wide', `w${String(at).padStart(3, '0')}`, { content: `${at % 90}`, metadata });
  }

  /** Two sessions to compare, with long stretches of equal names. */
  async pairs(): Promise<void> {
    for (let at = 0; at < 120; at++) {
      const name = `p${String(at).padStart(3, '0')}`;
      const isDifferent = this.chance.happens(at < 40 || at > 100 ? 0.05 : 0.5);
      const sides = isDifferent ? this.chance.between(1, 3) : 3;
      for (const [bit, session] of ['base', 'compared'].entries())
        if (sides & (1 << bit))
          await this.push(session, name, {
            content: isDifferent ? `${session}${at}` : `${at}`,
            metadata: {},
          });
    }
    await this.remove(this.artifacts.at(-1)!.id);
  }

  private async remove(id: ArtifactId): Promise<void> {
    const { artifacts } = this.service.store;
    if (!this.living.includes(id)) return;
    await artifacts.delete(tester, { id }, undefined);
    this.living = this.living.filter((one) => one !== id);
  }

  async links(): Promise<void> {
    const writes: Write[] = [];
    const targets = this.artifacts.filter(({ id }) => this.living.includes(id)).slice(0, 60);
    for (const [at, artifact] of targets.entries())
      for (let copy = at % 3 === 0 ? 3 : 1; copy > 0; copy--) {
        const hash = createHash('sha256').update(`${at} ${copy}`).digest('base64url');
        const record = await this.service.index.get(keys.artifacts.record.key('default', artifact.id));
        const uid: SessionUid = keys.artifacts.record.decode(record!).uid;
        this.names.set(`lnk_${hash}`, `link ${at} ${copy}`);
        writes.push(
          keys.links.byTarget.put(['default', uid, artifact.id, hash], true),
          keys.links.record.put([hash], {
            ns: 'default',
            artifact: artifact.id,
            uid,
            session: artifact.session,
            name: artifact.name,
            version: artifact.version,
            createTime: startOfTime,
            expireTime: this.chance.happens(0.3) ? startOfTime + 1 : startOfTime + 30 * day,
            ...(this.chance.happens(0.2) ? { revokeTime: startOfTime + 1 } : {}),
            creator: 'local',
          }),
        );
      }
    await writeRows(this.service.index, writes);
  }

  async apiKeys(): Promise<void> {
    const id = (at: number) =>
      `key_${String.fromCharCode(97 + (at % 26))}${'a'.repeat(14)}${'bcde'[at >> 5]}`;
    await writeRows(
      this.service.index,
      Array.from({ length: 70 }, (_, at) =>
        keys.credentials.apiKey.put([id(at)], {
          ns: at % 4 === 0 ? 'team-a' : 'default',
          secretHash: '',
          description: `key ${at}`,
          scopes: ['read'],
          operator: false,
          createTime: startOfTime,
          ...(this.chance.happens(0.3) ? { revokeTime: startOfTime + 1 } : {}),
        }),
      ),
    );
  }

  async quarantined(): Promise<void> {
    const digests = [...new Set(this.artifacts.map(({ sha256 }) => sha256))].sort();
    const some = digests.filter(() => this.chance.happens(0.2));
    await writeRows(
      this.service.index,
      some.map((sha256) =>
        keys.blobs.quarantine.put(['default', sha256], { time: startOfTime, message: 'damaged' }),
      ),
    );
  }
}

function lines(count: number): string {
  return Array.from({ length: count }, (_, at) => `line ${at} ${'x'.repeat(at % 40)}`).join('\n');
}
