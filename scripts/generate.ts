/**
 * Generates `gen/` from `proto/`, and the parser of the filter language from its grammar. With `--check` it generates
 * into a temporary directory instead and fails if the committed code differs.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const parser = 'src/query/filter-parser.js';

function generateParser(output: string): void {
  const types = JSON.stringify({ filter: "import('./filter-syntax.ts').Expression" });
  run(
    'peggy',
    '--format',
    'es',
    '--dts',
    '--return-types',
    types,
    '--output',
    output,
    'src/query/filter.peggy',
  );
}

if (process.argv.includes('--check')) {
  const fresh = mkdtempSync(join(tmpdir(), 'artifacta-gen-'));
  try {
    run('buf', 'generate', '--output', fresh);
    run('diff', '--recursive', '--brief', join(fresh, 'gen'), 'gen');
    generateParser(join(fresh, basename(parser)));
    run('diff', '--brief', join(fresh, basename(parser)), parser);
    console.log('gen/ is what proto/ generates, and the filter parser what its grammar does');
  } finally {
    rmSync(fresh, { recursive: true });
  }
} else {
  run('buf', 'generate', '--clean');
  generateParser(parser);
}
