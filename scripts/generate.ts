/**
 * Generates `gen/` from `proto/`. With `--check` it generates into a temporary directory instead and fails if the
 * committed code differs.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

if (process.argv.includes('--check')) {
  const fresh = mkdtempSync(join(tmpdir(), 'artifacta-gen-'));
  try {
    run('buf', 'generate', '--output', fresh);
    run('diff', '--recursive', '--brief', join(fresh, 'gen'), 'gen');
    console.log('gen/ is what proto/ generates');
  } finally {
    rmSync(fresh, { recursive: true });
  }
} else {
  run('buf', 'generate', '--clean');
}
