/** The launcher runs the bundle if it was made from exactly what is there, and the sources otherwise. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noticesOf } from '../../scripts/notices.ts';
import { copyCheckout, root } from '../support/checkout.ts';
import { removeDirectory } from '../support/directories.ts';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const fromBundle = `${version}\n`;
const fromSources = `${version} (from its sources)\n`;

let home: string;
let checkout: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'artifacta-bundle-'));
  checkout = join(home, 'checkout');
  copyCheckout(checkout);
});

afterEach(() => removeDirectory(home));

const at = (...path: string[]) => join(checkout, ...path);
const environment = () => ({ PATH: process.env.PATH, HOME: home });
const build = (...args: string[]) =>
  execFileSync(process.execPath, [at('scripts/build.ts'), ...args], { stdio: ['ignore', 'inherit', 'pipe'] });

function said(args: readonly string[], variables: Readonly<Record<string, string>> = {}): string {
  return String(
    execFileSync(at('bin/artifacta'), args, { env: { ...environment(), ...variables }, stdio: 'pipe' }),
  );
}

describe('the launcher', { timeout: 120_000 }, () => {
  it('runs the sources before there is a bundle, then the bundle, and the sources where a variable asks for them', () => {
    expect(said(['--version'])).toBe(fromSources);
    build();
    expect(said(['--version'])).toBe(fromBundle);
    expect(said(['--version'], { ARTIFACTA_FROM_SOURCES: '1' })).toBe(fromSources);
  });

  it('runs the sources after any change to them, whatever time it is given, until it is known that they are as they were', () => {
    build();
    const grown = (path: string) => () => writeFileSync(at(path), `${readFileSync(at(path), 'utf8')}\n`);
    const restored = (path: string) => () => cpSync(join(root, path), at(path));
    const source = 'src/cli/advice.ts';
    const changes: Record<string, readonly [change: () => void, undo: () => void]> = {
      'a source': [grown(source), restored(source)],
      'a source with its old times': [
        () => {
          const { atime, mtime } = statSync(at(source));
          grown(source)();
          utimesSync(at(source), atime, mtime);
        },
        restored(source),
      ],
      'a new file': [() => writeFileSync(at('src/new.ts'), ''), () => rmSync(at('src/new.ts'))],
      'a file that has gone': [() => rmSync(at(source)), restored(source)],
      'a file of another name': [
        () => renameSync(at('src/cli/README.md'), at('src/cli/OTHER.md')),
        () => renameSync(at('src/cli/OTHER.md'), at('src/cli/README.md')),
      ],
      'generated code': [grown('gen/filter/parser.js'), restored('gen/filter/parser.js')],
      'the lock file': [grown('package-lock.json'), restored('package-lock.json')],
      'how it is bundled': [grown('scripts/build.ts'), restored('scripts/build.ts')],
    };
    for (const [what, [change, undo]] of Object.entries(changes)) {
      change();
      // What has gone is missed by the sources.
      if (what !== 'a file that has gone') expect([what, said(['--version'])]).toEqual([what, fromSources]);
      else expect(() => said(['--version'])).toThrow(/ERR_MODULE_NOT_FOUND/);
      undo();
      build();
      expect([what, said(['--version'])]).toEqual([what, fromBundle]);
    }
  });

  it('runs what was changed, and not the bundle of before', () => {
    build();
    const source = at('src/cli/program.ts');
    const text = readFileSync(source, 'utf8');
    expect(text).toContain('.version(');
    writeFileSync(source, text.replace(".version(io.version ?? 'unknown')", ".version('patched')"));
    expect(said(['--version'])).toBe('patched\n');
  });

  it('does not bundle again what is as it was, though its times are others', () => {
    build();
    const { ino } = statSync(at('dist/main.js'));
    utimesSync(at('src/main.ts'), new Date(), new Date());
    expect(said(['--version'])).toBe(fromSources);
    build();
    expect(said(['--version'])).toBe(fromBundle);
    expect(statSync(at('dist/main.js')).ino).toBe(ino);
  });

  it('keeps the files of the bundle before for a day, for programs that run', () => {
    build();
    const before = readdirSync(at('dist'));
    for (const name of before) utimesSync(at('dist', name), 1, 1);
    writeFileSync(at('dist/old-12345678.js'), '');
    writeFileSync(at('src/main.ts'), `${readFileSync(at('src/main.ts'), 'utf8')}\nprocess.title;\n`);
    build();
    const files = (name: string) => name.startsWith('old-') || readdirSync(at('dist')).includes(name);
    expect(before.filter((name) => !files(name))).toEqual([]);
    expect(readdirSync(at('dist'))).toContain('old-12345678.js');
    utimesSync(at('dist/old-12345678.js'), 1, 1);
    build('--force');
    expect(readdirSync(at('dist'))).not.toContain('old-12345678.js');
  });
});

describe('a service from the bundle', { timeout: 60_000 }, () => {
  it('encodes base64 with Node, starts its reaper, and stops', async () => {
    build();
    const preload = join(home, 'count.mjs');
    writeFileSync(
      preload,
      `let writes = 0;
      const { write } = Buffer.prototype;
      Buffer.prototype.write = function (...args) {
        if (args.includes('base64')) writes++;
        return write.apply(this, args);
      };
      process.on('exit', () => process.stderr.write(\`wrote \${writes} times\\n\`));`,
    );
    const listeners = [
      '--grpc-listen',
      '127.0.0.1:0',
      '--http-listen',
      '127.0.0.1:0',
      '--admin-listen',
      'none',
    ];
    const child = spawn(
      at('bin/artifacta'),
      ['serve', '--data-dir', join(home, 'data'), ...listeners, '--with-reaper'],
      {
        env: { ...environment(), NODE_OPTIONS: `--import ${preload}` },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const closed = once(child, 'close');
    const errors: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
    try {
      const ready = Promise.withResolvers<{ http: string }>();
      createInterface({ input: child.stdout }).on('line', (line) => {
        const entry = JSON.parse(line) as { msg: string; http: string };
        if (entry.msg === 'ready') ready.resolve(entry);
      });
      void closed.then(() => ready.reject(new Error(`it has ended: ${errors.join('')}`)));
      const { http } = await ready.promise;
      const answer = await fetch(`http://${http}/artifacta.v1.ArtifactService/CreateArtifact`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          spec: { session: 's', name: 'n' },
          data: Buffer.from('hello').toString('base64'),
        }),
      });
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('art_')]);
      const children = () => String(execFileSync('ps', ['-eo', 'ppid=,args='])).split('\n');
      const reaper = new RegExp(`^ *${child.pid} .*dist/main\\.js reap `);
      await expect.poll(() => children().filter((line) => reaper.test(line)).length).toBe(1);
    } finally {
      child.kill('SIGTERM');
      await closed;
    }
    expect(child.exitCode).toBe(0);
    expect(errors.join('')).toMatch(/wrote [1-9]\d* times/);
  });
});

describe('the notices', () => {
  const packageAt = (path: string, locked: object, files: Readonly<Record<string, string>> = {}) => {
    mkdirSync(join(home, path), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(home, path, name), text);
    writeFileSync(join(home, 'package-lock.json'), JSON.stringify({ packages: { [path]: locked } }));
    return [`${path}/lib/index.js`];
  };

  it('name each package of the bundle with its licence and its text', () => {
    const modules = packageAt(
      'node_modules/@a/b',
      { version: '1.2.3', license: 'MIT' },
      { LICENSE: 'Copyright Somebody', 'index.js': '' },
    );
    const notices = noticesOf(home, [...modules, 'src/main.ts'], []);
    expect(notices).toContain('@a/b 1.2.3 (MIT)');
    expect(notices).toContain('Copyright Somebody');
  });

  it('name what a package beside the bundle depends on, though parts of it are bundled', () => {
    const locked = { version: '1.0.0', license: 'MIT' };
    mkdirSync(join(home, 'node_modules/a'), { recursive: true });
    mkdirSync(join(home, 'node_modules/b'));
    const packages = { 'node_modules/a': { ...locked, dependencies: { b: '1' } }, 'node_modules/b': locked };
    writeFileSync(join(home, 'package-lock.json'), JSON.stringify({ packages }));
    expect(noticesOf(home, ['node_modules/a/index.js'], ['a'])).toContain('b 1.0.0 (MIT)');
  });

  it.each(['GPL-3.0-only', '(MIT AND MPL-2.0)', undefined])('refuse the licence %s', (license) => {
    const modules = packageAt('node_modules/c', { version: '1.0.0', license });
    expect(() => noticesOf(home, modules, [])).toThrow(/^c has the licence .*not accepted/);
  });

  it('refuse a package that the lock file does not name', () => {
    packageAt('node_modules/c', { version: '1.0.0', license: 'MIT' });
    expect(() => noticesOf(home, ['node_modules/d/index.js'], [])).toThrow(/d is bundled/);
  });
});
