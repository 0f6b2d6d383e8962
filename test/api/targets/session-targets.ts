/** Sessions in every state. What each call says of one follows from its phase; see the columns. */
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import {
  type Caller,
  day,
  expiringAfter,
  hour,
  type Opened,
  otherSession,
  theSession,
  type World,
} from './world.ts';

/**
 * What a session is to a caller.
 *
 * - open, sealed: what it says.
 * - lapsed: sealed by its lease, which nobody has written down.
 * - expired: its time has come, and something of it survives or may.
 * - gone: deleted, or expired with nothing left; its id is taken.
 * - free: there is none, and its id may be used.
 * - outside: not for this caller, whatever there is.
 */
export type Phase = 'open' | 'sealed' | 'lapsed' | 'expired' | 'gone' | 'free' | 'outside';

/** What a state has brought about. */
export interface MadeSession {
  /** Absent: there is none that the caller may see. */
  readonly uid?: string;
  /** How it ended. Default SUCCEEDED. */
  readonly outcome?: SessionOutcome;
  /** What opening it again says. Default: nothing. */
  readonly opened?: Opened;
  /** Default: the owner. */
  readonly caller?: Caller;
  /** Milliseconds since the Unix epoch; of one that has lapsed. */
  readonly lapse?: number;
}

export interface SessionState {
  readonly what: string;
  readonly phase: Phase;
  readonly make: (world: World) => Promise<MadeSession>;
  /** Where a call answers otherwise than the phase says, and why. */
  readonly but?: Readonly<Record<string, readonly [answer: string, why: string]>>;
}

type Make = SessionState['make'];

const { SUCCEEDED, ABANDONED } = SessionOutcome;
const lease = { seconds: 60n, nanos: 0 };

/** A state before and after the reaper, which makes no difference. */
function both(
  what: string,
  phase: Phase,
  make: Make,
  but?: NonNullable<SessionState['but']>,
  afterwards: NonNullable<SessionState['but']> | undefined = but,
): SessionState[] {
  const after: Make = async (world) => {
    const made = await make(world);
    await world.reap();
    return made;
  };
  return [
    { what, phase, make, ...(but === undefined ? {} : { but }) },
    {
      what: `${what}, after the reaper`,
      phase,
      make: after,
      ...(afterwards === undefined ? {} : { but: afterwards }),
    },
  ];
}

/** One that was opened so, with an artifact without an expiry, and sealed. */
async function sealed(
  world: World,
  opened: Opened = {},
  outcome: SessionOutcome = SUCCEEDED,
): Promise<MadeSession> {
  const { uid } = await world.open(opened);
  await world.push('x');
  await world.seal(outcome);
  return { uid, outcome, opened };
}

/** One that has expired. @returns also the ids of what has an expiry of its own, a month away. */
async function expired(
  world: World,
  { survivors = 0, outcome = SUCCEEDED }: { survivors?: number; outcome?: SessionOutcome } = {},
) {
  const opened = expiringAfter(hour);
  const { uid } = await world.open(opened);
  await world.push('x', { name: 'goes' });
  const ids: string[] = [];
  for (let at = 0; at < survivors; at++)
    ids.push(await world.push('y', { name: `survivor-${at}`, ttlMs: 30 * day }));
  await world.seal(outcome);
  world.pass(2 * hour);
  return { made: { uid, outcome, opened } satisfies MadeSession, ids };
}

