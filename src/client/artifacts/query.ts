import type { ListArtifactsResponse } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { ListOrder, type QueryExplanation } from '../../../gen/artifacta/v1/query_pb.ts';
import type { SessionQuery } from '../sessions/sessions.ts';
import { type Calls, unary } from '../wire/calls.ts';
import { type Artifact, artifactFrom } from './artifact.ts';
import type { ArtifactQuery } from './artifacts.ts';

/** How a filter was understood and what it took to answer; its texts are for people. */
export interface Explanation {
  /** With every parenthesis and every time written out. Empty: no filter. */
  readonly filter: string;
  /** The list that was walked. */
  readonly driver: string;
  /** What was tested for each entry of it. */
  readonly tests: readonly string[];
  readonly entriesRead: number;
  readonly probes: number;
  readonly recordsRead: number;
  /** How many of these three together a call may touch. */
  readonly budget: number;
}

/** One page, and what else a query can tell. */
export interface PageQuery extends Omit<ArtifactQuery, 'limit'> {
  /** An earlier answer's. Default: the first page. */
  readonly pageToken?: string | undefined;
  /** Also how the filter was understood. Default false. */
  readonly explain?: boolean | undefined;
  /** With the first page, also about how many match in all. Default false. */
  readonly estimateTotal?: boolean | undefined;
  /** Also the first so many bytes of each artifact that is text; at most 1,024. Default 0. */
  readonly previewBytes?: number | undefined;
}

/** A page of artifacts. It may be short, even empty, and have a successor. */
export interface ArtifactPage {
  readonly artifacts: readonly Artifact[];
  /** Empty: there is no further page. */
  readonly nextPageToken: string;
  readonly explanation: Explanation | undefined;
  /** Undefined if it was not asked for, or could not be told within the budget of the call. */
  readonly approximateTotal: number | undefined;
  /** By artifact id. */
  readonly previews: Readonly<Record<string, string>>;
}

/** One call of ListArtifacts. */
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

/** How a query over sessions is understood: its first page, without the sessions. */
export async function explainSessions(calls: Calls, query: SessionQuery): Promise<Explanation> {
  const request = { filter: query.filter ?? '', order: orderOf(query), explain: true };
  const answer = await unary(calls, query, (options) => calls.sessions.listSessions(request, options));
  return explanationFrom(answer.explanation!);
}

function orderOf({ order }: Pick<ArtifactQuery, 'order'>): ListOrder {
  return order === 'oldest' ? ListOrder.OLDEST_FIRST : ListOrder.NEWEST_FIRST;
}

function explanationFrom(explanation: QueryExplanation): Explanation {
  return {
    filter: explanation.filter,
    driver: explanation.driver,
    tests: explanation.tests,
    entriesRead: Number(explanation.entriesRead),
    probes: Number(explanation.probes),
    recordsRead: Number(explanation.recordsRead),
    budget: Number(explanation.budget),
  };
}
