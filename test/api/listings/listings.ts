/** Every call that answers by pages, in one form. A new one belongs here: each test over this table then holds it. */
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { LineageDirection } from '../../../gen/artifacta/v1/lineage_pb.ts';
import { UsageBreakdown } from '../../../gen/artifacta/v1/namespace_pb.ts';
import { ListOrder } from '../../../gen/artifacta/v1/query_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';

export interface Clients {
  readonly artifacts: Client<typeof ArtifactService>;
  readonly sessions: Client<typeof SessionService>;
  readonly admin: Client<typeof AdminService>;
}

export function clientsOver(transport: Transport): Clients {
  return {
    artifacts: createClient(ArtifactService, transport),
    sessions: createClient(SessionService, transport),
    admin: createClient(AdminService, transport),
  };
}

/** A page, with each item as a text that says all that matters of it. */
interface Listed {
  readonly items: readonly string[];
  readonly next: string;
}

export interface Listing {
  readonly what: string;
  /** The field of the request with the token. */
  readonly field: string;
  page(clients: Clients, pageSize: number, pageToken: string): Promise<Listed>;
}

/** The names in a store to which the listings belong. */
interface Names {
  readonly nameOf: (id: string) => string;
  readonly start: string;
}

/** Every listing of a store that `world.ts` has filled. */
export function listings({ nameOf, start }: Names): Listing[] {
  return [
    ...artifactListings(nameOf),
    ...sessionListings(),
    ...lineages(nameOf, start),
    ...comparisons(nameOf),
    ...links(nameOf, start),
    ...usages(),
    ...operators(nameOf),
    ...readings(),
  ];
}

type NameOf = Names['nameOf'];

function artifactListings(nameOf: NameOf): Listing[] {
  const asked = {
    'all artifacts': {},
    'all artifacts, oldest first': { order: ListOrder.OLDEST_FIRST },
    'artifacts by type': { filter: 'content_type = "text/plain"' },
    'artifacts by metadata': { filter: 'metadata.agent = "billing" AND metadata.attempt = "2"' },
    'artifacts by either': { filter: 'metadata.agent = "billing" OR session = "run-3"' },
    'artifacts by outcome': { filter: 'session.outcome = "FAILED" AND NOT metadata.attempt = "1"' },
    'artifacts by time': { filter: 'create_time > now-1h AND size_bytes > 5' },
    'a session': { session: 'run-2' },
    'a session with previews': { session: 'run-2', previewBytes: 100 },
    'a wide session': { session: 'wide' },
    'all versions': { session: 'run-4', allVersions: true },
    'all versions, oldest first': { session: 'run-5', allVersions: true, order: ListOrder.OLDEST_FIRST },
    'all versions of a wide session': { session: 'wide', allVersions: true },
    'versions by metadata': { session: 'run-4', allVersions: true, filter: 'metadata.agent = "support"' },
    'versions of a name': { session: 'run-6', name: 'n1', allVersions: true },
    'the latest of a name': { session: 'run-6', name: 'n1' },
    'gone ones': { session: 'run-4', showGone: true },
    'gone ones of all versions': { session: 'run-3', showGone: true, allVersions: true },
  };
  const shown = (
    previews: Readonly<Record<string, string>>,
    { id, sizeBytes, latest, expireTime }: Artifact,
  ) => `${nameOf(id)} ${sizeBytes} ${latest} ${expireTime?.seconds ?? '-'} ${previews[id]?.length ?? ''}`;
  return Object.entries(asked).map(([what, request]) => ({
    what,
    field: 'page_token',
    page: async ({ artifacts }, pageSize, pageToken) => {
      const answer = await artifacts.listArtifacts({ ...request, pageSize, pageToken });
      const gone = answer.gone.map(({ name, version }) => `gone ${name} ${version}`);
      const items = answer.artifacts.map((one) => shown(answer.previews, one));
      return { items: [...items, ...gone], next: answer.nextPageToken };
    },
  }));
}

function sessionListings(): Listing[] {
  const asked = {
    'all sessions': {},
    'all sessions, oldest first': { order: ListOrder.OLDEST_FIRST },
    'sessions by outcome': { filter: 'session.outcome = "SUCCEEDED"' },
    'sessions by metadata': { filter: 'metadata.agent = "support" OR session.state = "OPEN"' },
  };
  return Object.entries(asked).map(([what, request]) => ({
    what,
    field: 'page_token',
    page: async ({ sessions }, pageSize, pageToken) => {
      const answer = await sessions.listSessions({ ...request, pageSize, pageToken });
      const items = answer.sessions.map(({ id, state, outcome }) => `${id} ${state} ${outcome}`);
      return { items, next: answer.nextPageToken };
    },
  }));
}

function lineages(nameOf: NameOf, start: string): Listing[] {
  const { INPUTS, DERIVED } = LineageDirection;
  const asked: [string, LineageDirection, number][] = [
    ['inputs', INPUTS, 2],
    ['derived', DERIVED, 1],
    ['derived of derived', DERIVED, 2],
    ['derived, deep', DERIVED, 6],
  ];
  return asked.map(([what, direction, depth]) => ({
    what,
    field: 'page_token',
    page: async ({ artifacts }, pageSize, pageToken) => {
      const artifact = { by: { case: 'id' as const, value: start } };
      const answer = await artifacts.listLineage({ artifact, direction, depth, pageSize, pageToken });
      const items = answer.edges.map(
        (edge) => `${edge.depth} ${nameOf(edge.derivedId)} ${nameOf(edge.inputId)} ${edge.artifact?.latest}`,
      );
      return { items, next: answer.nextPageToken };
    },
  }));
}

