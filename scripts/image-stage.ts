/**
 * The first stage of the Dockerfile: lays out in `/stage` what the image adds to its base. It takes the bundle that
 * exists if it is that of the sources, and otherwise installs what makes one, for which the base needs npm. No shell is
 * asked for.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePorts } from './free-ports.ts';
import { nativeFiles } from './native-files.ts';
import { sbomOf } from './sbom.ts';

const root = join(import.meta.dirname, '..');
/** Where it lies in the image, too: compiled code is found by the path of its source. */
const home = '/opt/artifacta';
const command = '/usr/local/bin/artifacta';
const compiled = join(home, 'compiled');
/** Who runs the image unless told otherwise, as the Dockerfile says. */
const user = 65_532;

const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });

function build(): void {
  const isThere = node('scripts/build.ts', '--check').status === 0 && nativeFiles(root) !== undefined;
  if (isThere) return;
  const { error, status } = spawnSync('npm', ['ci', '--ignore-scripts'], { cwd: root, stdio: 'inherit' });
  if (error !== undefined)
    throw new Error(
      `the base has no npm (${error.message}): run "npm run build" first, with ${process.version}; it makes the bundle`,
    );
  if (status !== 0 || node('scripts/build.ts').status !== 0) throw new Error('the bundle could not be built');
}

/** The values of `bin/node-options`. */
function option(name: string): string {
  const found = new RegExp(`^${name}='(.*)'$`, 'm').exec(
    readFileSync(join(root, 'bin/node-options'), 'utf8'),
  );
  if (found === null) throw new Error(`bin/node-options has no ${name}`);
  return found[1]!;
}

function layOut(): void {
  const { files, packages } = JSON.parse(readFileSync(join(root, 'dist/made-from'), 'utf8')) as {
    files: string[];
    packages: string[];
  };
  const copy = (from: string, to: string) => {
    mkdirSync(dirname(join(home, to)), { recursive: true });
    cpSync(join(root, from), join(home, to));
  };
  for (const name of [...files, 'package.json', 'THIRD_PARTY_NOTICES']) copy(`dist/${name}`, name);
  copy('LICENSE', 'LICENSE');
  const native = nativeFiles(root)!;
  for (const path of native) copy(path, path);
  writeFileSync(join(home, 'sbom.cdx.json'), sbomOf(root, [...packages, ...native]));
  // For `podman exec`. A line like this takes one flag.
  const flags = option('command_flags');
  if (flags.includes(' '))
    throw new Error('command_flags must be one flag: the first line of a script cannot have more');
  mkdirSync(dirname(command), { recursive: true });
  writeFileSync(command, `#!${process.execPath} ${flags}\nimport '${home}/main.js';\n`, { mode: 0o755 });
}

/** Has a service, its reaper and the commands compiled, so that they start as fast where nothing can be written. */
async function compile(): Promise<void> {
  const data = '/tmp/artifacta-warm';
  const env = { ...process.env, NODE_COMPILE_CACHE: compiled, ARTIFACTA_DATA_DIR: join(data, 'store') };
  const flags = [...option('serve_flags').split(' '), join(home, 'main.js')];
  const service = spawn(process.execPath, [...flags, 'serve', ...freePorts], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(service, 'close');
  let isReady = false;
  for await (const line of createInterface({ input: service.stdout })) {
    if (!line.includes('"msg":"ready"')) continue;
    isReady = true;
    const run = (file: string, ...args: string[]) =>
      execFileSync(file, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    for (const program of [[process.execPath, ...flags], [command]]) {
      const [file, ...args] = program as [string, ...string[]];
      for (const each of [
        ['--version'],
        ['push', join(home, 'LICENSE'), '--session', 'warm'],
        ['ls', 'warm'],
        ['reap', '--once'],
      ])
        run(file, ...args, ...each);
    }
    service.kill('SIGTERM');
  }
  const [code] = await closed;
  if (!isReady || code !== 0) throw new Error(`cannot try the service: it ended with ${code}`);
  rmSync(data, { recursive: true });
}

/** Node keeps compiled code for the user who runs it, in a directory whose name ends with the user's number. */
function giveCompiled(): void {
  for (const name of readdirSync(compiled)) {
    const own = name.replace(/\d+$/, String(user));
    renameSync(join(compiled, name), join(compiled, own));
    symlinkSync(own, join(compiled, name.replace(/\d+$/, '0')));
    for (const file of readdirSync(join(compiled, own))) chmodSync(join(compiled, own, file), 0o644);
  }
}

build();
layOut();
await compile();
giveCompiled();
for (const path of [home, command]) {
  mkdirSync(dirname(`/stage${path}`), { recursive: true });
  cpSync(path, `/stage${path}`, { recursive: true, verbatimSymlinks: true });
}
// Of its group too, as is usual where the number of the user is not known before.
mkdirSync('/volume/data', { recursive: true });
chmodSync('/volume/data', 0o770);
