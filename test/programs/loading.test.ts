/**
 * A command loads what it needs. Loading is most of what a short command costs, and grows by one import in the wrong
 * place: so what it loads is counted, and a number here that has to be raised wants a reason.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, it } from 'vitest';
import { Home } from '../cli/program.ts';

const root = resolve(import.meta.dirname, '../..');

/** Prints, when the program ends, the modules that it has loaded, but for those of Node. */
const counting = `
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:')) loaded.push(url);
    return next(url, context);
  },
});
process.on('exit', () => process.stderr.write(\`\\nloaded \${JSON.stringify(loaded)}\\n\`));`;

interface Loaded {
  readonly ours: readonly string[];
  readonly packages: readonly string[];
}

function loadedBy(home: Home, args: readonly string[]): Loaded {
  const script = home.at('counting.mjs');
  writeFileSync(script, counting);
  const { NODE_COMPILE_CACHE: _cache, ...env } = process.env;
  const command = `"$0" "$@" 2>&1 >/dev/null`;
  const printed = execFileSync('sh', ['-c', command, process.execPath, '--import', script, main, ...args], {
    env: { ...env, HOME: home.directory },
    cwd: home.directory,
    encoding: 'utf8',
  });
  const urls = JSON.parse(/^loaded (.*)$/m.exec(printed)![1]!) as string[];
  const files = urls.map((url) => url.slice(url.indexOf(root) + root.length + 1));
  return {
    ours: files.filter((file) => /^(src|gen)\//.test(file)),
    packages: files.filter((file) => file.startsWith('node_modules/')),
  };
}

const main = join(root, 'src/main.ts');

describe('what is loaded by', { timeout: 120_000 }, () => {
  let home: Home;
  beforeAll(async () => {
    home = await Home.make();
    writeFileSync(home.at('output.json'), '{}');
    return () => home[Symbol.asyncDispose]();
  });

  const push = ['push', 'output.json', '--session', 'run'];
  it.each([
    // One reads the address of a database, one lists the settings of replicas.
    { command: ['--version'], ours: 42, packages: 130 },
    // Some 94 of them serve others, where the command takes longer than 200 ms. Six are for direct uploads, which
    // only a store in a bucket takes; one keeps rows in memory, and six keep lists; two find the place of the index; thirteen
    // say who decides about a namespace, which is always this process here; two remember request ids and forget them.
    // One syncs large contents early, two take the bodies of requests and what comes after an answer, one says what the
    // format of the store is, and one reads what is left of contents without a record.
    { command: ['ls'], ours: 525, packages: 360 },
    { command: push, ours: 536, packages: 360 },
  ])('$command', ({ command, ours, packages }) => {
    const loaded = loadedBy(home, command);
    expect(loaded.ours.length).toBeLessThanOrEqual(ours);
    expect(loaded.packages.length).toBeLessThanOrEqual(packages);
    expect(loaded.ours).toContain('src/main.ts');
    expect(loaded.ours.filter((file) => file.startsWith('src/index/postgres/'))).toEqual([]);
    expect(loaded.packages.filter((file) => file.startsWith('node_modules/pg'))).toEqual([]);
  });

  it.each([{ command: ['ls'] }, { command: push }])(
    '$command where a service is asked',
    async ({ command }) => {
      const service = home.start([
        'serve',
        '--data-dir',
        home.at('served'),
        '--grpc-listen',
        '127.0.0.1:0',
        ...silent,
      ]);
      await lineOf(service, /"msg":"ready"/);
      const loaded = loadedBy(home, [...command, '--data-dir', home.at('served')]);
      // One of them watches for answers of a service of another version; three keep the client apart from Node; one has the
      // messages of direct uploads, which are methods of a service that is loaded; one reads the address of a database.
      expect(loaded.ours.length).toBeLessThanOrEqual(131);
      expect(loaded.packages.length).toBeLessThanOrEqual(155);
      expect(
        loaded.ours.filter((file) => /^src\/(store|index|blobs|query|reading|telemetry)\//.test(file)),
      ).toEqual([]);
      service.kill('SIGTERM');
      await once(service, 'close');
    },
  );
});

const silent = ['--http-listen', 'none', '--admin-listen', 'none'];

/** Resolves when the process has printed such a line. */
async function lineOf(child: ChildProcess, wanted: RegExp): Promise<void> {
  for await (const line of createInterface({ input: child.stdout! })) if (wanted.test(line)) return;
  throw new Error(`it has ended without a line like ${wanted}`);
}
