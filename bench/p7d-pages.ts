/** P7d: a page deep in a listing must cost what the first one does. */
import { list, pageSize, touchedBy } from './harness/lists.ts';
import { RawClient } from './harness/raw-client.ts';
import { startArtifacta } from './harness/servers.ts';
import { median } from './harness/statistics.ts';
import type { Figure, Target } from './harness/target.ts';
import { sizeName } from './stores/cache.ts';

const deepPage = 1_000;

export const p7d: Target = {
  name: 'p7d',
  what: `page ${deepPage} of a listing of the whole store ÷ page 1`,
  needsStores: true,
  async measure(context) {
    const size = context.sizes.at(-1)!;
    const { dataDir, census } = await context.store(size);
    // Small stores have no page 1,000; the deepest that they have shows at least that this works.
    const page = Math.min(deepPage, Math.floor(census.live / pageSize / 2));
    if (page < deepPage && !context.quick) {
      context.say(`left out: ${sizeName(size)} artifacts have no page ${deepPage}`);
      return [];
    }
    const count = context.quick ? 40 : 400;
    await using server = await startArtifacta(context, { dataDir });
    await using client = await RawClient.connect(server.address);
    context.say(`walking to page ${page} with ${sizeName(size)}`);
    const tokens = { first: '', deep: await tokenOf(client, page) };
    const askBoth = async () => {
      const first: number[] = [];
      const deep: number[] = [];
      for (let at = 0; at < count; at++) {
        const order = at % 2 === 0 ? (['first', 'deep'] as const) : (['deep', 'first'] as const);
        for (const which of order) {
          const { millis } = await list(client, { pageSize, pageToken: tokens[which] });
          (which === 'first' ? first : deep).push(millis);
        }
      }
      return { first: median(first), deep: median(deep) };
    };
    await askBoth();
    const runs: { readonly first: number; readonly deep: number }[] = [];
    for (let run = 1; run <= context.runs; run++) {
      context.say(`run ${run} of ${context.runs}`);
      runs.push(await askBoth());
    }
    const figure: Figure = {
      id: 'P7d',
      what: `page ${page} ÷ page 1 of all artifacts, newest first, p50; ${sizeName(size)} artifacts`,
      result: {
        label: `page ${page} ÷ page 1`,
        unit: '',
        values: runs.map(({ first, deep }) => deep / first),
      },
      requirement: { bound: 'at most', value: 1.2, next: 1.05 },
      ours: { label: `page ${page}`, unit: 'ms', values: runs.map(({ deep }) => deep) },
      control: { label: 'page 1', unit: 'ms', values: runs.map(({ first }) => first) },
      others: [],
      notes: [
        `page 1: ${await said(client, tokens.first)}; page ${page}: ${await said(client, tokens.deep)}`,
        `${count} of each a run, in turn`,
      ],
    };
    return [figure];
  },
};

/** The token of a page: what comes before it is walked in large pages, whose tokens are the same. */
async function tokenOf(client: RawClient, page: number): Promise<string> {
  let pageToken = '';
  for (let left = (page - 1) * pageSize; left > 0; ) {
    const { page: taken } = await list(client, { pageSize: Math.min(left, 1_000), pageToken });
    left -= taken.artifacts.length;
    pageToken = taken.nextPageToken;
    if (pageToken === '') throw new Error('the listing ended too soon');
  }
  return pageToken;
}

async function said(client: RawClient, pageToken: string): Promise<string> {
  const { page } = await list(client, { pageSize, pageToken, explain: true });
  const { keys, records } = touchedBy(page);
  return `${page.artifacts.length} artifacts, ${keys} keys, ${records} records`;
}
