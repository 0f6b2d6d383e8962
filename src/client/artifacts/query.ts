import type { ListArtifactsResponse } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { type Calls, unary } from '../wire/calls.ts';
import { type Explanation, explanationFrom } from '../wire/explanation.ts';
import { orderOf, type PageOptions, paged } from '../wire/pages.ts';
import { type Artifact, artifactFrom } from './artifact.ts';

/** The artifacts to find. Latest versions are selected first, then the filter applies. */
export interface ArtifactQuery extends PageOptions {
  /** Only the artifacts of this session. Default: all sessions. */
  readonly session?: string | undefined;
  /** E.g. `metadata.agent = "billing" AND create_time > now-7d`. Default: all. */
  readonly filter?: string | undefined;
  /** Include older versions; needs `session`. Default false. */
  readonly allVersions?: boolean | undefined;
  /** Only artifacts with this name; needs `session`. */
  readonly name?: string | undefined;
}

/** One page, and the other results that a query can have. */
export interface PageQuery extends Omit<ArtifactQuery, 'limit'> {
  /** The token of an earlier answer. Default: the first page. */
  readonly pageToken?: string | undefined;
  /** Return how the filter was understood too. Default false. */
  readonly explain?: boolean | undefined;
  /** With the first page, return the approximate number of all matches too. Default false. */
  readonly estimateTotal?: boolean | undefined;
  /** Return this number of first bytes of each artifact that is text too; at most 1,024. Default 0. */
  readonly previewBytes?: number | undefined;
}

/** A page of artifacts. It may be short, even empty, and have a successor. */
export interface ArtifactPage {
  readonly artifacts: readonly Artifact[];
  /** Empty: no further page exists. */
  readonly nextPageToken: string;
  readonly explanation: Explanation | undefined;
  /** Undefined if it was not requested, or could not be found within the budget of the call. */
  readonly approximateTotal: number | undefined;
  /** The previews by artifact id. */
  readonly previews: Readonly<Record<string, string>>;
}

/** Yields the artifacts that a query finds, page by page. @throws ArtifactaError. */
export function listArtifacts(calls: Calls, query: ArtifactQuery): AsyncGenerator<Artifact, void, void> {
  return paged(query, async (pageSize, pageToken) => {
    const { artifacts, nextPageToken } = await queryArtifacts(calls, { ...query, pageSize, pageToken });
    return { items: artifacts, nextPageToken };
  });
}

/** Makes one call of ListArtifacts. */
export async function queryArtifacts(calls: Calls, query: PageQuery): Promise<ArtifactPage> {
  const request = {
    session: query.session ?? '',
    filter: query.filter ?? '',
    order: orderOf(query),
    allVersions: query.allVersions ?? false,
    name: query.name ?? '',
    pageSize: query.pageSize ?? 0,
    pageToken: query.pageToken ?? '',
    explain: query.explain ?? false,
    estimateTotal: query.estimateTotal ?? false,
    previewBytes: query.previewBytes ?? 0,
  };
  return pageFrom(await unary(calls, query, (options) => calls.artifacts.listArtifacts(request, options)));
}

function pageFrom(answer: ListArtifactsResponse): ArtifactPage {
  return {
    artifacts: answer.artifacts.map(artifactFrom),
    nextPageToken: answer.nextPageToken,
    explanation: answer.explanation && explanationFrom(answer.explanation),
    approximateTotal: answer.approximateTotal === undefined ? undefined : Number(answer.approximateTotal),
    previews: answer.previews,
  };
}
