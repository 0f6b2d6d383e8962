/** The notices of what others wrote and a bundle contains. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a bundle may contain. Others want a look at what they ask for. */
const accepted = ['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', '0BSD'];

/** A package in the lock file. */
interface Locked {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/**
 * The text of THIRD_PARTY_NOTICES: each package with its version, licence and copyright.
 * @param modules Paths of the modules in the bundle, relative to the root of the checkout.
 * @param beside Names of packages that are installed next to the bundle, with what these depend on.
 * @throws Error for a package whose licence is not among those that were looked at.
 */
export function noticesOf(root: string, modules: readonly string[], beside: readonly string[]): string {
  const parts = packagesOf(root, modules, beside).map(({ path, name, locked }) =>
    noticeOf(root, path, name, locked),
  );
  return `${introduction}${parts.join('')}`;
}

/** The work of others that is in a bundle or next to it. */
interface Bundled {
  /** Its directory, relative to the root of the checkout. */
  readonly path: string;
  readonly name: string;
  readonly locked: Locked;
}

/** In the order of their paths. Parameters are those of {@link noticesOf}. @throws Error for one that is not locked. */
export function packagesOf(
  root: string,
  modules: readonly string[],
  beside: readonly string[],
): readonly Bundled[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const paths = new Set(modules.map(packagePathOf).filter((path) => path !== undefined));
  const walked = new Set<string>();
  const add = (path: string) => {
    if (walked.has(path)) return;
    walked.add(path);
    paths.add(path);
    for (const name of Object.keys(packages[path]?.dependencies ?? {})) add(`node_modules/${name}`);
  };
  for (const name of beside) add(`node_modules/${name}`);
  return [...paths].sort().map((path) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const locked = packages[path];
    if (locked === undefined) throw new Error(`${name} is bundled but is not in package-lock.json`);
    return { path, name, locked };
  });
}

const introduction = `Artifacta is distributed with software of others. Each part names a package, its version, its
licence, and what the licence asks to be passed on.
`;

const rule = '-'.repeat(80);

/** The directory of the package that a module belongs to, as the lock file spells it. Undefined: ours. */
function packagePathOf(module: string): string | undefined {
  // They may be linked to from elsewhere.
  const installed = module.slice(Math.max(0, module.indexOf('node_modules/')));
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(installed)?.[0];
}

function noticeOf(root: string, path: string, name: string, locked: Locked): string {
  const license = locked.license ?? 'none that is named';
  const names = license.replace(/[()]/g, '').split(/ (?:AND|OR) /);
  if (!names.every((each) => accepted.includes(each)))
    throw new Error(`${name} has the licence ${license}, which is not accepted: read what it requires first`);
  const directory = join(root, path);
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const texts = files.sort().map((file) => readFileSync(join(directory, file), 'utf8').trim());
  return `\n${rule}\n${name} ${locked.version} (${license})\n${rule}\n\n${
    texts.length > 0 ? texts.join('\n\n') : `The package has no text of its licence: ${license}.`
  }\n`;
}
