/** The launcher of a package: which Node it takes, and what it says where there is none that would do. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { removeDirectory } from '../support/directories.ts';

const root = resolve(import.meta.dirname, '../..');

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'artifacta-launcher-'));
  onTestFinished(() => removeDirectory(directory));
  cpSync(join(root, 'bin'), at('package/bin'), { recursive: true });
  mkdirSync(at('path'));
  for (const tool of ['sh', 'dirname', 'readlink']) symlinkSync(`/usr/bin/${tool}`, at('path', tool));
});

const at = (...path: string[]) => join(directory, ...path);

/** A Node of that version, which says its name and what it was started with. */
function node(path: string, version: string): string {
  const said = `#!/bin/sh\n[ "$*" = --version ] && echo ${version} && exit\necho "${version} $*" "$ARTIFACTA_NODE"\n`;
  writeFileSync(at(path), said);
  chmodSync(at(path), 0o755);
  return at(path);
}

function run(args: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(at('package/bin/artifacta'), args, {
    env: { PATH: at('path'), ...variables },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const refusal = (what: string) =>
  `artifacta: cannot run without Node 24 or later; \`node\` on the PATH is ${what}: install a newer one, or the package for pip, which has its own\n`;

describe('without a Node of its own', () => {
  it.each(['v24.0.0', 'v24.21.0', 'v30.1.2', 'v100.0.0'])('it takes %s of the machine', (version) => {
    node('path/node', version);
    const started = expect.stringContaining(`${version} --min-semi-space-size=16 `);
    expect(run(['ls'])).toEqual({ status: 0, stdout: started, stderr: '' });
  });

  it.each(['v0.12.1', 'v8.17.0', 'v18.20.8', 'v20.20.2', 'v22.23.3', 'v23.11.1'])(
    'it refuses %s',
    (version) => {
      node('path/node', version);
      for (const args of [['ls'], ['serve'], ['--version']])
        expect(run(args)).toEqual({ status: 1, stdout: '', stderr: refusal(version) });
    },
  );

  it('it says that there is none', () => {
    expect(run(['ls'])).toEqual({ status: 1, stdout: '', stderr: refusal('none') });
  });
});

describe('with a Node of its own', () => {
  it('it asks for none of the machine, and names it to nobody else', () => {
    const own = node('own', 'v24.11.1');
    node('path/node', 'v20.20.2');
    const { stdout } = run(['serve', '--auth'], { ARTIFACTA_NODE: own });
    const { stdout: command } = run(['ls'], { ARTIFACTA_NODE: own });
    expect(stdout).toMatch(
      /^v24\.11\.1 --external-memory-accounted-in-global-limit .*dist\/main\.js serve --auth \n$/,
    );
    expect(command).toMatch(/^v24\.11\.1 --min-semi-space-size=16 .*dist\/main\.js ls \n$/);
  });

  it('it takes that of the machine where that has gone', () => {
    node('path/node', 'v24.21.0');
    expect(run(['ls'], { ARTIFACTA_NODE: at('gone') })).toMatchObject({ status: 0 });
  });
});

describe('where it lies', () => {
  it.each([
    ['by links, one of them relative', ['links/artifacta']],
    ['from its own directory', ['artifacta']],
  ])('is found %s', (_how, [path]) => {
    const own = node('own', 'v24.11.1');
    mkdirSync(at('links'));
    symlinkSync('../middle', at('links/artifacta'));
    symlinkSync(at('package/bin/artifacta'), at('middle'));
    const isLink = path!.includes('/');
    const { stdout } = spawnSync('/bin/sh', [path!, 'ls'], {
      cwd: isLink ? directory : at('package/bin'),
      env: { PATH: at('path'), ARTIFACTA_NODE: own },
      encoding: 'utf8',
    });
    expect(stdout).toContain(`${at('package/dist/main.js')} ls`);
  });
});
