// Installs the exact dependencies of package-lock.json and bundles the program, and does nothing when both exist
// already. It runs before `npm start`, `npm test` and the like, under whatever Node the machine has: Node 24 itself is
// one of the dependencies. Plain JavaScript on purpose.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.artifacta-installed');
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(`${process.platform} ${process.arch}`)
  .digest('hex');

function installed() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

function npm(...args) {
  const cli = process.env.npm_execpath;
  const [command, prefix] = cli ? [process.execPath, [cli]] : ['npm', []];
  // Progress goes to stderr, so that what a script prints afterwards stays alone on stdout.
  const { status, error } = spawnSync(command, [...prefix, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}

if (!installed()) {
  // npm would empty what it leads to, which is another checkout's.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
    console.error(
      'node_modules is a link to packages that do not belong to this checkout: remove it, and start again',
    );
    process.exit(1);
  }
  console.error('Installing the dependencies of package-lock.json …');
  const status = npm('ci', '--no-audit', '--no-fund', '--loglevel=error');
  if (status !== 0) process.exit(status);
  if (!existsSync(join(root, 'node_modules', '.bin', 'node'))) {
    console.error(
      'npm did not install Node 24: allow the package "node" to run its install script, and start again.',
    );
    process.exit(1);
  }
  // Makes `npx artifacta` find this checkout's own command.
  const link = join(root, 'node_modules', '.bin', 'artifacta');
  if (!existsSync(link)) symlinkSync(join('..', '..', 'bin', 'artifacta'), link);
  writeFileSync(stamp, wanted);
}

// The program is bundled again when its sources have changed; without a bundle it runs the sources, only slower.
const { status } = spawnSync(
  join(root, 'node_modules', '.bin', 'node'),
  [join(root, 'scripts', 'build.ts')],
  { cwd: root, stdio: ['ignore', 2, 2] },
);
if (status !== 0) console.error('Cannot bundle the program. Its sources run instead, and start more slowly.');
