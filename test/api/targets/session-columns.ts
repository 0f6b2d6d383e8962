/** Every call that takes a session, and in what words it gives the answer that the phase of that decides. */
import { UsageBreakdown } from '../../../gen/artifacta/v1/namespace_pb.ts';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import type { Session } from '../../../gen/artifacta/v1/session_pb.ts';
import { text, uploadMessages } from '../../support/calls.ts';
import type { MadeSession, Phase } from './session-targets.ts';
import { type Caller, otherSession, theSession } from './world.ts';

/** What a call answers: a session, or something else that says what it did. */
type Seen = { readonly session?: Session | undefined; readonly said?: undefined } | { readonly said: string };

export interface SessionColumn {
  /** The method, and after a blank what of it. */
  readonly call: string;
  /** The fields of the request that name the target. */
  readonly fields: readonly string[];
  readonly changes: boolean;
  readonly run: (caller: Caller, made: MadeSession) => Promise<Seen>;
  /** What it says in a phase where others say something else, and why. */
  readonly words?: Readonly<Partial<Record<Phase, string>>>;
  readonly why?: string;
}

const session = theSession;
const found = { said: 'found' } as const;

/** What most calls say. */
export const answers: Readonly<Record<Phase, string>> = {
  open: 'found',
  sealed: 'found',
  lapsed: 'found',
  expired: 'found',
  gone: 'SESSION_NOT_FOUND',
  free: 'SESSION_NOT_FOUND',
  outside: 'SESSION_NOT_FOUND',
};

const noManifest = {
  words: { open: 'MANIFEST_NOT_FOUND', lapsed: 'SEAL_PENDING' },
  why: 'it is about the manifest, which an open session does not have, and a lapsed one only once that is written',
} as const;

const reads: SessionColumn[] = [
  {
    call: 'GetSession',
    fields: ['session'],
    changes: false,
    run: async ({ sessions }) => ({ session: (await sessions.getSession({ session })).session }),
  },
  {
    call: 'ListSessions',
    fields: [],
    changes: false,
    run: async ({ sessions }) => {
      const listed = (await sessions.listSessions({ filter: `session = "${session}"` })).sessions;
      return listed.length === 0 ? { said: 'not listed' } : { session: listed[0] };
    },
    words: { gone: 'not listed', free: 'not listed', outside: 'not listed' },
    why: 'a filter that matches nothing is no failure',
  },
  {
    call: 'WatchSession',
    fields: ['session'],
    changes: false,
    run: async ({ sessions }) => {
      for await (const { event } of sessions.watchSession({ session }))
        return event.case === 'heartbeat' ? { said: 'silence' } : found;
      return { said: 'nothing' };
    },
  },
  ...([true, false] as const).map(
    (isBase): SessionColumn => ({
      call: `CompareSessions ${isBase ? 'base' : 'compared'}`,
      fields: [isBase ? 'base_session' : 'session'],
      changes: false,
      run: async ({ sessions }) => {
        const pair = isBase ? [session, otherSession] : [otherSession, session];
        await sessions.compareSessions({ baseSession: pair[0]!, session: pair[1]! });
        return found;
      },
    }),
  ),
  {
    call: 'DownloadArchive',
    fields: ['session'],
    changes: false,
    run: async ({ sessions }) => {
      for await (const _chunk of sessions.downloadArchive({ session }));
      return found;
    },
  },
  {
    call: 'DownloadManifest',
    fields: ['session'],
    changes: false,
    run: async ({ sessions }) => {
      for await (const _chunk of sessions.downloadManifest({ session }));
      return found;
    },
    ...noManifest,
  },
  {
    call: 'ListArtifacts',
    fields: ['session'],
    changes: false,
    run: async ({ artifacts }) => {
      await artifacts.listArtifacts({ session });
      return found;
    },
  },
  {
    call: 'ListArtifacts name',
    fields: ['session'],
    changes: false,
    run: async ({ artifacts }) => {
      await artifacts.listArtifacts({ session, name: 'a' });
      return found;
    },
  },
  {
    call: 'ListArtifacts show_gone',
    fields: ['session'],
    changes: false,
    run: async ({ artifacts }) => {
      await artifacts.listArtifacts({ session, showGone: true });
      return found;
    },
    ...noManifest,
  },
  {
    call: 'ListShareLinks',
    fields: ['session'],
    changes: false,
    run: async ({ artifacts }) => {
      await artifacts.listShareLinks({ scope: { case: 'session', value: session } });
      return found;
    },
  },
  {
    call: 'GetUsage session',
    fields: ['session'],
    changes: false,
    run: async ({ admin, namespace }) => {
      await admin.getUsage({ namespace, breakdown: UsageBreakdown.SESSION, session });
      return found;
    },
    words: { outside: 'PERMISSION_DENIED' },
    why: 'it is for operators',
  },
];

