/** Contents and names that try to become scripts or to reach out: none does, whatever is clicked on. */
import { strict as assert } from 'node:assert';
import type { Browser, Page } from 'playwright-core';
import { open, type Results, type Service } from './rig.ts';
import { hostileNames } from './samples.ts';

/** Whether a script of a document ran on the page. */
const leaked = (page: Page) => page.evaluate(() => 'leaked' in globalThis);

/** Opens everything hostile, in every form in which it can be shown. */
export async function checkHostile(
  results: Results,
  browser: Browser,
  service: Service,
  ids: Readonly<Record<string, string>>,
): Promise<void> {
  for (const kind of ['json', 'lines', 'markdown', 'svg', 'html', 'notebook', 'pdf'])
    await results.check(`hostile ${kind}`, async () => {
      for (const as of ['', 'text', 'hex']) {
        await using watched = await open(browser, service, `/artifacts/${ids[kind]}?as=${as}`);
        const { page, faults } = watched;
        await page.locator('.preview').first().waitFor();
        const closed = page.locator('.content details:not([open]) > summary');
        while ((await closed.count()) > 0) await closed.first().click();
        assert.equal(await leaked(page), false);
        assert.deepEqual(faults, []);
        assert.equal(await page.locator('script:not([src^="/console/"]), object, embed').count(), 0);
        // A page is shown by itself, where it has an origin of its own.
        const frames = await page.locator('iframe').count();
        assert.equal(frames, await page.locator('iframe[sandbox="allow-scripts"][src^="/t/"]').count());
        assert.equal(frames, kind === 'html' && as === '' ? 1 : 0);
      }
    });
  await results.check('hostile names in a list and on their screens', async () => {
    await using watched = await open(browser, service, '/sessions/kinds?view=name', {
      viewport: { width: 1_280, height: 1_600 },
    });
    const { page, faults } = watched;
    for (const name of hostileNames) {
      const link = page.getByRole('link', { name, exact: true });
      await link.click();
      await page.getByRole('heading', { level: 1 }).filter({ hasText: name }).waitFor();
      await page.getByText('window.leaked=1').first().waitFor();
      assert.equal(await leaked(page), false);
      await page.goBack();
    }
    assert.deepEqual(faults, []);
  });
  await results.check('links in a document lead only to the web, and tell it nothing', async () => {
    await using watched = await open(browser, service, `/artifacts/${ids.markdown}`);
    const link = watched.page.getByRole('link', { name: 'link', exact: true });
    assert.deepEqual(
      [await link.getAttribute('href'), await link.getAttribute('rel'), await link.getAttribute('target')],
      ['https://example.org/', 'noopener noreferrer', '_blank'],
    );
    assert.equal(await watched.page.getByRole('link', { name: 'a bad one' }).count(), 0);
    assert.equal(await watched.page.locator('.markdown img').count(), 0);
  });
  await results.check('what was pushed never opens as a page of this origin', async () => {
    await using watched = await open(browser, service, '/');
    for (const kind of ['html', 'svg', 'pdf']) {
      const answer = await watched.page.request.get(`${service.origin}/v1/artifacts/${ids[kind]}/content`);
      const headers = answer.headers();
      assert.match(headers['content-disposition']!, /^attachment/);
      assert.match(headers['content-security-policy']!, /^sandbox/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
    }
  });
}
