/**
 * Bundles the web console (`src/console`) for the build: scripts and styles with a hash of their content in their
 * names, each also compressed, and the page that names them.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** The console, and the modules that it was made from. */
interface BundledConsole {
  /** Below `dist/`. The page comes last: it names the others. */
  readonly files: readonly (readonly [name: string, content: string | Uint8Array])[];
  /** Paths of the modules. */
  readonly modules: readonly string[];
}

/** The worker that parses PDF, as its makers bundle it. */
const workerPath = 'node_modules/pdfjs-dist/build/pdf.worker.min.mjs';

function workerOf(root: string): { readonly name: string; readonly code: string } {
  // The map of its source is not served.
  const code = readFileSync(join(root, workerPath), 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
  return { name: `pdf-worker-${shortHash(code)}.js`, code };
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 8);
}

/** Makes the console. @throws Error for anything that the bundler warns of. @param root of the checkout. */
export async function bundleConsole(root: string): Promise<BundledConsole> {
  const { rolldown } = await import('rolldown');
  const worker = workerOf(root);
  await using build = await rolldown({
    cwd: root,
    input: { console: 'src/console/main.tsx' },
    platform: 'browser',
    checks: { bundlerTimings: false },
    tsconfig: false,
    transform: {
      jsx: { runtime: 'automatic', importSource: 'preact' },
      target: 'es2022',
      define: { PDF_WORKER: JSON.stringify(`/console/${worker.name}`) },
    },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`the bundler warns of the console: ${log.message}`);
    },
  });
  const { output } = await build.generate({
    format: 'esm',
    minify: true,
    entryFileNames: '[name]-[hash].js',
    chunkFileNames: '[name]-[hash].js',
  });
  const chunks = output.filter((part) => part.type === 'chunk');
  const style = smallerStyle(readFileSync(join(root, 'src/console/style.css'), 'utf8'));
  const styleName = `style-${shortHash(style)}.css`;
  const entry = chunks.find(({ isEntry }) => isEntry)!;
  const page = readFileSync(join(root, 'src/console/index.html'), 'utf8')
    .replace('STYLE', `/console/${styleName}`)
    .replace('SCRIPT', `/console/${entry.fileName}`);
  const named = [
    ...chunks.map(({ fileName, code }) => [fileName, code] as const),
    [styleName, style] as const,
    [worker.name, worker.code] as const,
  ].flatMap(([name, text]) => [
    [`console/${name}`, text] as const,
    [`console/${name}.gz`, gzipSync(text, { level: 9 })] as const,
  ]);
  return {
    files: [...named, ['console/index.html', page]],
    modules: [
      ...chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => !id.startsWith('\0')),
      join(root, workerPath),
    ],
  };
}

/** Drops comments and the white space between rules. Nothing else of a style is worth a tool of its own. */
function smallerStyle(text: string): string {
  return text
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .trim();
}
