/**
 * Makes a base for the image where no registry of images is reached: Node, the libraries that it and the packages with
 * native parts ask for, certificates, and nothing else, no shell either. It has the shape that
 * the Dockerfile needs of `node:24-slim`.
 *
 *     node scripts/image-base.ts DIRECTORY
 *     buildah bud --tag localhost/artifacta-base DIRECTORY
 *
 * Libraries are those of this machine, which has to be a Linux with glibc.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { nativeFiles } from './native-files.ts';

const root = join(import.meta.dirname, '..');

/** Where distributions keep the certificates of authorities, and where Node and others look for them. */
const certificates = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

/** Node of this checkout: the program that runs this, without the links that lead to it. */
const node = join(root, 'node_modules/node/bin/node');

/** What is loaded into the process, and asks for libraries of the system. */
function loaded(): string[] {
  const native = nativeFiles(root);
  if (native === undefined) throw new Error('node_modules: must be installed: "npm run setup" does it');
  return [node, ...native.filter((path) => path.endsWith('.node')).map((path) => join(root, path))];
}

/** The libraries that a program or a library asks for, as the loader of this machine finds them. */
function librariesOf(path: string): string[] {
  const listed = execFileSync('ldd', [path], { encoding: 'utf8' });
  if (listed.includes('not found')) throw new Error(`${path}: a library is missing:\n${listed}`);
  return [...listed.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, library]) => library!);
}

/** Licences of the Debian packages that files come from; elsewhere nothing is known of them. */
function licencesOf(paths: readonly string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    try {
      const owner = execFileSync('dpkg', ['--search', path.replace(/^\/lib/, '*/lib')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      found.add(`/usr/share/doc/${owner.slice(0, owner.indexOf(':'))}/copyright`);
    } catch {
      // Not of Debian, or not from a package.
    }
  }
  return [...found].filter((path) => existsSync(path)).sort();
}

const users = `root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
`;

const dockerfile = `FROM scratch
COPY rootfs/ /
ENV PATH=/usr/local/bin
`;

function make(directory: string): void {
  if (existsSync(directory) && readdirSync(directory).length > 0)
    throw new Error(`${directory}: must be empty: its content would be part of the image`);
  const files = join(directory, 'rootfs');
  const at = (path: string) => join(files, relative('/', path));
  const copy = (from: string, to = from) => {
    mkdirSync(dirname(at(to)), { recursive: true });
    copyFileSync(from, at(to));
  };
  rmSync(files, { recursive: true, force: true });
  copy(node, '/usr/local/bin/node');
  const licence = join(root, `node_modules/node/node_modules/node-linux-${process.arch}/LICENSE`);
  copy(licence, '/usr/share/doc/node/copyright');
  const libraries = [...new Set(loaded().flatMap(librariesOf))].sort();
  for (const library of libraries) copy(library);
  for (const copyright of licencesOf(libraries)) copy(copyright);
  const bundle = certificates.find((path) => existsSync(path));
  if (bundle === undefined)
    throw new Error(`cannot find certificates of authorities: ${certificates.join()}`);
  copy(bundle, certificates[0]!);
  writeFileSync(at('/etc/passwd'), users);
  writeFileSync(at('/etc/group'), 'root:x:0:\nnobody:x:65534:\n');
  mkdirSync(at('/tmp'));
  chmodSync(at('/tmp'), 0o1777);
  writeFileSync(join(directory, 'Dockerfile'), dockerfile);
}

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('name the directory to make');
make(directory);
