/** I25: whoever sends the bytes of a content heals it, whatever was or was not noticed before. */
import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { parseSessionId } from '../../../src/domain/names.ts';
import type { Principal } from '../../../src/domain/principal.ts';
import { sha256 } from '../../support/calls.ts';
import { bytesKeyOf, writeRows } from '../../support/rows.ts';
import { digestOf, principalOf, tester } from '../../support/specs.ts';
import {
  contentOf,
  type Damage,
  fileDamages,
  type Healing,
  inlineDamages,
  noticers,
  openHealing,
  sealedAs,
} from './healing-rig.ts';

/** How the bytes come, when session `session` has them as `a` already, pushed with the request id `session`. */
type Push = (rig: Healing, bytes: Uint8Array, session: string) => Promise<{ session: string; name: string }>;

const pushes: Readonly<Record<string, Push>> = {
  'to another session': async (rig, bytes, from) => {
    const to = { session: `${from}-other`, name: 'b' };
    await rig.push(bytes, to);
    return to;
  },
  'to another session, as a stream': async (rig, bytes, from) => {
    const to = { session: `${from}-other`, name: 'b' };
    await rig.stream(bytes, { ...to, sizeBytes: bytes.length, sha256: sha256(bytes) });
    return to;
  },
  'under the same name again': async (rig, bytes, session) => {
    expect((await rig.push(bytes, { session })).receipt.deduplicated).toBe(true);
    return { session, name: 'a' };
  },
  'under the same name again, as a stream': async (rig, bytes, session) => {
    expect((await rig.stream(bytes, { session })).receipt.deduplicated).toBe(true);
    return { session, name: 'a' };
  },
  'with the request id that it had': async (rig, bytes, session) => {
    expect((await rig.push(bytes, { session, requestId: session })).receipt.replayed).toBe(true);
    return { session, name: 'a' };
  },
  'with the request id, size and digest that it had, as a stream': async (rig, bytes, session) => {
    const said = { session, requestId: session, sizeBytes: bytes.length, sha256: sha256(bytes) };
    expect((await rig.stream(bytes, said)).receipt.replayed).toBe(true);
    return { session, name: 'a' };
  },
  'by somebody who is limited to another session': async (rig, bytes) => {
    const to = { session: 'narrow', name: sha256(bytes) };
    const { receipt } = await rig.push(bytes, to, limited({ sessions: new Set([id('narrow')]) }));
    expect(receipt.bytesSaved).toBe(0);
    return to;
  },
  'by somebody who is limited to some names, as a stream': async (rig, bytes, session) => {
    const to = { session, name: 'mine/b' };
    await rig.stream(bytes, to, limited({ namePrefix: 'mine/' }));
    return to;
  },
  'by somebody who may not read': async (rig, bytes, session) => {
    const to = { session, name: 'b' };
    await rig.push(bytes, to, { ...tester, operator: false, scopes: new Set(['write'] as const) });
    return to;
  },
};

function id(session: string) {
  return parseSessionId('session', session);
}

function limited(restriction: Principal['restriction']): Principal {
  return { ...principalOf({ subject: 'tok_1' }), operator: false, restriction: restriction! };
}

/** Who has met a file, and how, is the same for a file of any length. */
function metBy(kind: string): readonly string[] {
  return kind === 'a file of several blocks' ? ['nobody', 'a ranged read'] : noticedBy;
}

const noticedBy = [...Object.keys(noticers), 'scrub', 'a check'];

/** What is known of a content that was damaged so after `noticer` has met it. */
function isKnown({ isRead, isPlain, what }: Damage, noticer: string): boolean {
  if (noticer === 'nobody') return false;
  // A check looks for a file without reading it, and leaves it to a repair to give it up.
  if (noticer === 'a check') return what !== 'no file' && (isRead || isPlain);
  return isRead;
}

async function notice(rig: Healing, noticer: string, damage: Damage, contents: Map<string, Uint8Array>) {
  if (noticer === 'scrub') return void (await rig.scrub());
  if (noticer === 'a check') return void (await rig.check(true));
  for (const [session, bytes] of contents) {
    const met = noticers[noticer]!(rig, session, damage, bytes);
    if (noticer === 'nobody' || !damage.isRead) await met;
    else await expect(met).rejects.toMatchObject({ reason: 'DATA_LOSS' });
  }
}

/** A store with one content for each name, in a session of that name, all damaged and met. */
async function damaged(kind: string, damage: Damage, noticer: string, sessions: readonly string[]) {
  const rig = await openHealing();
  await rig.push(contentOf(kind, 1_000), { session: 'sound' });
  const contents = new Map(sessions.map((session, seed) => [session, contentOf(kind, seed + 1)]));
  for (const [session, bytes] of contents) await rig.push(bytes, { session, requestId: session });
  for (const bytes of contents.values()) await damage.do(rig, bytes);
  await notice(rig, noticer, damage, contents);
  return { rig, contents };
}

