/** P7c: what a query touches follows its shortest list; and what has no short list stays within the call's budget. */
import { pageSize, pages, type Touched, touchedBy } from './harness/lists.ts';
import { RawClient } from './harness/raw-client.ts';
import { startArtifacta } from './harness/servers.ts';
import { quantile } from './harness/statistics.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { type KeptStore, sizeName } from './stores/cache.ts';
import { marks } from './stores/shape.ts';

/** A list of fewer entries is as long as what is read to find out how long it is. */
const listMin = 50;
/** Of a hard shape, so many pages are walked a run; together with the runs enough for a p99. */
const pagesMax = 40;

export const p7c: Target = {
  name: 'p7c',
  what: 'keys touched by an AND of lists of 0.01 %, 1 % and 10 % ÷ the shortest; pages of hard shapes',
  needsStores: true,
  async measure(context) {
    const figures: Figure[] = [];
    for (const size of context.sizes) {
      const store = await context.store(size);
      const isLarge = Math.min(store.census.marks.seldom!, store.census.marks.outage!) >= listMin;
      if (!isLarge && !context.quick) continue;
      await using server = await startArtifacta(context, { dataDir: store.dataDir });
      await using client = await RawClient.connect(server.address);
      context.say(`with ${sizeName(size)}`);
      if (isLarge) figures.push(await selective(context, store, client));
      for (const shape of shapes) figures.push(...(await hard(context, store, client, shape)));
    }
    return figures;
  },
};

function equals({ key, value }: { readonly key: string; readonly value: string }): string {
  return `metadata.${key} = "${value}"`;
}

/** Of 0.01 %, 1 % and 10 %: the first finds next to nothing, everything on the second's shortest list is a hit. */
const selectiveQueries = (['seldom', 'outage'] as const).map((mark) => ({
  mark,
  filter: [marks[mark], marks.spring, marks.north].map(equals).join(' AND '),
}));

async function selective(context: Context, store: KeptStore, client: RawClient): Promise<Figure> {
  const ratios: number[] = [];
  const millis: number[] = [];
  const said = new Set<string>();
  for (let run = 1; run <= context.runs; run++) {
    const ofRun: number[] = [];
    for (const { mark, filter } of selectiveQueries) {
      const shortest = store.census.marks[mark]!;
      let touched = { keys: 0, records: 0 };
      let found = 0;
      let took = 0;
      for await (const answer of pages(client, { filter, pageSize: 1_000, explain: true }, pagesMax)) {
        const { keys, records } = touchedBy(answer.page);
        touched = { keys: touched.keys + keys, records: touched.records + records };
        found += answer.page.artifacts.length;
        took += answer.millis;
      }
      ofRun.push(touched.keys / shortest);
      millis.push(took);
      said.add(
        `${filter}: ${found} found; ${touched.keys} keys and probes and ${touched.records} records for a list of ${shortest}`,
      );
    }
    ratios.push(Math.max(...ofRun));
  }
  return {
    id: `P7c ${sizeName(store.spec.live)}`,
    what: `keys and probes touched by an AND of lists of 0.01 %, 1 % and 10 % ÷ the shortest; ${sizeName(store.spec.live)} artifacts, the worse of two`,
    result: { label: 'keys ÷ the shortest list', unit: '', values: ratios },
    requirement: { bound: 'at most', value: 4, next: 3 },
    others: [{ label: 'all pages of one', unit: 'ms', values: millis }],
    notes: [...said, 'records are not counted: only what all lists hold is read'],
  };
}

const shapes = [
  {
    id: 'disjoint',
    what: 'two lists of 10 % that have nothing in common',
    filter: [marks.north, marks.gold].map(equals).join(' AND '),
  },
  {
    id: 'expired',
    what: 'a list of which the newest 90 % have expired',
    filter: equals(marks.scratch),
  },
] as const;

async function hard(
  context: Context,
  store: KeptStore,
  client: RawClient,
  { id, what, filter }: (typeof shapes)[number],
): Promise<Figure[]> {
  const request = { filter, pageSize };
  context.say(`warm-up: ${what}`);
  const touched: Touched[] = [];
  for await (const { page } of pages(client, { ...request, explain: true }, pagesMax))
    touched.push(touchedBy(page));
  const p99: number[] = [];
  const p50: number[] = [];
  for (let run = 1; run <= context.runs; run++) {
    const millis: number[] = [];
    for await (const answer of pages(client, request, pagesMax)) millis.push(answer.millis);
    p99.push(quantile(millis, 0.99));
    p50.push(quantile(millis, 0.5));
  }
  const size = sizeName(store.spec.live);
  const walked = `${touched.length} pages a run${touched.length === pagesMax ? ', the first of more' : ', which is all'}`;
  const most = Math.max(...touched.map(({ keys, records }) => keys + records));
  return [
    {
      id: `P7c ${id} ${size}`,
      what: `${what}: p99 of a page; ${size} artifacts`,
      result: { label: 'p99 of a page', unit: 'ms', values: p99 },
      requirement: { bound: 'at most', value: 250 },
      others: [{ label: 'p50 of a page', unit: 'ms', values: p50 }],
      notes: [walked, `driven by ${touched[0]!.driver}`],
    },
    {
      id: `P7c ${id} ${size} budget`,
      what: `${what}: the most that a page touches, records included ÷ the budget of a call; ${size} artifacts`,
      result: {
        label: 'touched ÷ budget',
        unit: '',
        values: p99.map(() => most / touched[0]!.budget),
      },
      requirement: { bound: 'at most', value: 1 },
      others: [],
      notes: [`${most} of ${touched[0]!.budget}; the same in every run`],
    },
  ];
}