const pushes = {
  words: {
    open: 'pushed',
    sealed: 'SESSION_SEALED',
    lapsed: 'SESSION_SEALED',
    expired: 'SESSION_GONE',
    gone: 'SESSION_GONE',
    free: 'pushed',
    outside: 'PERMISSION_DENIED',
  },
  why: 'a push needs an open session and opens one where there is none; what a token may not do is told of no session',
} as const;

const changes: SessionColumn[] = [
  {
    call: 'UpdateSession labels',
    fields: ['session'],
    changes: true,
    run: async ({ sessions }) => sessions.updateSession({ session, changes: { labels: { k: 'v' } } }),
  },
  {
    call: 'UpdateSession touch',
    fields: ['session'],
    changes: true,
    run: async ({ sessions }) => sessions.updateSession({ session, touch: true }),
    words: { lapsed: 'SESSION_SEALED' },
    why: 'a lease that has lapsed is not renewed; without one there is nothing to do',
  },
  {
    call: 'UpdateSession retention',
    fields: ['session'],
    changes: true,
    run: async ({ sessions }) =>
      sessions.updateSession({ session, changes: { retention: { failedTtl: { seconds: 77n, nanos: 0 } } } }),
    words: { sealed: 'SESSION_SEALED', lapsed: 'SESSION_SEALED', expired: 'SESSION_SEALED' },
    why: 'the retention is settled by the seal',
  },
  {
    call: 'SealSession',
    fields: ['session'],
    changes: true,
    run: async ({ sessions }, { outcome = SessionOutcome.SUCCEEDED }) =>
      sessions.sealSession({ session, outcome }),
  },
  {
    call: 'SealSession otherwise',
    fields: ['session'],
    changes: true,
    run: async ({ sessions }) => sessions.sealSession({ session, outcome: SessionOutcome.CANCELLED }),
    words: { sealed: 'OUTCOME_CONFLICT', lapsed: 'OUTCOME_CONFLICT', expired: 'OUTCOME_CONFLICT' },
    why: 'it has another outcome',
  },
  {
    call: 'AmendOutcome',
    fields: ['session'],
    changes: true,
    run: async ({ sessions }) => sessions.amendOutcome({ session, outcome: SessionOutcome.FAILED }),
    words: { open: 'OUTCOME_CONFLICT', sealed: 'OUTCOME_CONFLICT', expired: 'OUTCOME_CONFLICT' },
    why: 'only an abandoned one can be amended, before it has expired',
  },
  {
    call: 'DeleteSession',
    fields: ['session'],
    changes: true,
    run: async ({ sessions }) => ({
      said: (await sessions.deleteSession({ session })).deleted ? 'deleted' : 'nothing',
    }),
    words: {
      open: 'deleted',
      sealed: 'deleted',
      lapsed: 'deleted',
      expired: 'deleted',
      gone: 'nothing',
      free: 'nothing',
      outside: 'nothing',
    },
    why: 'deleting what is not there succeeds',
  },
  {
    call: 'OpenSession',
    fields: ['session'],
    changes: true,
    run: async ({ sessions }, { opened = {} }) => {
      const answer = await sessions.openSession({ session, ...opened });
      return answer.created ? { said: 'created' } : answer;
    },
    words: { expired: 'SESSION_GONE', gone: 'SESSION_GONE', free: 'created', outside: 'PERMISSION_DENIED' },
    why: 'as a push: what is over cannot be had again, and what a token may not do is told of no session',
  },
  {
    call: 'CreateArtifact',
    fields: ['spec.session'],
    changes: true,
    run: async ({ artifacts }) => {
      const content = { case: 'data', value: text('pushed') } as const;
      await artifacts.createArtifact({ spec: { session, name: 'pushed' }, content });
      return { said: 'pushed' };
    },
    ...pushes,
  },
  {
    call: 'UploadArtifact',
    fields: ['start.spec.session'],
    changes: true,
    run: async ({ artifacts }) => {
      await artifacts.uploadArtifact(uploadMessages({ session, name: 'pushed' }, text('pushed')));
      return { said: 'pushed' };
    },
    ...pushes,
  },
  {
    call: 'RevokeShareLinks',
    fields: ['session'],
    changes: true,
    run: async ({ artifacts }) => {
      await artifacts.revokeShareLinks({ target: { case: 'session', value: session } });
      return found;
    },
  },
];

export const sessionColumns: readonly SessionColumn[] = [...reads, ...changes];
