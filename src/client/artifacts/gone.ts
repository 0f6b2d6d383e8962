import type { GoneArtifact as GoneMessage } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { type Calls, unary } from '../wire/calls.ts';
import { orderOf, type PageOptions, paged } from '../wire/pages.ts';
import { type Artifact, artifactFrom } from './artifact.ts';

/** A line of a sealed session's manifest whose artifact has expired or was deleted. */
export interface GoneArtifact {
  readonly gone: true;
  readonly session: string;
  readonly name: string;
  readonly version: number;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly contentType: string;
}

/** The artifacts of a sealed session to list. */
export interface GoneQuery extends PageOptions {
  /** Include older versions. Default false. Artifacts that are gone are shown in all their versions either way. */
  readonly allVersions?: boolean | undefined;
}

/**
 * Yields the artifacts of a sealed session, and after them those in its manifest that are gone, in the manifest's
 * order.
 */
export function listWithGone(
  calls: Calls,
  session: string,
  query: GoneQuery,
): AsyncGenerator<Artifact | GoneArtifact, void, void> {
  return paged<Artifact | GoneArtifact>(query, async (pageSize, pageToken) => {
    const request = {
      session,
      order: orderOf(query),
      allVersions: query.allVersions ?? false,
      showGone: true,
      pageSize,
      pageToken,
    };
    const answer = await unary(calls, query, (options) => calls.artifacts.listArtifacts(request, options));
    const items = [
      ...answer.artifacts.map(artifactFrom),
      ...answer.gone.map((one) => goneFrom(session, one)),
    ];
    return { items, nextPageToken: answer.nextPageToken };
  });
}

function goneFrom(session: string, message: GoneMessage): GoneArtifact {
  return {
    gone: true,
    session,
    name: message.name,
    version: Number(message.version),
    sha256: message.sha256,
    sizeBytes: Number(message.sizeBytes),
    contentType: message.contentType,
  };
}
