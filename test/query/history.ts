/** Things that happen to a store at random, and what is in it afterwards as the answers said. */
import fc from 'fast-check';
import type { Artifact } from '../../src/domain/artifact.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { startOfTime, type TestStore } from '../support/service.ts';
import { sessionNamed, specOf, tester } from '../support/specs.ts';
import { type Row, words } from './filters.ts';

export type Happening =
  | {
      readonly what: 'push';
      readonly session: string;
      readonly name: string;
      readonly contentType: string;
      readonly bytes: string;
      readonly metadata: Record<string, string>;
      readonly labels: Record<string, string>;
      readonly ttlMs: number | undefined;
    }
  | { readonly what: 'delete' | 'hold' | 'release'; readonly which: number }
  | { readonly what: 'relabel'; readonly which: number; readonly labels: Record<string, string> }
  | { readonly what: 'wait'; readonly ms: number }
  | { readonly what: 'seal'; readonly session: string; readonly outcome: Outcome };

const pairs = fc.dictionary(fc.constantFrom(...words.key), fc.constantFrom(...words.value), { maxKeys: 2 });
const session = fc.constantFrom(...words.session.slice(0, 3));
const which = fc.nat(1_000);

const push = fc.record({
  what: fc.constant('push' as const),
  session,
  name: fc.constantFrom(...words.name),
  // Parameters change nothing of what is found by the type.
  contentType: fc.constantFrom(...words.content_type, `${words.content_type[1]};charset=utf-8`),
  bytes: fc.constantFrom('', '1', '22', '333', '4444'),
  metadata: pairs,
  labels: pairs,
  ttlMs: fc.option(fc.integer({ min: 1, max: 20_000 }), { nil: undefined, freq: 3 }),
});

export const happenings: fc.Arbitrary<Happening[]> = fc.array(
  fc.oneof<fc.WeightedArbitrary<Happening>[]>(
    { weight: 12, arbitrary: push },
    { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('delete', 'hold', 'release'), which }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('relabel' as const), which, labels: pairs }) },
    {
      weight: 4,
      arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.constantFrom(1, 500, 3_000) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        what: fc.constant('seal' as const),
        session: session.filter((id) => id !== 's1'),
        outcome: fc.constantFrom('succeeded', 'failed'),
      }),
    },
  ),
  { minLength: 10, maxLength: 80, size: 'max' },
);

/** A store, and every artifact that was answered and not deleted, as it was answered last. */
export class History {
  readonly artifacts = new Map<string, Artifact>();
  /** Of each name the id that was committed last, also if it is gone. */
  private readonly heads = new Map<string, string>();
  private readonly sealed = new Map<string, Outcome>();
  private readonly opened: TestStore;

  constructor(opened: TestStore) {
    this.opened = opened;
  }

  async happen(happening: Happening): Promise<void> {
    const { store, clock } = this.opened;
    switch (happening.what) {
      case 'wait':
        clock.now += happening.ms;
        return;
      case 'push':
        return this.push(happening);
      case 'seal': {
        if (this.sealed.has(happening.session)) return;
        const spec = sessionNamed(happening.session);
        await store.sessions.open(tester, spec);
        await store.seals.seal(tester, spec.id, happening.outcome);
        this.sealed.set(happening.session, happening.outcome);
        return;
      }
      default:
        return this.change(happening);
    }
  }

  private async push(happening: Extract<Happening, { readonly what: 'push' }>): Promise<void> {
    if (this.sealed.has(happening.session)) return;
    const { artifact } = await this.opened.store.uploads.create(
      tester,
      specOf(happening),
      Buffer.from(happening.bytes),
    );
    this.artifacts.set(artifact.id, artifact);
    this.heads.set(`${artifact.session}\n${artifact.name}`, artifact.id);
  }

  private async change(
    happening: Exclude<Happening, { readonly what: 'push' | 'wait' | 'seal' }>,
  ): Promise<void> {
    const living = this.living();
    if (living.length === 0) return;
    const { id } = living[happening.which % living.length]!;
    const { store } = this.opened;
    if (happening.what === 'delete') {
      if (this.artifacts.get(id)!.hold) return;
      await store.artifacts.delete(tester, { id }, undefined);
      this.artifacts.delete(id);
      return;
    }
    const changes =
      happening.what === 'relabel'
        ? { labels: specOf({ session: 's', name: 'n', labels: happening.labels }).labels }
        : { hold: happening.what === 'hold' };
    this.artifacts.set(id, await store.artifacts.update(tester, { id }, changes));
  }

  /** Everything that has not expired, newest first. */
  living(): Artifact[] {
    const { now } = this.opened.clock;
    return [...this.artifacts.values()]
      .filter(({ expireTime }) => expireTime === undefined || expireTime > now)
      .sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  /** What a query sees: the latest versions. */
  rows(): Row[] {
    return this.living()
      .filter(({ id, session, name }) => this.heads.get(`${session}\n${name}`) === id)
      .map((artifact) => this.rowOf(artifact));
  }

  rowOf(artifact: Artifact): Row {
    const outcome = this.sealed.get(artifact.session);
    return {
      id: artifact.id,
      session: artifact.session,
      name: artifact.name,
      content_type: artifact.contentType.split(';')[0]!,
      size_bytes: artifact.sizeBytes,
      create_time: artifact.createTime,
      expire_time: artifact.expireTime,
      'session.state': outcome === undefined ? 'OPEN' : 'SEALED',
      'session.outcome': outcome?.toUpperCase(),
      metadata: new Map(artifact.metadata),
      labels: new Map(artifact.labels),
    };
  }

  static readonly start = startOfTime;
}