const there: SessionState[] = [
  {
    what: 'opened by a push',
    phase: 'open',
    make: async (world) => {
      await world.push('x');
      const { session } = await world.owner.sessions.getSession({ session: theSession });
      return { uid: session!.uid };
    },
  },
  {
    what: 'open, with a lease',
    phase: 'open',
    make: async (world) => {
      const { uid } = await world.open({ lease });
      await world.push('x');
      return { uid, opened: { lease } };
    },
  },
  { what: 'sealed', phase: 'sealed', make: (world) => sealed(world) },
  { what: 'sealed, to expire later', phase: 'sealed', make: (world) => sealed(world, expiringAfter(day)) },
  {
    what: 'sealed as abandoned',
    phase: 'sealed',
    make: (world) => sealed(world, {}, ABANDONED),
    but: { AmendOutcome: ['found', 'an abandoned one may be amended, once'] },
  },
  {
    what: 'lapsed',
    phase: 'lapsed',
    make: async (world) => {
      const { uid } = await world.open({ lease });
      await world.push('x');
      const lapse = world.now + 60_000;
      world.pass(hour);
      return { uid, outcome: ABANDONED, opened: { lease }, lapse };
    },
  },
  {
    what: 'with a token of its own',
    phase: 'sealed',
    make: async (world) => ({
      ...(await sealed(world)),
      caller: await world.token({ sessions: [theSession, otherSession] }),
    }),
    but: { 'GetUsage session': ['PERMISSION_DENIED', 'it is for operators'] },
  },
];

/** The later of two that have had one id. */
async function second(world: World, first: (world: World) => Promise<unknown>): Promise<MadeSession> {
  await first(world);
  world.pass(32 * day);
  const { uid } = await world.open();
  await world.push('x');
  return { uid };
}

const later: SessionState[] = [
  ...both('open, under the id of one that was deleted', 'open', (world) => second(world, deleted)),
  ...both('open, under the id of one that has expired', 'open', (world) => second(world, expired)),
];

const pendingManifest = {
  DownloadManifest: ['SEAL_PENDING', 'nobody has computed the manifest yet'],
  'ListArtifacts show_gone': ['SEAL_PENDING', 'nobody has computed the manifest yet'],
} as const;

const lapsedLease = {
  'UpdateSession touch': ['SESSION_SEALED', 'a lease that has lapsed is not renewed'],
} as const;

const expiredOnes: SessionState[] = [
  ...both(
    'expired, with a survivor',
    'expired',
    async (world) => (await expired(world, { survivors: 1 })).made,
  ),
  ...both(
    'expired after it was abandoned, with a survivor',
    'expired',
    async (world) => (await expired(world, { survivors: 1, outcome: ABANDONED })).made,
  ),
  ...both('expired, one survivor of two deleted', 'expired', async (world) => {
    const { made, ids } = await expired(world, { survivors: 2 });
    await world.remove(ids[0]!);
    return made;
  }),
  ...both('expired, with a survivor whose expiry a later push of it moved', 'expired', async (world) => {
    const opened = expiringAfter(hour);
    const { uid } = await world.open(opened);
    for (const ttlMs of [hour, 30 * day]) await world.push('x', { ttlMs });
    await world.seal();
    world.pass(2 * hour);
    return { uid, opened };
  }),
  ...both('expired, with something held', 'expired', heldOne, {
    DeleteSession: ['ARTIFACT_HELD', 'a hold forbids it'],
  }),
  // Its bound is what any expiry ever was: nothing is there, and it is, whether or not the reaper has been.
  ...both('expired and empty, one with a later expiry deleted before', 'expired', async (world) => {
    const opened = expiringAfter(hour);
    const { uid } = await world.open(opened);
    await world.remove(await world.push('x', { ttlMs: 30 * day }));
    await world.seal();
    world.pass(2 * hour);
    return { uid, opened };
  }),
  ...both('expired and empty, a later expiry shortened before', 'expired', async (world) => {
    const opened = expiringAfter(hour);
    const { uid } = await world.open(opened);
    await world.limit(await world.push('x', { ttlMs: 30 * day }), hour);
    await world.seal();
    world.pass(2 * hour);
    return { uid, opened };
  }),
  ...both(
    'lapsed and expired since, with a survivor',
    'expired',
    lapsedAndExpired,
    { ...pendingManifest, ...lapsedLease },
    lapsedLease,
  ),
];

async function heldOne(world: World): Promise<MadeSession> {
  const opened = expiringAfter(hour);
  const { uid } = await world.open(opened);
  await world.hold(await world.push('x'));
  await world.seal();
  world.pass(2 * hour);
  return { uid, opened };
}

