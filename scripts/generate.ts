/**
 * Generates `gen/`: messages and services from `proto/`, and the parser of the filter language from its grammar. With
 * `--check` it generates into a temporary directory instead and fails if the committed code differs.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const parser = 'gen/filter/parser.js';

function generateParser(output: string): void {
  mkdirSync(dirname(output), { recursive: true });
  run('peggy', '--format', 'es', '--dts', '--output', output, 'src/query/filter.peggy');
}

if (process.argv.includes('--check')) {
  const fresh = mkdtempSync(join(tmpdir(), 'artifacta-gen-'));
  try {
    run('buf', 'generate', '--output', fresh);
    generateParser(join(fresh, parser));
    run('diff', '--recursive', '--brief', join(fresh, 'gen'), 'gen');
    console.log('gen/ is what proto/ and the grammar of filters generate');
  } finally {
    rmSync(fresh, { recursive: true });
  }
} else {
  run('buf', 'generate', '--clean');
  generateParser(parser);
}
