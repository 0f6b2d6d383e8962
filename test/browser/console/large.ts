/** Contents that are too large for any page, and a session that goes on for long: what is read, and what stays in memory. */
import { strict as assert } from 'node:assert';
import { open as openFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { Browser } from 'playwright-core';
import { bytesInUse } from './load.ts';
import { open, type Results, type Service } from './rig.ts';
import { makeMany } from './samples.ts';

/** The most bytes that a page reads to show the beginning and the end of a content. */
const readBytesMax = 4_000_000;

interface Large {
  readonly browser: Browser;
  readonly service: Service;
  /** For the files. */
  readonly directory: string;
  /** Whether to make everything fifty times smaller. */
  readonly isQuick: boolean;
}

interface Action {
  /** What is pressed. Undefined: nothing. */
  readonly press?: string;
  /** What is shown then. */
  readonly text: string | RegExp;
}

/** Opens an artifact, and takes steps. @returns how long the first took, and how many bytes the service sent. */
async function look({ browser, service }: Large, id: string, steps: readonly Action[]): Promise<string> {
  await using watched = await open(browser, service, '/');
  const { page, faults } = watched;
  const sizes: Promise<number>[] = [];
  page.on('requestfinished', (request) => {
    sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
  });
  const began = performance.now();
  await page.goto(`${service.origin}/artifacts/${id}`);
  let firstMs: number | undefined;
  for (const { press, text } of steps) {
    if (press !== undefined) await page.getByRole('button', { name: press, exact: true }).click();
    await page.getByText(text).first().waitFor();
    firstMs ??= performance.now() - began;
  }
  const bytes = (await Promise.all(sizes)).reduce((sum, one) => sum + one, 0);
  assert.ok(bytes < readBytesMax, `${bytes} bytes were read`);
  assert.deepEqual(faults, []);
  return `shown after ${firstMs!.toFixed(0)} ms, ${(bytes / 1_000).toFixed(0)} kB read`;
}

/** A file with a beginning, a hole and an end. */
async function sparse(path: string, length: number, beginning: string, end: string): Promise<void> {
  const file = await openFile(path, 'w');
  try {
    await file.write(beginning, 0);
    await file.write(end, length - Buffer.byteLength(end));
  } finally {
    await file.close();
  }
}

/** Looks at large contents. */
export async function checkLarge(results: Results, large: Large): Promise<void> {
  const { service, directory, isQuick } = large;
  const part = isQuick ? 50 : 1;
  const giant = 5_000_000_000 / part;
  const lines = (word: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${word} ${at + 1}`).join('\n');
  const path = join(directory, 'large');
  await results.check(`a text of ${giant} bytes opens at its beginning and at its end`, async () => {
    await sparse(path, giant, `${lines('first line', 5_000)}\n`, `\n${lines('last line', 500)}\n`);
    const id = await service.putFile('large', 'giant.log', path, 'text/plain');
    return await look(large, id, [{ text: 'first line 7' }, { press: 'End', text: 'last line 500' }]);
  });
  await results.check(`a CSV of ${giant} bytes opens`, async () => {
    const rows = Array.from({ length: 5_000 }, (_, at) => `${at},name ${at},${at / 7}`).join('\n');
    await sparse(path, giant, `id,name,sum\n${rows}\n`, '\n9,last,1\n');
    const id = await service.putFile('large', 'giant.csv', path, 'text/csv');
    return await look(large, id, [{ text: 'name 7' }]);
  });
  await rm(path, { force: true });
  await results.check('a Parquet of 100 MB opens', async () => {
    const count = 4_000_000 / part;
    const numbers = (step: number) =>
      Float64Array.from({ length: count }, (_, at) => (at * step) % 1_000_003);
    const file = parquetWriteBuffer({
      columnData: ['one', 'two', 'three'].map((name, at) => ({
        name,
        data: numbers(at + 1.37),
        type: 'DOUBLE' as const,
        encoding: 'PLAIN' as const,
      })),
      codec: 'UNCOMPRESSED',
      rowGroupSize: 100_000,
    });
    const id = await service.put(
      'large',
      'numbers.parquet',
      new Uint8Array(file),
      'application/vnd.apache.parquet',
    );
    const told = await look(large, id, [
      { text: `${count.toLocaleString('en')} rows, 3 columns` },
      { text: '13.7' },
    ]);
    return `${told} of ${(file.byteLength / 1e6).toFixed(0)} MB`;
  });
  await results.check('JSON of one line of 100 MB opens', async () => {
    const one = '{"id":1,"name":"Ada Lovelace","list":[1,2,3]}';
    const count = Math.ceil(100_000_000 / part / (one.length + 1));
    const text = `{"rows":[${Array.from({ length: count }, () => one).join(',')}],"total":${count}}`;
    const id = await service.put('large', 'line.json', new TextEncoder().encode(text), 'application/json');
    return await look(large, id, [{ text: 'rows' }]);
  });
}

/** An hour of a session, shortened: as many events, as fast as they can be pushed. */
export async function checkHour(results: Results, { browser, service, isQuick }: Large): Promise<void> {
  // The page keeps at most 22,000 events.
  const [some, all] = isQuick ? [24_000, 30_000] : [24_000, 100_000];
  await results.check(
    `the page of a session uses as much memory after ${all} events as after ${some}`,
    async () => {
      const samples = service.samples();
      await makeMany(samples, 'hour', some);
      await using watched = await open(browser, service, '/sessions/hour');
      const { page } = watched;
      const session = await page.context().newCDPSession(page);
      const shown = async (count: number) => {
        // `20,100 events, after 3,900 earlier ones that are not shown`
        const isThere = (wanted: number) => {
          const { document } = globalThis as unknown as { document: { body: { innerText: string } } };
          const [, kept = '', earlier = '0'] =
            /([\d,]+) events(?:, after ([\d,]+) earlier)?/.exec(document.body.innerText) ?? [];
          return Number(kept.replaceAll(',', '')) + Number(earlier.replaceAll(',', '')) === wanted;
        };
        await page.waitForFunction(isThere, count, { timeout: 120_000 });
        return await bytesInUse(session);
      };
      const before = await shown(some);
      await makeMany(samples, 'hour', all - some, some);
      const after = await shown(all);
      assert.ok(after < before * 1.1, `${before} bytes became ${after}`);
      return `${(before / 1e6).toFixed(1)} MB, then ${(after / 1e6).toFixed(1)} MB`;
    },
  );
}