async function lapsedAndExpired(world: World): Promise<MadeSession> {
  const opened = { ...expiringAfter(hour), lease };
  const { uid } = await world.open(opened);
  await world.push('x', { ttlMs: 30 * day });
  world.pass(2 * hour);
  return { uid, outcome: ABANDONED, opened };
}

const nothing = async () => ({});

/** What makes a session, without telling of it. */
function silently(make: (world: World) => Promise<unknown>): Make {
  return async (world) => {
    await make(world);
    return {};
  };
}

async function deleted(world: World): Promise<void> {
  await world.push('x');
  await world.owner.sessions.deleteSession({ session: theSession });
}

const goneOnes: SessionState[] = [
  ...both('expired', 'gone', silently(expired)),
  ...both(
    'lapsed and expired since',
    'gone',
    silently(async (world) => {
      await world.open({ ...expiringAfter(hour), lease });
      await world.push('x');
      world.pass(2 * hour);
    }),
  ),
  ...both(
    'expired, its last survivor deleted',
    'gone',
    silently(async (world) => {
      const { ids } = await expired(world, { survivors: 1 });
      await world.remove(ids[0]!);
    }),
  ),
  ...both(
    'expired a month ago, its last survivor deleted since',
    'gone',
    silently(async (world) => {
      const { ids } = await expired(world, { survivors: 1 });
      world.pass(20 * day);
      await world.remove(ids[0]!);
      world.pass(15 * day);
    }),
  ),
  ...both(
    'expired, its last two survivors deleted',
    'gone',
    silently(async (world) => {
      const { ids } = await expired(world, { survivors: 2 });
      for (const id of ids) await world.remove(id);
    }),
  ),
  ...both(
    'expired, and its last survivor since',
    'gone',
    silently(async (world) => {
      await expired(world, { survivors: 1 });
      world.pass(31 * day);
    }),
  ),
  ...both(
    'expired, the expiry of its survivor shortened and past since',
    'gone',
    silently(async (world) => {
      const { ids } = await expired(world, { survivors: 1 });
      await world.limit(ids[0]!, hour);
      world.pass(2 * hour);
    }),
  ),
  ...both(
    'expired, its last hold released',
    'gone',
    silently(async (world) => {
      const opened = expiringAfter(hour);
      await world.open(opened);
      const id = await world.push('x');
      await world.hold(id);
      await world.seal();
      world.pass(2 * hour);
      await world.hold(id, false);
    }),
  ),
  ...both('deleted', 'gone', silently(deleted)),
  ...both(
    'expired and deleted, with a survivor',
    'gone',
    silently(async (world) => {
      await expired(world, { survivors: 1 });
      await world.owner.sessions.deleteSession({ session: theSession });
    }),
  ),
];

const freeOnes: SessionState[] = [
  { what: 'never opened', phase: 'free', make: nothing },
  ...both(
    'deleted a month ago',
    'free',
    silently(async (world) => {
      await deleted(world);
      world.pass(31 * day);
    }),
  ),
  ...both(
    'expired a month ago',
    'free',
    silently(async (world) => {
      await expired(world);
      world.pass(31 * day);
    }),
  ),
  {
    what: 'in another namespace',
    phase: 'free',
    make: silently(async (world) => world.push('x', { as: await world.elsewhere() })),
  },
];

/** For a token of another session, whatever there is. */
const outsideOnes: SessionState[] = (
  [
    ['open', async (world) => world.push('x')],
    ['sealed', sealed],
    ['expired, with a survivor', async (world) => expired(world, { survivors: 1 })],
    ['deleted', deleted],
    ['never opened', async () => undefined],
  ] satisfies [string, (world: World) => Promise<unknown>][]
).map(([what, make]) => ({
  what: `${what}, with a token of another session`,
  phase: 'outside',
  make: async (world) => {
    await make(world);
    return { caller: await world.token({ sessions: [otherSession] }) };
  },
}));

export const sessionStates: readonly SessionState[] = [
  ...there,
  ...later,
  ...expiredOnes,
  ...goneOnes,
  ...freeOnes,
  ...outsideOnes,
];
