/**
 * The artifacts that calls are about, in every state, and what is said of each: one answer for each way to name it,
 * which every call gives.
 */

import { someBytes } from '../../support/calls.ts';
import { type ArtifactState, absent, all, both, type Made, reaped, withSession } from './artifact-state.ts';
import { day, expiringAfter, hour, otherSession, theSession, type World } from './world.ts';

const unknownId = 'art_01h455vb4pex5vsknk084sn02q';

const held = { DeleteArtifact: ['ARTIFACT_HELD', 'a hold forbids it'] } as const;

/** Two versions; the state is that of the second. */
async function twoVersions(world: World): Promise<{ first: string; second: string }> {
  return { first: await world.push('first'), second: await world.push('second') };
}

/** A session that has expired. What has `keeps` survives, by its own expiry. */
async function expired(world: World, keeps?: 'own' | 'other'): Promise<string> {
  await world.open(expiringAfter(hour));
  const id = await world.push('x', keeps === 'own' ? { ttlMs: 30 * day } : {});
  if (keeps === 'other') await world.push('y', { name: 'survivor', ttlMs: 30 * day });
  await world.seal();
  world.pass(2 * hour);
  return id;
}

const whileThere: ArtifactState[] = [
  { what: 'live', make: async (world) => ({ id: await world.push('x') }), answers: all('found') },
  {
    what: 'live, in a sealed session',
    make: async (world) => {
      const id = await world.push('x');
      await world.seal();
      return { id };
    },
    answers: all('found'),
  },
  {
    what: 'live, in a session that has lapsed',
    make: async (world) => {
      await world.open({ lease: { seconds: 60n, nanos: 0 } });
      const id = await world.push('x');
      world.pass(hour);
      return { id };
    },
    answers: all('found'),
  },
  {
    what: 'superseded',
    make: async (world) => {
      const { first, second } = await twoVersions(world);
      return { id: first, latest: second };
    },
    answers: all('found'),
  },
  {
    what: 'held',
    make: async (world) => {
      const id = await world.push('x', { ttlMs: hour });
      await world.hold(id);
      world.pass(2 * hour);
      return { id };
    },
    answers: all('found'),
    but: held,
  },
  {
    what: 'quarantined',
    make: async (world) => {
      const id = await world.push(someBytes(5_000));
      await world.damage();
      return { id };
    },
    answers: all('found'),
    but: {
      DownloadArtifact: ['DATA_LOSS', 'it reads the bytes'],
      ReadArtifact: ['DATA_LOSS', 'it reads the bytes'],
    },
  },
];

const deletedAndExpired: ArtifactState[] = [
  { what: 'expired', make: expiredByItself, answers: all('ARTIFACT_EXPIRED') },
  { what: 'expired, reaped', make: reaped(expiredByItself), answers: absent },
  {
    what: 'expired, then deleted',
    make: async (world) => {
      const made = await expiredByItself(world);
      await world.remove(made.id);
      return made;
    },
    answers: absent,
  },
  {
    what: 'deleted',
    make: async (world) => {
      const id = await world.push('x');
      await world.remove(id);
      return { id };
    },
    answers: { ...absent, name: 'ARTIFACT_DELETED' },
  },
  {
    what: 'deleted, in a sealed session',
    make: async (world) => {
      const id = await world.push('x');
      await world.seal();
      await world.remove(id);
      return { id };
    },
    answers: { ...absent, name: 'ARTIFACT_DELETED' },
  },
  {
    what: 'deleted, with a later version',
    make: async (world) => {
      const { first, second } = await twoVersions(world);
      await world.remove(first);
      return { id: first, latest: second };
    },
    answers: { ...absent, name: 'found' },
  },
  {
    what: 'live, and its later version deleted',
    make: async (world) => {
      const { first, second } = await twoVersions(world);
      await world.remove(second);
      return { id: first };
    },
    answers: { ...all('found'), name: 'ARTIFACT_DELETED' },
  },
  {
    what: 'live, and its later version expired',
    make: laterExpired,
    answers: { ...all('found'), name: 'ARTIFACT_EXPIRED' },
  },
  {
    what: 'live, and its later version expired and reaped',
    make: reaped(laterExpired),
    answers: { ...all('found'), name: 'ARTIFACT_NOT_FOUND' },
  },
];

async function expiredByItself(world: World): Promise<Made> {
  const id = await world.push('x', { ttlMs: hour });
  world.pass(2 * hour);
  return { id };
}

async function laterExpired(world: World): Promise<Made> {
  const { first, second } = await twoVersions(world);
  await world.limit(second, hour);
  world.pass(2 * hour);
  return { id: first };
}

