/**
 * Builds `dist/`: the program as a few JavaScript files, which load in a third of the time that the sources take, and
 * the web console in `dist/console/`. It does nothing if `dist/` was made from exactly these sources, and with `--check` only says so by its exit code.
 * `bin/artifacta` runs it for as long as that is so.
 *
 *     node scripts/build.ts [--force | --check]
 *
 * A file's name has a hash of its content, except `main.js` and the console's page, which are replaced last. So a
 * program that runs goes on with the files that it was started with.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import type { OutputChunk, Plugin } from 'rolldown';
import { bundleConsole } from './console.ts';
import { nativePackages } from './native-files.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

/** What a bundle is made from; `bin/artifacta` names the same. */
const inputs = ['src', 'gen', 'scripts', 'package.json', 'package-lock.json'];

/** Its time is when the bundle was begun: whatever has changed after is newer. */
const stamp = join(dist, 'made-from');

/** How long files that no bundle has any more are kept for programs that run. */
const keptMs = 24 * 3_600_000;

/** Of the names and contents of everything that a bundle is made from. */
function digestOfInputs(): string {
  const hash = createHash('sha256').update(`${process.version}\n`);
  const add = (path: string) => {
    if (statSync(join(root, path)).isDirectory()) {
      for (const name of readdirSync(join(root, path)).sort()) add(join(path, name));
      return;
    }
    const content = readFileSync(join(root, path));
    hash.update(`${path}\n${content.length}\n`).update(content);
  };
  inputs.forEach(add);
  return hash.digest('hex');
}

const fromNode = '\0node:';
const requiredFromNode = '\0require:';

/**
 * Modules of Node without `import`: one of `node:http` would make Node read every name that it exports, among them
 * WebSocket, for which it loads 13,000 lines. What is imported of them becomes a constant, so that a call of `crc32`
 * costs what it costs in the sources; a property of a module of CommonJS would be looked up by a getter each time.
 */
const builtins: Plugin = {
  name: 'modules of Node',
  resolveId(id, _importer, { kind }) {
    const name = id.replace(/^node:/, '');
    // The bundle's own `require` comes from it.
    if (name === 'module' || !(id.startsWith('node:') || builtinModules.includes(name))) return null;
    return `${kind === 'require-call' ? requiredFromNode : fromNode}${name}`;
  },
  load(id) {
    const name = id.replace(requiredFromNode, '').replace(fromNode, '');
    if (name === id) return null;
    const loaded = `process.getBuiltinModule(${JSON.stringify(`node:${name}`)})`;
    if (id.startsWith(requiredFromNode)) return `module.exports = ${loaded};`;
    const names = Object.keys(process.getBuiltinModule(`node:${name}`) ?? {}).filter(
      (key) => key !== 'default',
    );
    // Only names that are used are read: the others are left out as pure.
    const constants = names.map((key) => `export const ${key} = /* @__PURE__ */ (() => it.${key})();`);
    return [`const it = /* @__PURE__ */ ${loaded};`, 'export default it;', ...constants].join('\n');
  },
};

/** Packages with native parts find these next to themselves, and stay where they are installed. */
const native: Plugin = {
  name: 'native packages',
  resolveId(id, importer) {
    if (id === './binding' && importer?.includes('/classic-level/'))
      return { id: 'classic-level/binding.js', external: true };
    return id === '@node-rs/crc32' ? { id, external: true } : null;
  },
};

/** The module by which the SDK of MCP finds what differs between runtimes. */
const runtimeOfMcp = '@modelcontextprotocol/server/_shims';

/**
 * The SDK of MCP brings a validator of JSON schemas, for answers to questions that a server sends itself. This program
 * asks in the results of tools instead, and the tools check the answers. The validator is a third of the SDK, and a
 * command that serves MCP would load it before its first answer.
 */
const withoutValidator: Plugin = {
  name: 'no validator of JSON schemas',
  resolveId: (id) => (id === runtimeOfMcp ? `\0${id}` : null),
  load(id) {
    if (id !== `\0${runtimeOfMcp}`) return null;
    return `export { default as process } from 'node:process';
export class DefaultJsonSchemaValidator {
  getValidator() {
    throw new Error('the bundle has no validator of JSON schemas');
  }
}`;
  },
};

/** Packages that others look for, and do without. The bundle would look for them where it is installed. */
const soughtInVain: readonly string[] = ['pg-native', 'supports-color'];

const withoutIt: Plugin = {
  name: 'no package that may be missing',
  resolveId: (id) => (soughtInVain.includes(id) ? `\0${id}` : null),
  load: (id) => (soughtInVain.includes(id.replace('\0', '')) ? 'module.exports = {};' : null),
};

/** What every command loads, whatever it is. In one file it is found sooner than in thirty. */
const loadedByAll = join(root, 'src/cli/program.ts');

/** Returns the names of a module and of all that it imports, but for what is imported only when it is needed. */
function reachedFrom(id: string, importsOf: (id: string) => readonly string[]): ReadonlySet<string> {
  const reached = new Set([id]);
  // A set gives also what is added meanwhile.
  for (const one of reached) for (const imported of importsOf(one)) reached.add(imported);
  return reached;
}

