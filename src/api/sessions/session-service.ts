import { Buffer } from 'node:buffer';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type DownloadManifestRequest,
  type DownloadManifestResponseSchema,
  Durability,
  type ListSessionsRequest,
  type OpenSessionRequest,
  type SessionService,
} from '../../../gen/artifacta/v1/session_service_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { parsePairs } from '../../domain/metadata.ts';
import { parseArtifactName, parseSessionId } from '../../domain/names.ts';
import type { Downloads } from '../../store/artifacts/downloads.ts';
import type { Comparison } from '../../store/queries/comparison.ts';
import type { Listing, SessionQuery } from '../../store/queries/listing.ts';
import type { Seals } from '../../store/sessions/seal.ts';
import type { SessionSpec, Sessions } from '../../store/sessions/sessions.ts';
import type { Archives } from '../archives/archives.ts';
import { parseSessionChanges } from '../changes.ts';
import type { Call, Handlers } from '../handlers.ts';
import { toExplanationMessage, toSessionMessage } from '../messages.ts';
import { parseOrder, parseOutcome, parsePageSize } from '../parse.ts';
import { parseLease, parseRetention } from '../retention.ts';
import { compareSessions } from './comparison.ts';
import { parseDurability, type Shipped, whenShipped } from './durability.ts';
import { type Watch, watchSession } from './watch.ts';

/** The parts of a store that SessionService uses. */
interface SessionParts {
  readonly sessions: Sessions;
  readonly seals: Seals;
  readonly listing: Listing;
  readonly comparison: Comparison;
  readonly downloads: Downloads;
  readonly watch: Watch;
}

/** Returns the methods of SessionService over the parts of a store. @param shipped what a seal can wait for, if anything. */
export function sessionHandlers(
  { sessions, seals, listing, comparison, downloads, watch }: SessionParts,
  archives: Archives,
  shipped: Shipped | undefined,
): Handlers<typeof SessionService> {
  return {
    openSession: async (request, call) => {
      const { session, created } = await sessions.open(call.principal, parseSessionSpec(request));
      return { session: toSessionMessage(session), created };
    },
    getSession: async (request, call) => ({
      session: toSessionMessage(
        await sessions.get(call.principal, parseSessionId('session', request.session)),
      ),
    }),
    listSessions: async (request, call) => {
      const page = await listing.sessions(call.principal, parseQuery(request));
      return {
        sessions: page.items.map(toSessionMessage),
        nextPageToken: page.nextPageToken,
        ...(request.explain ? { explanation: toExplanationMessage(page.explain()) } : {}),
      };
    },
    updateSession: async (request, call) => {
      const id = parseSessionId('session', request.session);
      const session = await sessions.update(call.principal, id, parseSessionChanges(request));
      return { session: toSessionMessage(session) };
    },
    sealSession: async (request, call) => {
      const id = parseSessionId('session', request.session);
      const outcome = parseOutcome('outcome', request.outcome);
      const waitsFor = parseDurability(request.durability, shipped);
      const sealed = await seals.seal(call.principal, id, outcome, {
        signal: call.signal,
        ...(request.etag === '' ? {} : { etag: request.etag }),
      });
      if (waitsFor !== undefined) await whenShipped(waitsFor, id, call);
      const durability = waitsFor === undefined ? Durability.LOCAL : Durability.SHIPPED;
      return { session: toSessionMessage(sealed.session), alreadySealed: sealed.alreadySealed, durability };
    },
    compareSessions: (request, call) => compareSessions(comparison, request, call),
    amendOutcome: async (request, call) => {
      const id = parseSessionId('session', request.session);
      const outcome = parseOutcome('outcome', request.outcome);
      if (outcome === 'abandoned') throw invalid('outcome', 'must be SUCCEEDED, FAILED or CANCELLED');
      const amendment = { outcome, etag: request.etag || undefined };
      return { session: toSessionMessage(await sessions.amend(call.principal, id, amendment)) };
    },
    deleteSession: async (request, call) => {
      const id = parseSessionId('session', request.session);
      return { deleted: await sessions.delete(call.principal, id, request.etag || undefined) };
    },
    watchSession: (request, call) => watchSession(watch, request, call),
    downloadManifest: (request, call) => downloadManifest(downloads, request, call),
    async *downloadArchive(request, call) {
      // Most processes make no zip files.
      const { downloadArchive } = await import('../archives/archive.ts');
      yield* downloadArchive({ listing, downloads }, archives, request, call);
    },
  };
}

function parseSessionSpec(request: OpenSessionRequest): SessionSpec {
  const outputs = request.expectedOutputs.map((name, at) =>
    parseArtifactName(`expected_outputs[${at}]`, name),
  );
  if (outputs.length > limits.expectedOutputsMax)
    throw invalid(
      'expected_outputs',
      `must have at most ${limits.expectedOutputsMax} names, not ${outputs.length}`,
    );
  return {
    id: parseSessionId('session', request.session),
    metadata: parsePairs('metadata', Object.entries(request.metadata)),
    labels: parsePairs('labels', Object.entries(request.labels)),
    expectedOutputs: [...new Set(outputs)].sort(byBytes),
    retention: request.retention && parseRetention('retention', request.retention),
    leaseMs: request.lease && parseLease('lease', request.lease),
  };
}

/** Compares texts by the bytes of their UTF-8, in the order of the index. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function parseQuery(request: ListSessionsRequest): SessionQuery {
  return {
    filter: request.filter,
    oldestFirst: parseOrder(request.order),
    pageSize: parsePageSize(request.pageSize),
    pageToken: request.pageToken,
  };
}

async function* downloadManifest(
  downloads: Downloads,
  request: DownloadManifestRequest,
  call: Call,
): AsyncIterable<MessageInitShape<typeof DownloadManifestResponseSchema>> {
  const id = parseSessionId('session', request.session);
  const { bytes } = await downloads.manifest(call.principal, id, call.signal);
  for await (const chunk of bytes) yield { chunk };
}
