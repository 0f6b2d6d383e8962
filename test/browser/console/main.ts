/**
 * The console in a real Chromium: every screen on a full and on an empty store, with axe and pictures; what happens
 * elsewhere; hostile contents; contents of gigabytes; a session of 10,000 artifacts; by mouse and by keyboard alone; with credentials. Where no
 * Chromium exists, it says so and ends well. Pictures are left in `build/console/`.
 *
 *     node test/browser/console/main.ts [--quick] [screens|contents|operators|live|hostile|load|large|hour|paths|access|proxied]…
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { removeDirectory } from '../../support/directories.ts';
import { chromiumPath, switches, whySkipped } from '../chromium.ts';
import { checkContents } from './contents.ts';
import { checkEscapes } from './escapes.ts';
import { checkHostile } from './hostile.ts';
import { checkHour, checkLarge } from './large.ts';
import { checkLive } from './live.ts';
import { checkLoad } from './load.ts';
import { checkOperators, checkPreviewOrigin } from './operators.ts';
import { checkAccess, checkKeyboard, checkPath } from './paths.ts';
import { checkProxied } from './proxied.ts';
import { Results, Service } from './rig.ts';
import { makeKinds, makeMany, makeRuns } from './samples.ts';
import { checkScreens } from './screens.ts';

const pictures = resolve(import.meta.dirname, '../../../build/console');
const words = process.argv.slice(2);
const isQuick = words.includes('--quick');
const parts = words.filter((word) => word !== '--quick');
const wants = (part: string) => parts.length === 0 || parts.includes(part);
const results = new Results();

async function main(browser: Browser, directory: string): Promise<void> {
  await using full = await new Service(join(directory, 'full')).start();
  await using empty = await new Service(join(directory, 'empty')).start();
  await using guarded = await new Service(join(directory, 'guarded'), '--auth').start();
  const samples = full.samples();
  const report = await makeRuns(samples);
  const ids = await makeKinds(samples);
  if (wants('screens')) await checkScreens(results, { browser, full, empty, ids, report, pictures, isQuick });
  if (wants('contents')) await checkContents(results, { browser, service: full, pictures });
  if (wants('hostile')) {
    await checkHostile(results, browser, full, ids);
    await checkEscapes(results, browser, full, samples);
  }
  if (wants('paths')) {
    await checkPath(results, browser, full, pictures);
    await checkKeyboard(results, browser, full);
  }
  if (wants('access')) await checkAccess(results, browser, guarded);
  if (wants('proxied')) await checkProxied(results, browser, directory);
  if (wants('operators')) {
    await checkOperators(results, browser, guarded, pictures);
    await checkPreviewOrigin(results, browser, directory);
  }
  if (wants('live')) await checkLive(results, browser, full, directory);
  if (wants('large')) await checkLarge(results, { browser, service: full, directory, isQuick });
  if (wants('hour')) await checkHour(results, { browser, service: full, directory, isQuick });
  if (wants('load')) {
    const count = isQuick ? 2_000 : 10_000;
    await makeMany(samples, 'many', count);
    await checkLoad(results, browser, full, count);
  }
}

const executablePath = chromiumPath();
if (executablePath === undefined) {
  console.log(`skipped: ${whySkipped}`);
} else {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-console-'));
  await rm(pictures, { recursive: true, force: true });
  await mkdir(pictures, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: [...switches] });
  try {
    console.log(`Chromium ${browser.version()}`);
    await main(browser, directory);
  } finally {
    await browser.close();
    await removeDirectory(directory);
  }
  console.log(`${results.failed} failed; the pictures are in build/console/`);
  process.exitCode = results.failed > 0 ? 1 : 0;
}
