/** Queries to ours and to PostgreSQL by one load generator: asked, received, decoded. */
import { performance } from 'node:perf_hooks';
import { artifactId } from '../../src/domain/ids.ts';
import { list } from '../harness/lists.ts';
import type { RawClient } from '../harness/raw-client.ts';
import { median, quantile } from '../harness/statistics.ts';
import type { Series } from '../harness/target.ts';
import { Random, Zipf } from '../stores/random.ts';
import * as shape from '../stores/shape.ts';
import type { Query, Schema, Statement } from './schemas.ts';

const pageSize = 100;

/** How a system is asked. @returns the ids that it finds, newest first. */
export type Asker = (query: Query) => Promise<readonly string[]>;

/** The queries of P7, one for each steady agent: every store has as much for them. */
export const steadyQueries: readonly Query[] = shape.steadyAgents.map((value) => ({
  key: 'agent',
  value,
  contentType: shape.steadyType,
  afterMs: shape.anchorMs - shape.recentMs,
  limit: pageSize,
}));

const keys = { agent: shape.agents, pipeline: shape.pipelines, model: shape.models };

/**
 * Queries for seven days somewhere in the time of a store, with a key of three, and a value and a type that come up as
 * often as the store has them, so that the artifacts that they find are spread over all of it.
 */
export function* zipfQueries(): Generator<Query, never> {
  const random = new Random('queries');
  const names = new Zipf(Object.keys(keys) as (keyof typeof keys)[], 1);
  for (;;) {
    const key = names.draw(random);
    const endMs = shape.anchorMs - random.below(shape.spanMs - shape.recentMs);
    yield {
      key,
      value: keys[key].draw(random),
      contentType: shape.types.draw(random).type,
      afterMs: endMs - shape.recentMs,
      beforeMs: endMs,
      limit: pageSize,
    };
  }
}

/** Through gRPC, every page decoded; a page that ends early, because its budget is used up, is gone on from. */
export function askingOurs(client: RawClient): Asker {
  return async (query) => {
    const time = (ms: number) => new Date(ms).toISOString();
    const filter = [
      `metadata.${query.key} = "${query.value}"`,
      `content_type = "${query.contentType}"`,
      `create_time > "${time(query.afterMs)}"`,
      ...(query.beforeMs === undefined ? [] : [`create_time < "${time(query.beforeMs)}"`]),
    ].join(' AND ');
    const ids: string[] = [];
    let pageToken = '';
    do {
      const { page } = await list(client, { filter, pageSize: query.limit, pageToken });
      ids.push(...page.artifacts.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && ids.length < query.limit);
    return ids.slice(0, query.limit);
  };
}

/** By prepared statements on one connection. */
export function askingPostgres(
  ask: (statement: Statement) => Promise<{ readonly rows: readonly { readonly id: string }[] }>,
  schema: Schema,
): Asker {
  return async (query) => (await ask(schema.newest(query))).rows.map(({ id }) => id);
}

/** The id of ours that has the bytes of a UUID. */
export function idOf(uuid: string): string {
  return artifactId(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}

/** A turn of one system. */
export interface Asked {
  readonly millis: readonly number[];
  /** Processor time of the server for a query, in milliseconds. */
  readonly cpuMs: number;
  readonly found: number;
}

/** One query after another. `see` gets the ids of each, outside the time that is measured. */
export async function askTurn(
  server: { cpuSeconds(): number },
  ask: Asker,
  queries: Iterable<Query>,
  see: (ids: readonly string[]) => void = () => {},
): Promise<Asked> {
  const millis: number[] = [];
  let found = 0;
  const cpuBefore = server.cpuSeconds();
  for (const query of queries) {
    const startedMs = performance.now();
    const ids = await ask(query);
    millis.push(performance.now() - startedMs);
    found += ids.length;
    see(ids);
  }
  const cpu = server.cpuSeconds() - cpuBefore;
  return { millis, cpuMs: (cpu / millis.length) * 1_000, found };
}

export function latencies(label: string, turns: readonly Asked[], share = 0.5): Series {
  const values = turns.map(({ millis }) => (share === 0.5 ? median(millis) : quantile(millis, share)));
  return { label: `${label}, p${share * 100}`, unit: 'ms', values };
}

export function cpuTimes(label: string, turns: readonly Asked[]): Series {
  return { label, unit: 'CPU-ms/query', values: turns.map(({ cpuMs }) => cpuMs) };
}
