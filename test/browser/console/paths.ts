/** The ways that people take: by mouse and visible text alone, by keyboard alone, and with credentials. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { artifacta, open, type Results, type Service } from './rig.ts';

/** The path of docs/console.md, with its pictures. */
export async function checkPath(
  results: Results,
  browser: Browser,
  service: Service,
  pictures: string,
): Promise<void> {
  await results.check('why step 4 of 7 failed, in six clicks', async () => {
    await using watched = await open(browser, service, '/');
    const { page } = watched;
    let clicks = 0;
    const click = async (text: string) => {
      await page.getByText(text, { exact: true }).first().click();
      clicks++;
    };
    const picture = async (text: string) => {
      await page.getByText(text).first().waitFor();
      await page.screenshot({ path: join(pictures, `path-${clicks}.png`) });
    };
    await picture('billing_2.1');
    await click('billing_2');
    await picture('Failed first:');
    await click('Compare with the last good run');
    await picture('missing here');
    await click('report.json');
    await picture('"total": -17');
    const shown = page.locator('.patch-removed');
    assert.match(await shown.allInnerTexts().then(String), /"total": 42/);
    assert.ok(clicks <= 4);
    await page.getByText('by', { exact: true }).or(page.locator('section.content header')).first().waitFor();
    assert.match(await page.locator('section.content header').innerText(), /by writer/);
    await click('open and share');
    await picture('Make a link');
    assert.ok(clicks <= 5);
    await click('Make a link');
    await picture('It is shown only now');
    assert.ok(clicks <= 6);
    const link = await page.getByText(/^http.*\/s\//).innerText();
    const anyone = await fetch(link);
    assert.match(await anyone.text(), /"total": -17/);
    return `${clicks} clicks`;
  });
}

/** Without a mouse. */
export async function checkKeyboard(results: Results, browser: Browser, service: Service): Promise<void> {
  await results.check('by keyboard alone: filter, choose, open, go back', async () => {
    await using watched = await open(browser, service, '/');
    const { page } = watched;
    const { keyboard } = page;
    await page.getByRole('link', { name: 'billing_2', exact: true }).waitFor();
    await keyboard.press('/');
    await keyboard.type('session.outcome = fa');
    await page.getByRole('option', { name: 'FAILED' }).waitFor();
    await keyboard.press('Tab');
    await keyboard.press('Enter');
    await page.waitForURL(/filter=session\.outcome\+%3D\+FAILED/);
    await page.getByText('1 session', { exact: true }).waitFor();
    await keyboard.press('Escape');
    await keyboard.press('j');
    await keyboard.press('Enter');
    await page.waitForURL(/\/sessions\/billing_2$/);
    await page.getByRole('link', { name: 'report.json' }).waitFor();
    await keyboard.press('/');
    await keyboard.type('step');
    await page.getByRole('link', { name: 'report.json' }).waitFor({ state: 'detached' });
    await keyboard.press('Escape');
    await keyboard.press('j');
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'steps/4-validate.log' }).waitFor();
    await keyboard.press('g');
    await keyboard.press('s');
    await page.getByRole('heading', { name: 'Sessions' }).waitFor();
    await keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });
  await results.check('a permalink restores what was on the screen', async () => {
    const path = '/sessions/billing_2?view=agent&q=report';
    await using watched = await open(browser, service, path);
    await watched.page.getByRole('link', { name: 'report.json' }).waitFor();
    assert.equal(await watched.page.getByRole('radio', { name: 'by agent' }).isChecked(), true);
    assert.equal(await watched.page.getByRole('link', { name: 'invoices.csv' }).count(), 0);
  });
}

/** With `--auth`. */
export async function checkAccess(results: Results, browser: Browser, service: Service): Promise<void> {
  const operate = (...args: string[]) => artifacta(...args, '--data-dir', service.dataDir);
  const reading = await operate('keys', 'create', '--scope', 'read');
  const writing = await operate('keys', 'create', '--scope', 'read,write');
  const operator = await operate('keys', 'create', '--operator');
  await service.samples(writing).push('private', 'a.txt', 'for those who may');
  await results.check('a token is asked for once, kept for the tab, and never in the address', async () => {
    await using watched = await open(browser, service, '/sessions/private');
    const { page } = watched;
    await page.getByText('Who are you?').waitFor();
    await page.getByLabel('Token or API key').fill('ark_wrong');
    await page.getByRole('button', { name: 'Use' }).click();
    await page.getByText('not valid').waitFor();
    await page.getByLabel('Token or API key').fill(reading);
    await page.getByRole('button', { name: 'Use' }).click();
    await page.getByRole('link', { name: 'a.txt' }).waitFor();
    await page.reload();
    await page.getByRole('link', { name: 'a.txt' }).waitFor();
    assert.ok(!page.url().includes(reading));
    // What one may not do is not shown.
    assert.equal(await page.getByRole('button', { name: 'Seal …' }).count(), 0);
    await page.getByRole('link', { name: 'a.txt' }).click();
    await page.getByText('cannot make links').waitFor();
    assert.equal(await page.getByRole('button', { name: /Hold|Delete|Add/ }).count(), 0);
  });
  await results.check(
    'artifacta console opens it with a token in the fragment, which the page removes',
    async () => {
      const url = await operate('console', '--print');
      await using watched = await open(browser, service, url.slice(service.origin.length));
      await watched.page.getByRole('link', { name: 'private' }).waitFor();
      assert.equal(watched.page.url(), `${service.origin}/`);
      await watched.page.getByRole('link', { name: 'private' }).click();
      await watched.page.getByRole('button', { name: 'Seal …' }).waitFor();
    },
  );
  await results.check('a token that ends while one looks is asked for again', async () => {
    const token = (await operate('keys', 'mint', '--scope', 'read', '--ttl', '4s')).trim();
    await using watched = await open(browser, service, `/sessions/private#token=${token}`);
    await watched.page.getByRole('link', { name: 'a.txt' }).waitFor();
    await watched.page.getByText('Who are you?').waitFor();
    await watched.page.getByLabel('Token or API key').fill(reading);
    await watched.page.getByRole('button', { name: 'Use' }).click();
    await watched.page.getByRole('link', { name: 'a.txt' }).waitFor();
  });
  await results.check('an operator sees usage, retention and the store', async () => {
    await using watched = await open(browser, service, `/usage#token=${operator}`);
    const { page, faults } = watched;
    await page.getByText('Artifacta', { exact: true }).waitFor();
    await page.getByText('artifacts', { exact: true }).first().waitFor();
    await page.getByRole('link', { name: 'Retention' }).click();
    await page.getByText('counted from their seal').waitFor();
    await page.getByLabel('failed').fill('1d');
    await page.getByRole('button', { name: /^Try/ }).click();
    await page.getByText('would get another expiry').waitFor();
    await page.getByRole('link', { name: 'Store' }).click();
    await page.locator('.badge', { hasText: 'serving' }).waitFor();
    assert.deepEqual(faults, []);
  });
}