const ofExpiredSessions: ArtifactState[] = [
  ...both('gone with its session', async (world) => ({ id: await expired(world) }), {
    before: all('ARTIFACT_EXPIRED'),
    after: withSession,
  }),
  ...both('survivor of its session', async (world) => ({ id: await expired(world, 'own') }), {
    before: all('found'),
    after: all('found'),
  }),
  ...both(
    'gone with its session, which another survives',
    async (world) => ({ id: await expired(world, 'other') }),
    {
      before: all('ARTIFACT_EXPIRED'),
      after: absent,
    },
  ),
  ...both('deleted before its session expired, which another survives', deletedBefore, {
    before: absent,
    after: absent,
  }),
  ...both('survivor that was deleted, and another is left', deletedSurvivor, {
    before: absent,
    after: absent,
  }),
  ...both('last survivor, deleted', deletedLast, { before: absent, after: withSession }),
  ...both('last survivor, expired', expiredLast, { before: all('ARTIFACT_EXPIRED'), after: withSession }),
  ...both('held, in an expired session', heldSurvivor, { before: all('found'), after: all('found') }, held),
  ...both('released, in an expired session', released, {
    before: all('ARTIFACT_EXPIRED'),
    after: withSession,
  }),
];

async function deletedBefore(world: World): Promise<Made> {
  await world.open(expiringAfter(hour));
  const id = await world.push('x');
  await world.push('y', { name: 'survivor', ttlMs: 30 * day });
  await world.remove(id);
  await world.seal();
  world.pass(2 * hour);
  return { id };
}

async function deletedSurvivor(world: World): Promise<Made> {
  await world.open(expiringAfter(hour));
  const id = await world.push('x', { ttlMs: 30 * day });
  await world.push('y', { name: 'survivor', ttlMs: 30 * day });
  await world.seal();
  world.pass(2 * hour);
  await world.remove(id);
  return { id };
}

async function deletedLast(world: World): Promise<Made> {
  const id = await expired(world, 'own');
  await world.remove(id);
  return { id };
}

async function expiredLast(world: World): Promise<Made> {
  const id = await expired(world, 'own');
  world.pass(31 * day);
  return { id };
}

async function heldSurvivor(world: World): Promise<Made> {
  await world.open(expiringAfter(hour));
  const id = await world.push('x');
  await world.hold(id);
  await world.seal();
  world.pass(2 * hour);
  return { id };
}

async function released(world: World): Promise<Made> {
  const made = await heldSurvivor(world);
  await world.hold(made.id, false);
  return made;
}

const outOfReach: ArtifactState[] = [
  ...both('in a deleted session', inDeletedSession, { before: withSession, after: withSession }),
  ...both('in a session whose id another has by now', inEarlierSession, {
    before: { ...all('found'), id: 'ARTIFACT_NOT_FOUND' },
    after: { ...all('found'), id: 'ARTIFACT_NOT_FOUND' },
  }),
  { what: 'of no session', make: async () => ({ id: unknownId }), answers: withSession },
  {
    what: 'of no name',
    make: async (world) => {
      await world.push('x');
      return { id: unknownId, name: 'no such name' };
    },
    answers: absent,
  },
  {
    what: 'of no version',
    make: async (world) => ({ id: unknownId, version: 7n, latest: await world.push('x') }),
    answers: { ...absent, name: 'found' },
  },
  {
    what: 'in another namespace',
    make: async (world) => ({ id: await world.push('x', { as: await world.elsewhere() }) }),
    answers: withSession,
  },
  {
    what: 'asked for with a token of another session',
    make: async (world) => {
      const id = await world.push('x');
      return { id, caller: await world.token({ sessions: [otherSession] }) };
    },
    answers: withSession,
  },
  {
    what: 'deleted, asked for with a token of another session',
    make: async (world) => {
      const id = await world.push('x');
      await world.remove(id);
      return { id, caller: await world.token({ sessions: [otherSession] }) };
    },
    answers: withSession,
  },
  {
    what: 'asked for with a token of its session',
    make: async (world) => {
      const id = await world.push('x');
      return { id, caller: await world.token({ sessions: [theSession, otherSession] }) };
    },
    answers: all('found'),
  },
  {
    what: 'asked for with a token of other names',
    make: async (world) => {
      const id = await world.push('x');
      return { id, caller: await world.token({ namePrefix: 'o' }) };
    },
    answers: absent,
  },
  {
    what: 'deleted, asked for with a token of other names',
    make: async (world) => {
      const id = await world.push('x');
      await world.remove(id);
      return { id, caller: await world.token({ namePrefix: 'o' }) };
    },
    answers: absent,
  },
];

async function inDeletedSession(world: World): Promise<Made> {
  const id = await world.push('x');
  await world.owner.sessions.deleteSession({ session: theSession });
  return { id };
}

async function inEarlierSession(world: World): Promise<Made> {
  const made = await inDeletedSession(world);
  world.pass(31 * day);
  const other = await world.push('another');
  return { ...made, latest: other, numbered: other };
}

export const artifactStates: readonly ArtifactState[] = [
  ...whileThere,
  ...deletedAndExpired,
  ...ofExpiredSessions,
  ...outOfReach,
];