function comparisons(nameOf: NameOf): Listing[] {
  const asked = {
    differences: { baseSession: 'base', session: 'compared' },
    'differences the other way': { baseSession: 'compared', session: 'base' },
    'all names of two': { baseSession: 'base', session: 'compared', showUnchanged: true },
    'differences of wide ones': { baseSession: 'base', session: 'wide' },
  };
  return Object.entries(asked).map(([what, request]) => ({
    what,
    field: 'page_token',
    page: async ({ sessions }, pageSize, pageToken) => {
      const answer = await sessions.compareSessions({ ...request, pageSize, pageToken });
      const id = (one: Artifact | undefined) => (one === undefined ? '-' : nameOf(one.id));
      const items = answer.differences.map(
        ({ name, kind, base, compared }) => `${name} ${kind} ${id(base)} ${id(compared)}`,
      );
      return { items, next: answer.nextPageToken };
    },
  }));
}

function links(nameOf: NameOf, start: string): Listing[] {
  const asked = {
    links: {},
    'ended links': { showEnded: true },
    'links of a session': { scope: { case: 'session' as const, value: 'run-1' }, showEnded: true },
    'links of an artifact': {
      scope: { case: 'artifact' as const, value: { by: { case: 'id' as const, value: start } } },
      showEnded: true,
    },
  };
  return Object.entries(asked).map(([what, request]) => ({
    what,
    field: 'page_token',
    page: async ({ artifacts }, pageSize, pageToken) => {
      const answer = await artifacts.listShareLinks({ ...request, pageSize, pageToken });
      return { items: answer.shareLinks.map(({ id }) => nameOf(id)), next: answer.nextPageToken };
    },
  }));
}

/** The number of items in a page of these is the service's own. */
function usages(): Listing[] {
  const { NAMESPACE, SESSION, METADATA } = UsageBreakdown;
  const asked = {
    'usage of a namespace': { breakdown: NAMESPACE },
    'usage of a session': { breakdown: SESSION, session: 'wide' },
    'usage by metadata': { breakdown: METADATA, metadataKey: 'k0' },
  };
  return Object.entries(asked).map(([what, request]) => ({
    what,
    field: 'page_token',
    page: async ({ admin }, _pageSize, pageToken) => {
      const answer = await admin.getUsage({ namespace: 'default', ...request, pageToken });
      const items = answer.parts.map(
        ({ value, artifactCount, sizeBytes }) => `${value.slice(0, 9)} ${artifactCount} ${sizeBytes}`,
      );
      return { items, next: answer.nextPageToken };
    },
  }));
}

function operators(nameOf: NameOf): Listing[] {
  const field = 'page_token';
  return [
    {
      what: 'namespaces',
      field,
      page: async ({ admin }, pageSize, pageToken) => {
        const answer = await admin.listNamespaces({ pageSize, pageToken });
        return { items: answer.namespaces.map(({ id }) => id), next: answer.nextPageToken };
      },
    },
    ...[false, true].map(
      (showEnded): Listing => ({
        what: showEnded ? 'ended keys of a namespace' : 'keys',
        field,
        page: async ({ admin }, pageSize, pageToken) => {
          const namespace = showEnded ? 'team-a' : '';
          const answer = await admin.listApiKeys({ namespace, showEnded, pageSize, pageToken });
          return { items: answer.apiKeys.map(({ description }) => description), next: answer.nextPageToken };
        },
      }),
    ),
    ...['', 'default'].map(
      (namespace): Listing => ({
        what: namespace === '' ? 'quarantined' : 'quarantined of a namespace',
        field,
        page: async ({ admin }, pageSize, pageToken) => {
          const answer = await admin.listQuarantined({ namespace, pageSize, pageToken });
          const items = answer.contents.map(
            ({ sha256, artifactCount, artifactIds }) =>
              `${sha256} ${artifactCount} ${artifactIds.map(nameOf)}`,
          );
          return { items, next: answer.nextPageToken };
        },
      }),
    ),
    {
      what: 'a retention to apply',
      field,
      page: async ({ admin }, pageSize, pageToken) => {
        const retention = { succeededTtl: { seconds: 3_600n }, failedTtl: { seconds: 7_200n } };
        const answer = await admin.applyRetentionPolicy({
          namespace: 'default',
          validateOnly: true,
          retention,
          pageSize,
          pageToken,
        });
        const items = answer.changes.map(
          ({ session, newExpireTime }) => `${session} ${newExpireTime?.seconds ?? '-'}`,
        );
        return { items: [...items, `of ${answer.sessionCount}`], next: answer.nextPageToken };
      },
    },
  ];
}

/** The size of a page is that of a piece, in lines of about that many items. */
function readings(): Listing[] {
  const windows = {
    'bytes of a content': { case: 'bytes' as const, value: {} },
    'lines of a content': { case: 'lines' as const, value: {} },
    'matches in a content': { case: 'grep' as const, value: { pattern: '7' } },
  };
  return Object.entries(windows).map(([what, window]) => ({
    what,
    field: 'cursor',
    page: async ({ artifacts }, pageSize, cursor) => {
      const artifact = {
        by: { case: 'name' as const, value: { session: 'run-2', name: 'text' } },
      };
      const answer = await artifacts.readArtifact({ artifact, window, maxBytes: pageSize * 30, cursor });
      const { value = '' } = answer.content;
      return {
        items: [typeof value === 'string' ? value : Buffer.from(value).toString()],
        next: answer.nextCursor,
      };
    },
  }));
}
