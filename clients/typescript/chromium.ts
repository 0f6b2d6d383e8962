/** The scenario by the client for pages, in Chromium. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { bundled, chromiumPath, servePage, switches, whySkipped } from '../../test/browser/chromium.ts';
import type { Told } from './page.ts';

const { env } = process;
const executablePath = chromiumPath();
if (process.argv.includes('--prepare')) {
  if (executablePath === undefined) console.log(whySkipped);
  process.exit(executablePath === undefined ? 77 : 0);
}

const { server, port } = await servePage(await bundled(join(import.meta.dirname, 'page.ts')));
const browser = await chromium.launch({ executablePath: executablePath!, args: [...switches] });
try {
  const page = await browser.newPage();
  await page.exposeFunction('printLine', (line: string) => console.log(line));
  await page.goto(`http://127.0.0.1:${port}`);
  await page.waitForFunction(() => 'runScenario' in globalThis);
  const told: Told = {
    text: (await readFile(env.SCENARIO_FILE!, 'utf8')).replaceAll('{prefix}', env.SCENARIO_PREFIX!),
    token: env.ARTIFACTA_TOKEN!,
    urls: {
      service: env.SCENARIO_HTTP_URL!,
      older: env.SCENARIO_OLDER_HTTP_URL!,
      newer: env.SCENARIO_NEWER_HTTP_URL!,
    },
  };
  const run = (given: Told) =>
    (globalThis as unknown as { runScenario(told: Told): Promise<void> }).runScenario(given);
  await page.evaluate(run, told);
} finally {
  await browser.close();
  server.close();
}
