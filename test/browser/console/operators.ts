/** What operators see: usage in plots, and the figures of the store. And previews with an origin of their own. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { Browser } from 'playwright-core';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { RetentionSchema } from '../../../gen/artifacta/v1/retention_pb.ts';
import { axe } from './axe.ts';
import { artifacta, open, type Results, Service } from './rig.ts';

/** Looks at the screens with an operator's key. @param pictures where the pictures go. */
export async function checkOperators(
  results: Results,
  browser: Browser,
  service: Service,
  pictures: string,
): Promise<void> {
  const key = await artifacta('keys', 'create', '--operator', '--data-dir', service.dataDir);
  const samples = service.samples(key);
  const day = (days: number) =>
    create(RetentionSchema, { succeededTtl: { seconds: BigInt(days * 86_400), nanos: 0 } });
  for (const [session, agent, days] of [
    ['soon', 'writer', 1],
    ['later', 'writer', 20],
    ['years', 'reader', 400],
  ] as const) {
    await samples.sessions.openSession({ session, retention: day(days) });
    await samples.push(session, 'a.bin', new Uint8Array(1_000 * days), { metadata: { agent } });
    await samples.seal(session, SessionOutcome.SUCCEEDED);
  }
  await samples.push('kept', 'a.bin', new Uint8Array(700_000), { metadata: { agent: '<b>keeper</b>' } });
  for (const [name, options] of [
    ['light', {}],
    ['dark-320', { colorScheme: 'dark', viewport: { width: 320, height: 640 } }],
  ] as const)
    await results.check(`usage is plotted, with its figures in a table, ${name}`, async () => {
      await using watched = await open(browser, service, `/usage#token=${key}`, options);
      const { page, faults } = watched;
      await page.getByRole('rowheader', { name: 'writer' }).waitFor();
      await page.getByText('3 values').waitFor();
      const described = await page
        .getByRole('img', { name: 'What expires when' })
        .locator('desc')
        .textContent();
      assert.match(described!, /within a day: 1000 B, 1 artifact; .*never: 684 KiB, 1 artifact/);
      assert.equal(await page.locator('.plot rect').count(), 6);
      await page.screenshot({ path: join(pictures, `operators-usage-${name}.png`), fullPage: true });
      assert.deepEqual(await axe(page), []);
      assert.deepEqual(faults, []);
    });
  await results.check('the store has the figures of /metrics under their names', async () => {
    await using watched = await open(browser, service, `/store#token=${key}`);
    const { page, faults } = watched;
    await page
      .getByRole('row', { name: /artifacta_store_free_bytes/ })
      .getByText(/GiB|TiB|MiB/)
      .waitFor();
    await page.getByText('artifacta_rpc_duration_seconds').click();
    await page
      .getByRole('row', { name: /AdminService\/GetStoreStatus/ })
      .first()
      .waitFor();
    await page.screenshot({ path: join(pictures, 'operators-store.png') });
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(faults, []);
  });
}

/** Serves previews from a second origin. @param directory for the service. */
export async function checkPreviewOrigin(
  results: Results,
  browser: Browser,
  directory: string,
): Promise<void> {
  const dataDir = join(directory, 'previews');
  const first = await new Service(dataDir).start();
  const { origin } = first;
  const id = await first.samples().push('pages', 'page.html', '<!doctype html><p>shown elsewhere', {
    type: 'text/html',
  });
  await first.stop();
  const previews = origin.replace('127.0.0.1', 'localhost');
  await using service = await new Service(
    dataDir,
    ...['--public-url', origin, '--preview-origin', previews],
  ).start(Number(new URL(origin).port));
  await results.check('a preview comes from its own origin, and nothing else does', async () => {
    await using watched = await open(browser, service, `/artifacts/${id}`);
    const { page, faults } = watched;
    await page.frameLocator('iframe').getByText('shown elsewhere').waitFor();
    const address = await page.locator('iframe').getAttribute('src');
    assert.ok(address!.startsWith(`${previews}/t/`), address!);
    assert.deepEqual(
      faults.filter((fault) => !fault.startsWith(`asked ${previews}/t/`)),
      [],
    );
    for (const path of ['/', `/artifacts/${id}`, `/v1/artifacts/${id}/content`, '/console/x.js'])
      assert.equal((await page.request.get(`${previews}${path}`)).status(), 404);
  });
}