async function bundle(): Promise<readonly OutputChunk[]> {
  const { rolldown } = await import('rolldown');
  await using build = await rolldown({
    cwd: root,
    input: { main: 'src/main.ts' },
    platform: 'node',
    plugins: [native, withoutValidator, withoutIt, builtins],
    // A busy machine is no fault of the sources.
    checks: { bundlerTimings: false },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`the bundler warns: ${log.message}`);
    },
  });
  let always: ReadonlySet<string> | undefined;
  const { output } = await build.generate({
    format: 'esm',
    codeSplitting: {
      groups: [
        { name: 'node', test: /^\0require:/ },
        {
          name: (id, modules) => {
            always ??= reachedFrom(loadedByAll, (one) => modules.getModuleInfo(one)?.importedIds ?? []);
            return always.has(id) ? 'always' : null;
          },
        },
      ],
    },
  });
  return output.filter((part) => part.type === 'chunk');
}

/**
 * Writes all before it replaces any, the last one last: on a full disk the bundle of before stays, and programs that start
 * meanwhile see that or all of this one.
 */
function replaceAll(files: readonly (readonly [name: string, content: string | Uint8Array])[]): void {
  for (const [name] of files) mkdirSync(dirname(join(dist, name)), { recursive: true });
  const next = (name: string) => join(dist, `${name}.${process.pid}`);
  try {
    for (const [name, content] of files) writeFileSync(next(name), content);
  } catch (error) {
    for (const [name] of files) rmSync(next(name), { force: true });
    throw error;
  }
  for (const [name] of files) renameSync(next(name), join(dist, name));
}

function removeOld(current: ReadonlySet<string>): void {
  const directories = new Set([...current].map((name) => dirname(name)));
  const look = (directory: string) => {
    for (const entry of readdirSync(join(dist, directory))) {
      const name = join(directory, entry);
      const path = join(dist, name);
      if (directories.has(name)) look(name);
      else if (!current.has(name) && statSync(path).mtimeMs < Date.now() - keptMs)
        rmSync(path, { recursive: true });
    }
  };
  look('.');
}

/** By the clock of the file system, which lags a little behind that of the process. */
function now(): Date {
  const path = join(dist, `now.${process.pid}`);
  writeFileSync(path, '');
  const { mtime } = statSync(path);
  rmSync(path);
  return mtime;
}

async function build(): Promise<void> {
  mkdirSync(dist, { recursive: true });
  const begun = now();
  const digest = digestOfInputs();
  const [chunks, webConsole, { noticesOf, packagesOf }] = await Promise.all([
    bundle(),
    bundleConsole(root),
    import('./notices.ts'),
  ]);
  if (digestOfInputs() !== digest) throw new Error('the sources changed during the build: start again');
  const modules = [
    ...chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => !id.startsWith('\0')),
    ...webConsole.modules,
  ];
  const main = chunks.find(({ fileName }) => fileName === 'main.js')!;
  const files = [...chunks.filter((chunk) => chunk !== main), main];
  const paths = modules.map((id) => relative(root, id));
  const names = [...files.map(({ fileName }) => fileName), ...webConsole.files.map(([name]) => name)];
  const packages = packagesOf(root, paths, nativePackages).map(({ path }) => path);
  replaceAll([
    ['THIRD_PARTY_NOTICES', noticesOf(root, paths, nativePackages)],
    ['package.json', `${JSON.stringify({ type: 'module', private: true })}\n`],
    ...webConsole.files,
    ...files.map(({ fileName, code }) => [fileName, code] as const),
    ['made-from', `${JSON.stringify({ digest, files: names.toSorted(), packages }, undefined, 2)}\n`],
  ]);
  utimesSync(stamp, begun, begun);
  removeOld(new Set([...names, 'THIRD_PARTY_NOTICES', 'package.json', 'made-from']));
}

/** Whether `dist/` was made from what is here. If so, all that is here counts as older from now on. */
function isCurrent(): boolean {
  if (!existsSync(stamp) || !existsSync(join(dist, 'main.js'))) return false;
  const { digest } = JSON.parse(readFileSync(stamp, 'utf8')) as { digest?: string };
  try {
    const begun = now();
    if (digest !== digestOfInputs()) return false;
    utimesSync(stamp, begun, begun);
    return true;
  } catch (error) {
    // Where nothing can be written a time is of no use either.
    if (
      !['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
    )
      throw error;
    return digest === digestOfInputs();
  }
}

if (process.argv.includes('--check')) process.exitCode = isCurrent() ? 0 : 1;
else if (process.argv.includes('--force') || !isCurrent())
  await build().catch((error: unknown) => {
    // Of the system's own errors a stack says nothing more.
    const isSystems = error instanceof Error && 'syscall' in error;
    console.error(isSystems ? `cannot bundle the program: ${error.message}` : error);
    process.exitCode = 1;
  });
