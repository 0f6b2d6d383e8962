/** What `artifacta mcp` loads from the bundle before it answers: hosts start it for each agent, and wait for the answer. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyCheckout } from '../support/checkout.ts';
import { removeDirectory } from '../support/directories.ts';

/** Writes to a file, when the program ends, the files that it had loaded when it first wrote to standard output. */
const counting = `
import { registerHooks } from 'node:module';
import { writeFileSync } from 'node:fs';
let loaded = [];
registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:')) loaded.push(url.split('/').at(-1));
    return next(url, context);
  },
});
const write = process.stdout.write;
process.stdout.write = function (...args) {
  writeFileSync(process.env.COUNTED, JSON.stringify(loaded));
  process.stdout.write = write;
  return write.apply(process.stdout, args);
};`;

const envelope = {
  _meta: {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  },
};
const first = {
  initialize: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  'server/discover': envelope,
};

describe('before its first answer, artifacta mcp', { timeout: 120_000 }, () => {
  let home: string;
  const at = (...path: string[]) => join(home, ...path);
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'artifacta-mcp-start-'));
    copyCheckout(at('checkout'));
    execFileSync(process.execPath, [at('checkout/scripts/build.ts')], { stdio: 'inherit' });
    writeFileSync(at('counting.mjs'), counting);
  });
  afterAll(() => removeDirectory(home));

  it.each(Object.entries(first))(
    'loads few files for %s, and nothing that calls a service',
    async (method, params) => {
      const main = at('checkout/dist/main.js');
      const child = spawn(
        process.execPath,
        ['--import', at('counting.mjs'), main, 'mcp', '--data-dir', at('data')],
        {
          env: { PATH: process.env.PATH, HOME: home, COUNTED: at('counted.json') },
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      );
      const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
      child.stdin!.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })}\n`);
      expect(JSON.parse((await lines.next()).value!)).toMatchObject({
        id: 1,
        result: { capabilities: { tools: {} } },
      });
      child.stdin!.end();
      expect(await once(child, 'close')).toEqual([0, null]);
      const loaded = JSON.parse(readFileSync(at('counted.json'), 'utf8')) as string[];
      const files = loaded.filter((name) => name !== 'counting.mjs');
      expect(files).toContain('main.js');
      // One is shared with the driver of a database, which is not loaded.
      expect(files.length).toBeLessThanOrEqual(32);
      const bytes = files
        .map((name) => statSync(at('checkout/dist', name)).size)
        .reduce((sum, size) => sum + size, 0);
      expect(bytes).toBeLessThanOrEqual(1_350_000);
      const within = (names: readonly string[]) =>
        names.map((name) => readFileSync(at('checkout/dist', name), 'utf8')).join('\n');
      const all = readdirSync(at('checkout/dist')).filter((name) => name.endsWith('.js'));
      const found = (names: readonly string[], name: string) =>
        new RegExp(`\\b${name} = class\\b`).test(within(names));
      for (const name of ['ArtifactaClient', 'ConnectError', 'StoreHost']) {
        expect(found(all, name)).toBe(true);
        expect(found(files, name)).toBe(false);
      }
      expect(found(all, 'AjvJsonSchemaValidator')).toBe(false);
    },
  );
});
