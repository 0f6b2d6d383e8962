/** What happens elsewhere is on the screen within a second, also after the service was started again. */
import { strict as assert } from 'node:assert';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { artifacta, dropText, open, type Results, type Service } from './rig.ts';

/** How late something may be on the screen, in milliseconds. */
const lateMs = 1_000;

/** @returns how long after `act` has ended the condition holds, in milliseconds. */
async function after(act: () => Promise<unknown>, shown: () => Promise<unknown>): Promise<number> {
  await act();
  const began = performance.now();
  await shown();
  return performance.now() - began;
}

/** Pushes, seals, deletes and restarts, and looks at pages. */
export async function checkLive(
  results: Results,
  browser: Browser,
  service: Service,
  directory: string,
): Promise<void> {
  await checkPushes(results, browser, service, directory);
  await checkEnds(results, browser, service);
  await checkWrites(results, browser, service);
}

async function checkPushes(
  results: Results,
  browser: Browser,
  service: Service,
  directory: string,
): Promise<void> {
  const samples = service.samples();
  const file = join(directory, 'pushed.txt');
  await writeFile(file, 'pushed by the command line\n');
  const push = (name: string) =>
    artifacta('push', file, '--session', 'live', '--name', name, '--url', service.origin);
  await results.check('a new session is in the list by itself', async () => {
    await using watched = await open(browser, service, '/');
    await watched.page.getByRole('heading', { name: 'Sessions' }).waitFor();
    const ms = await after(
      () => samples.sessions.openSession({ session: 'live' }),
      () => watched.page.getByRole('link', { name: 'live', exact: true }).waitFor(),
    );
    // Lists have no watch: the page looks twice a second.
    assert.ok(ms < 3 * lateMs, `after ${ms} ms`);
    return `after ${ms.toFixed(0)} ms`;
  });
  await results.check(
    'a push by the command line is on the screen within a second, twice, and after a restart',
    async () => {
      await using watched = await open(browser, service, '/sessions/live');
      const { page } = watched;
      await page.getByText('live', { exact: true }).nth(1).waitFor();
      const times: number[] = [];
      for (const name of ['first.txt', 'second.txt']) {
        const shown = () => page.getByRole('link', { name, exact: true }).waitFor();
        times.push(await after(() => push(name), shown));
      }
      await service.stop();
      await page.getByText('connection lost').waitFor();
      await service.start();
      times.push(
        await after(
          () => push('third.txt'),
          () => page.getByRole('link', { name: 'third.txt' }).waitFor(),
        ),
      );
      await page.getByRole('link', { name: 'first.txt' }).waitFor();
      assert.ok(
        times.every((ms) => ms < lateMs),
        `after ${times.join(', ')} ms`,
      );
      return `after ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`;
    },
  );
}

async function checkEnds(results: Results, browser: Browser, service: Service): Promise<void> {
  const samples = service.samples();
  await results.check('a seal is on the screen, and the buttons of an open session go', async () => {
    await using watched = await open(browser, service, '/sessions/live');
    await watched.page.getByRole('button', { name: 'Seal …' }).waitFor();
    await samples.seal('live', SessionOutcome.CANCELLED);
    await watched.page.getByText('cancelled', { exact: true }).waitFor();
    assert.equal(await watched.page.getByRole('button', { name: 'Seal …' }).count(), 0);
  });
  await results.check('a session that is deleted while it is looked at says so', async () => {
    await samples.push('doomed', 'a.txt', 'a');
    await using watched = await open(browser, service, '/sessions/doomed');
    await watched.page.getByRole('link', { name: 'a.txt' }).waitFor();
    await samples.sessions.deleteSession({ session: 'doomed' });
    await watched.page.getByText('SESSION_NOT_FOUND').waitFor();
  });
}

async function checkWrites(results: Results, browser: Browser, service: Service): Promise<void> {
  const samples = service.samples();
  await results.check('all artifacts of a session are put on hold, and released', async () => {
    for (const name of ['a.txt', 'b.txt', 'c.txt']) await samples.push('kept', name, name);
    await using watched = await open(browser, service, '/sessions/kept');
    const { page } = watched;
    for (const [button, facts] of [
      ['Hold all', '3 artifacts on hold'],
      ['Release all', '3 artifacts'],
    ] as const) {
      await page.getByRole('button', { name: 'Hold …' }).click();
      await page.getByRole('button', { name: button }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.getByText(facts, { exact: true }).first().waitFor();
    }
    await page.getByText('3 artifacts on hold').waitFor({ state: 'detached' });
  });
  await results.check('what a command writes is on the screen while it runs', async () => {
    await using watched = await open(browser, service, '/');
    const { page } = watched;
    const run = artifacta(
      ...['run', '--url', service.origin, '--session', 'running', '--'],
      ...['sh', '-c', 'echo first words; sleep 6; echo last words'],
    );
    await page.getByRole('link', { name: 'running', exact: true }).click();
    await page.getByText('Output of the command').click();
    await page.getByText('first words', { exact: true }).waitFor();
    await page.getByText('open', { exact: true }).waitFor();
    await run;
    await page.locator('.tail').getByText('last words', { exact: true }).waitFor();
    await page.getByText('succeeded', { exact: true }).waitFor();
  });
  await results.check('two tabs change the same labels: the second is refused, and says why', async () => {
    const id = await samples.push('tabs', 'a.txt', 'a');
    await using one = await open(browser, service, `/artifacts/${id}`);
    await using two = await open(browser, service, `/artifacts/${id}`);
    for (const [{ page }, key] of [
      [one, 'first'],
      [two, 'second'],
    ] as const) {
      await page.getByLabel('New label').fill(key);
      await page.getByLabel('Its value').fill('x');
    }
    await one.page.getByRole('button', { name: 'Add' }).click();
    await one.page.getByLabel('Value of first').waitFor();
    await two.page.getByRole('button', { name: 'Add' }).click();
    await two.page.getByText('ETAG_MISMATCH').waitFor();
    await two.page.getByText('changed elsewhere').waitFor();
  });
  await results.check('a file that is dropped is pushed', async () => {
    await samples.sessions.openSession({ session: 'dropped' });
    await using watched = await open(browser, service, '/sessions/dropped');
    const { page } = watched;
    await dropText(page, 'dropped ünd.txt', 'dropped\n');
    await page.getByRole('link', { name: 'dropped ünd.txt' }).waitFor();
    await page.getByText('stored', { exact: true }).waitFor();
  });
}
