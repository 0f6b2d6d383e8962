/** ListArtifacts by the raw client: asked, received and decoded. */
import { Buffer } from 'node:buffer';
import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ListArtifactsRequestSchema,
  type ListArtifactsResponse,
  ListArtifactsResponseSchema,
} from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { recentSince, steadyAgents, steadyType } from '../stores/shape.ts';
import { frame } from './frames.ts';
import type { RawClient } from './raw-client.ts';

type ListRequest = MessageInitShape<typeof ListArtifactsRequestSchema>;

const listPath = '/artifacta.v1.ArtifactService/ListArtifacts';

/** The newest of a query, as many as people ask for. */
export const pageSize = 100;

/** Two equalities and a time range, of which every store holds as much, one filter for each steady agent. */
export const steadyFilters: readonly string[] = steadyAgents.map(
  (agent) =>
    `metadata.agent = "${agent}" AND content_type = "${steadyType}" AND create_time > "${recentSince}"`,
);

interface Answer {
  readonly page: ListArtifactsResponse;
  /** From the call to the decoded answer. */
  readonly millis: number;
}

/** One call. A control's answer is empty. */
export async function list(client: RawClient, request: ListRequest): Promise<Answer> {
  const framed = frame(ListArtifactsRequestSchema, request);
  const parts: Buffer[] = [];
  const startedMs = performance.now();
  await client.download(listPath, framed, (part) => parts.push(part));
  const body = Buffer.concat(parts);
  if (body[0] !== 0 || body.length !== 5 + body.readUInt32BE(1))
    throw new Error('not one plain gRPC message');
  const page = fromBinary(ListArtifactsResponseSchema, body.subarray(5));
  return { page, millis: performance.now() - startedMs };
}

/** How much of the index a call touched. */
export interface Touched {
  /** Entries of lists, and point lookups. */
  readonly keys: number;
  readonly records: number;
  /** What a call may touch, keys and records together. */
  readonly budget: number;
  readonly driver: string;
}

/** What a page says about how it was answered. @throws Error if it was not asked for that. */
export function touchedBy({ explanation }: ListArtifactsResponse): Touched {
  if (explanation === undefined) throw new Error('the answer has no explanation');
  const { entriesRead, probes, recordsRead, budget, driver } = explanation;
  return {
    keys: Number(entriesRead + probes),
    records: Number(recordsRead),
    budget: Number(budget),
    driver,
  };
}

/** The pages of a list, at most so many. */
export async function* pages(
  client: RawClient,
  request: ListRequest,
  pagesMax: number,
): AsyncGenerator<Answer> {
  let pageToken = '';
  for (let at = 0; at < pagesMax; at++) {
    const answer = await list(client, { ...request, pageToken });
    yield answer;
    pageToken = answer.page.nextPageToken;
    if (pageToken === '') return;
  }
}

/** Asks the filters in turn, one call after another. @returns the milliseconds of each. */
export async function askSteadily(client: RawClient, count: number): Promise<number[]> {
  const millis: number[] = [];
  for (let at = 0; at < count; at++) {
    const filter = steadyFilters[at % steadyFilters.length]!;
    millis.push((await list(client, { filter, pageSize })).millis);
  }
  return millis;
}

/** @throws Error unless each of the steady filters finds a whole page. */
export async function checkSteadily(client: RawClient): Promise<readonly Touched[]> {
  const all: Touched[] = [];
  for (const filter of steadyFilters) {
    const { page } = await list(client, { filter, pageSize, explain: true });
    const wrong = page.artifacts.find(({ contentType }) => contentType !== steadyType);
    if (page.artifacts.length !== pageSize || wrong !== undefined)
      throw new Error(`${filter}: found ${page.artifacts.length} artifacts, or others than those`);
    all.push(touchedBy(page));
  }
  return all;
}
