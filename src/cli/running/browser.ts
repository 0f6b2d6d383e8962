import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sleep } from '../../client/wire/timer.ts';

/** How long a browser may take to read the page that leads it on, in milliseconds. */
const readMs = 5_000;

/**
 * Opens a URL in the browser of the user. A page that only this user can read leads to it, since other users see the
 * command lines of programs. Resolves with whether a browser was started.
 */
export async function openIn(url: string, signal: AbortSignal | undefined): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-console-'));
  try {
    const page = join(directory, 'console.html');
    const leads = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${url}">`;
    await writeFile(page, leads, { mode: 0o600 });
    const isStarted = await started(platform() === 'darwin' ? 'open' : 'xdg-open', pathToFileURL(page).href);
    if (isStarted) await sleep(readMs, signal);
    return isStarted;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function started(opener: string, page: string): Promise<boolean> {
  const child = spawn(opener, [page], { stdio: 'ignore' });
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code === 0;
  } catch {
    return false;
  }
}
