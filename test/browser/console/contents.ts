/** Contents that need more than text: PDF on a canvas, sources in colours, wide tables, and comparisons. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { Browser, Page } from 'playwright-core';
import { axe } from './axe.ts';
import { openScript, pdf } from './pdf.ts';
import { png } from './png.ts';
import { open, type Results, type Service } from './rig.ts';
import type { Samples } from './samples.ts';

interface Looked {
  readonly browser: Browser;
  readonly service: Service;
  /** Where the pictures go. */
  readonly pictures: string;
}

/** Opens each of them. */
export async function checkContents(results: Results, looked: Looked): Promise<void> {
  const samples = looked.service.samples();
  await checkPdf(results, looked, samples);
  await checkSources(results, looked, samples);
  await checkWide(results, looked, samples);
  await checkTables(results, looked, samples);
  await checkImages(results, looked, samples);
}

/** @returns how many pixels of the canvas are as red as the square of the page, and how many there are. */
const redPixels = (page: Page) =>
  page.evaluate(() => {
    interface Canvas {
      readonly width: number;
      readonly height: number;
      getContext(kind: '2d'): { getImageData(...box: number[]): { readonly data: Uint8ClampedArray } };
    }
    const { document } = globalThis as unknown as { document: { querySelector(name: string): Canvas } };
    const canvas = document.querySelector('.pdf-page canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let red = 0;
    for (let at = 0; at < data.length; at += 4)
      if (data[at]! > 240 && data[at + 1]! < 20 && data[at + 2]! < 20) red++;
    return { red, width: canvas.width, height: canvas.height };
  });

async function checkPdf(results: Results, looked: Looked, samples: Samples): Promise<void> {
  const { browser, service, pictures } = looked;
  const type = 'application/pdf';
  const pages = Array.from({ length: 12 }, (_, at) => ({ text: `This is page ${at + 1}` }));
  await results.check(
    'a PDF is drawn page by page, its text can be read, and axe finds nothing',
    async () => {
      const id = await samples.push('pages', 'paper.pdf', pdf(pages), { type });
      await using watched = await open(browser, service, `/artifacts/${id}`);
      const { page, faults } = watched;
      await page.getByText('The text of the page').click();
      await page.getByText('This is page 1', { exact: true }).waitFor();
      const { red, width, height } = await redPixels(page);
      // 50 of 400 and of 300 points are red; its edges are mixed with the paper.
      const part = red / (width * height) / (2_500 / 120_000);
      assert.ok(part > 0.9 && part <= 1, `${part} of what should be red`);
      await page.getByText('of 12').waitFor();
      await page.screenshot({ path: join(pictures, 'contents-pdf.png') });
      assert.deepEqual(await axe(page), []);
      await page.keyboard.press('j');
      await page.getByRole('img', { name: 'page 2 of paper.pdf' }).waitFor();
      await page.getByRole('textbox', { name: 'page' }).fill('12');
      await page.keyboard.press('Enter');
      await page.getByText('The text of the page').click();
      await page.getByText('This is page 12', { exact: true }).waitFor();
      assert.deepEqual(faults, []);
    },
  );
  await results.check('a PDF cannot run scripts, nor fill the memory', async () => {
    const huge = [{ text: 'huge', width: 14_400_000, height: 14_400_000 }];
    const id = await samples.push('pages', 'hostile.pdf', pdf(huge, { catalog: openScript }), { type });
    await using watched = await open(browser, service, `/artifacts/${id}`);
    const { page, faults } = watched;
    await page.getByText('it is shown smaller').waitFor();
    const { width, height } = await redPixels(page);
    assert.ok(width * height <= 16_000_000, `${width} × ${height} pixels`);
    assert.deepEqual(faults, []);
  });
  await results.check('what is not a PDF, and what is cut, is shown as bytes, with the reason', async () => {
    const whole = pdf(pages);
    for (const [name, content] of [
      ['cut.pdf', whole.slice(0, 300)],
      ['text.pdf', new TextEncoder().encode('not a PDF at all\n'.repeat(100))],
    ] as const) {
      const id = await samples.push('pages', name, content, { type });
      await using watched = await open(browser, service, `/artifacts/${id}`);
      await watched.page.locator('.hex, .pdf-page').first().waitFor();
      if (name === 'text.pdf') await watched.page.getByText('CONTENT_UNSUITABLE').waitFor();
      assert.deepEqual(watched.faults, []);
    }
  });
  await results.check('of a large PDF only the parts that are needed are read', async () => {
    const unusedBytes = 6_000_000;
    const id = await service.put('pages', 'large.pdf', pdf(pages, { unusedBytes }), type);
    await using watched = await open(browser, service, '/');
    const { page } = watched;
    let bytes = 0;
    page.on('response', (response) => {
      if (response.status() === 206) bytes += Number(response.headers()['content-length'] ?? 0);
    });
    await page.goto(`${service.origin}/artifacts/${id}`);
    await page.getByText('of 12').waitFor();
    await page.getByText('The text of the page').waitFor();
    assert.ok(bytes > 0 && bytes < unusedBytes / 2, `${bytes} bytes were read`);
    return `${bytes} bytes of ${unusedBytes}`;
  });
}

async function checkSources(results: Results, { browser, service, pictures }: Looked, samples: Samples) {
  await results.check('a source has colours, and is the text that was pushed', async () => {
    const source = `def f(x):\n    """<img src=x onerror=alert(1)>"""\n    return "a" + str(1) # one\n`;
    const id = await samples.push('sources', 'main.py', source, { type: 'text/x-python' });
    await using watched = await open(browser, service, `/artifacts/${id}`);
    const { page, faults } = watched;
    await page.locator('.word-keyword').first().waitFor();
    assert.deepEqual(await page.locator('.word-keyword').allTextContents(), ['def', 'return']);
    const lines = await page.locator('.line-text').allTextContents();
    assert.equal(`${lines.join('\n')}\n`, source);
    await page.screenshot({ path: join(pictures, 'contents-source.png') });
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(faults, []);
  });
  await results.check('a source of more than 256 KiB is plain text', async () => {
    const id = await samples.push('sources', 'long.py', 'return 1 # one\n'.repeat(30_000), {
      type: 'text/x-python',
    });
    await using watched = await open(browser, service, `/artifacts/${id}`);
    await watched.page.getByText('return 1 # one').first().waitFor();
    await watched.page.getByRole('button', { name: 'read on' }).click();
    await watched.page.getByRole('button', { name: 'read on' }).click();
    await watched.page.locator('.word-keyword').first().waitFor({ state: 'detached' });
  });
}

async function checkWide(results: Results, { browser, service, pictures }: Looked, samples: Samples) {
  await results.check('a table of 1,000 columns scrolls both ways, with 40 columns at most', async () => {
    const head = Array.from({ length: 1_000 }, (_, at) => `c${at}`).join(',');
    const row = (number: number) => Array.from({ length: 1_000 }, (_, at) => `${number}.${at}`).join(',');
    const rows = Array.from({ length: 20 }, (_, at) => row(at)).join('\n');
    const id = await samples.push('tables', 'wide.csv', `${head}\n${rows}\n`);
    for (const width of [320, 1_280, 3_840]) {
      await using watched = await open(browser, service, `/artifacts/${id}`, {
        viewport: { width, height: 900 },
      });
      const { page, faults } = watched;
      const table = page.getByRole('table');
      await page.getByText('0.0', { exact: true }).waitFor();
      const most = async () => {
        const counts = await page
          .locator('.rows .table-row')
          .evaluateAll((rows) =>
            rows.map(
              (one) =>
                (one as unknown as { querySelectorAll(name: string): unknown[] }).querySelectorAll(
                  '[role=cell]',
                ).length,
            ),
          );
        assert.ok(Math.max(...counts) <= 40, `${Math.max(...counts)} cells`);
      };
      await most();
      for (let at = 0; at < 12; at++) {
        await table.evaluate((list, part) => {
          const scrolled = list as unknown as {
            scrollLeft: number;
            scrollWidth: number;
            clientWidth: number;
          };
          scrolled.scrollLeft = (scrolled.scrollWidth - scrolled.clientWidth) * part;
        }, at / 11);
        await page.waitForFunction(() => true);
        await most();
      }
      await page.getByText('0.999', { exact: true }).waitFor();
      await page.getByRole('columnheader', { name: 'c999' }).waitFor();
      await page.getByLabel('to column').fill('c500');
      await page.getByRole('button', { name: 'Go' }).click();
      await page.getByText('0.500', { exact: true }).waitFor();
      await table.focus();
      await page.keyboard.press('End');
      await page.getByText('19.500', { exact: true }).waitFor();
      await most();
      await page.screenshot({ path: join(pictures, `contents-wide-${width}.png`) });
      assert.deepEqual(faults, []);
      if (width === 1_280) assert.deepEqual(await axe(page), []);
    }
  });
}

async function checkTables(results: Results, { browser, service, pictures }: Looked, samples: Samples) {
  await results.check('two tables are compared by row, by a key and in the order of rows', async () => {
    await samples.push('tables_1', 'sums.csv', 'id,customer,sum\n1,Ada,12.5\n2,Bob,29.5\n3,Eve,1\n');
    await samples.push('tables_2', 'sums.csv', 'id,customer,sum\n3,Eve,1\n2,Bob,-29.5\n4,Zoe,7\n');
    await using watched = await open(
      browser,
      service,
      '/compare?base=tables_1&session=tables_2&name=sums.csv',
    );
    const { page, faults } = watched;
    await page.getByText('Rows are found again by id').waitFor();
    await page.getByText('1 changed row, 1 added, 1 removed, 1 the same.').waitFor();
    assert.deepEqual(await page.locator('del').allTextContents(), ['29.5']);
    assert.deepEqual(await page.locator('ins').allTextContents(), ['-29.5']);
    assert.equal(await page.locator('.row-added, .row-removed').count(), 2);
    await page.screenshot({ path: join(pictures, 'contents-tables.png') });
    assert.deepEqual(await axe(page), []);
    await page.getByLabel('text', { exact: true }).check({ force: true });
    await page.locator('.patch-added').first().waitFor();
    assert.deepEqual(faults, []);
  });
  await results.check(
    'two tables of Parquet are compared by row, with numbers, times and nothing',
    async () => {
      const day = (date: number) => new Date(Date.UTC(2026, 10, date));
      const table = (ids: number[], sums: (number | null)[], days: Date[]) =>
        new Uint8Array(
          parquetWriteBuffer({
            columnData: [
              { name: 'id', data: ids, type: 'INT32' },
              { name: 'sum', data: sums, type: 'DOUBLE' },
              { name: 'day', data: days, type: 'TIMESTAMP' },
            ],
          }),
        );
      const before = table([1, 2, 3], [12.5, 29.5, null], [day(1), day(2), day(3)]);
      const after = table([3, 2, 4], [null, -29.5, 7], [day(3), day(2), day(4)]);
      await samples.push('parquet_1', 'sums.parquet', before);
      await samples.push('parquet_2', 'sums.parquet', after);
      const address = '/compare?base=parquet_1&session=parquet_2&name=sums.parquet';
      await using watched = await open(browser, service, address);
      const { page, faults } = watched;
      await page.getByText('Rows are found again by id').waitFor();
      await page.getByText('1 changed row, 1 added, 1 removed, 1 the same.').waitFor();
      assert.deepEqual(await page.locator('del').allTextContents(), ['29.5']);
      assert.deepEqual(await page.locator('ins').allTextContents(), ['-29.5']);
      assert.match((await page.locator('.row-added').textContent())!, /4.*7.*2026-11-04T00:00:00.000Z/);
      assert.equal(await page.getByLabel('text', { exact: true }).count(), 0);
      assert.deepEqual(await axe(page), []);
      assert.deepEqual(faults, []);
    },
  );
}

async function checkImages(results: Results, { browser, service, pictures }: Looked, samples: Samples) {
  await results.check('two pictures are compared over each other, by mouse and by keyboard', async () => {
    await samples.push('images_1', 'plot.png', png(320, 200));
    await samples.push('images_2', 'plot.png', png(320, 200, undefined, 20));
    await using watched = await open(
      browser,
      service,
      '/compare?base=images_1&session=images_2&name=plot.png',
    );
    const { page, faults } = watched;
    await page.locator('.pair-of-images img').nth(1).waitFor();
    await page.getByLabel('line', { exact: true }).check({ force: true });
    const slider = page.getByRole('slider');
    assert.equal(await slider.inputValue(), '50');
    await slider.focus();
    for (let at = 0; at < 10; at++) await page.keyboard.press('ArrowRight');
    assert.equal(await slider.inputValue(), '60');
    const over = page.locator('.pictures .over');
    assert.match((await over.getAttribute('style')) ?? '', /inset\(0(?:px)? 0(?:px)? 0(?:px)? 60%\)/);
    const box = (await page.locator('.over img').boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 4, box.y + 20);
    await page.mouse.up();
    assert.equal(await slider.inputValue(), '25');
    await page.screenshot({ path: join(pictures, 'contents-images-line.png') });
    assert.deepEqual(await axe(page), []);
    await page.getByLabel('blend', { exact: true }).check({ force: true });
    assert.match((await over.getAttribute('style')) ?? '', /opacity: 0\.\d/);
    await page.reload();
    await page.locator('.pictures.as-blend').waitFor();
    assert.deepEqual(faults, []);
  });
}