async function expectRight(rig: Healing, session: string, name: string, bytes: Uint8Array): Promise<void> {
  expect((await rig.read(session, name)).equals(bytes)).toBe(true);
}

const fileKinds = ['a file of one block', 'a file of several blocks', 'a manifest'];
const table: readonly (readonly [kind: string, damage: Damage])[] = [
  ...fileKinds.flatMap((kind) => fileDamages.map((damage) => [kind, damage] as const)),
  ...inlineDamages.map((damage) => ['a small content', damage] as const),
];

describe('I25', () => {
  it.each(table.map(([kind, damage]) => [kind, damage.what, damage] as const))(
    '%s with %s heals when it is pushed, in any way, whoever has met it',
    async (kind, _what, damage) => {
      for (const noticer of metBy(kind)) {
        const ways = Object.keys(pushes);
        const sessions = ways.map((_way, at) => `s${at}`);
        const { rig, contents } = await damaged(kind, damage, noticer, sessions);
        for (const [at, way] of ways.entries()) {
          const session = sessions[at]!;
          const bytes = contents.get(session)!;
          const to = await pushes[way]!(rig, bytes, session);
          await expectRight(rig, session, 'a', bytes);
          await expectRight(rig, to.session, to.name, bytes);
        }
        await rig.expectSound();
      }
    },
  );

  it.each(table.map(([kind, damage]) => [kind, damage.what, damage] as const))(
    '%s with %s is joined by its digest alone only as long as nobody can know',
    async (kind, _what, damage) => {
      for (const noticer of metBy(kind)) {
        const { rig, contents } = await damaged(kind, damage, noticer, ['s']);
        const bytes = contents.get('s')!;
        const isRefused = damage.isPlain || isKnown(damage, noticer);
        const elsewhere = { session: 'other', name: 'b' };
        for (const said of [elsewhere, { session: 's' }, { session: 's', requestId: 's' }])
          if (isRefused)
            await expect(rig.byDigest(bytes, said)).rejects.toMatchObject({ reason: 'CONTENT_NOT_FOUND' });
          else await rig.byDigest(bytes, said);
        await rig.push(bytes, elsewhere);
        await rig.byDigest(bytes, { session: 's', requestId: 's' });
        await expectRight(rig, 's', 'a', bytes);
        await expectRight(rig, 'other', 'b', bytes);
        await rig.expectSound();
      }
    },
  );

  it.each(fileDamages.map((damage) => [damage.what, damage] as const))(
    'a manifest with %s heals when a session with the same one is sealed',
    async (_what, damage) => {
      for (const isMet of [false, true]) {
        const rig = await openHealing();
        await sealedAs(rig, 'first', 1);
        const bytes = contentOf('a manifest', 1);
        expect((await rig.manifest('first')).equals(bytes)).toBe(true);
        await damage.do(rig, bytes);
        if (isMet && damage.isRead)
          await expect(rig.manifest('first')).rejects.toMatchObject({ reason: 'DATA_LOSS' });
        await sealedAs(rig, 'second', 1);
        for (const session of ['first', 'second'])
          expect((await rig.manifest(session)).equals(bytes)).toBe(true);
        await rig.expectSound();
      }
    },
  );
});

it('small bytes that are others, with the right checksum, heal as well: the commit compares them', async () => {
  const rig = await openHealing();
  const bytes = contentOf('a small content', 1);
  await rig.push(bytes, {});
  const { sha256: digest } = digestOf(bytes);
  const key = await bytesKeyOf(rig.opened.index, digest);
  await writeRows(rig.opened.index, [{ type: 'put', key, value: bytes.toReversed() }]);
  await rig.push(bytes, {});
  await expectRight(rig, 's', 'a', bytes);
  await rig.expectSound();
});

it('what a read has met is told by a check that reads nothing, and by the list of what is quarantined', async () => {
  const rig = await openHealing();
  const bytes = contentOf('a file of one block', 1);
  await rig.push(bytes, {});
  await rig.flip(bytes);
  expect(await rig.check(false)).toEqual([]);
  await expect(rig.read('s', 'a')).rejects.toMatchObject({ reason: 'DATA_LOSS' });
  expect(await rig.check(false)).toMatchObject([
    {
      kind: 'CONTENT_CORRUPT',
      sha256: sha256(bytes),
      message: expect.stringMatching(/do not match their checksum.*pushing the same bytes again heals it/),
    },
  ]);
  expect(await rig.listed()).toMatchObject([{ sha256: sha256(bytes), artifactCount: 1 }]);
  await rig.push(bytes, {});
  expect(await rig.check(true)).toEqual([]);
});

it('an empty content is what it is', async () => {
  const rig = await openHealing();
  await rig.push(Buffer.alloc(0), {});
  await rig.push(Buffer.alloc(0), { session: 't' });
  expect(await rig.read('t', 'a')).toHaveLength(0);
  await rig.expectSound();
});
