/** A page in the Chromium of this machine. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { rolldown } from 'rolldown';

/** Why nothing is run where there is none. */
export const whySkipped =
  'no Chromium on the PATH; in Debian: apt-get install chromium. The variable CHROMIUM names another.';

/** As root, Chromium starts without its sandbox alone. */
export const switches: readonly string[] = ['--no-sandbox'];

/** Returns the Chromium of this machine. Undefined: it has none. */
export function chromiumPath(): string | undefined {
  const named = process.env.CHROMIUM ?? '';
  const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((at) => names.map((name) => join(at, name)));
  return [named, ...found].find((path) => path !== '' && existsSync(path));
}

/** Returns a module with all that it imports, for a page. */
export async function bundled(input: string): Promise<string> {
  await using build = await rolldown({
    input,
    platform: 'browser',
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`the bundler warns: ${log.message}`);
    },
  });
  const { output } = await build.generate({ format: 'esm', codeSplitting: false });
  return output.flatMap((part) => (part.type === 'chunk' ? [part.code] : [])).join('\n');
}

/** Serves a page with a script, under every name of this machine. */
export async function servePage(script: string): Promise<{ readonly server: Server; readonly port: number }> {
  const page =
    '<!doctype html><meta charset="utf-8"><input type="file"><script type="module" src="/page.js"></script>';
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : page);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}
