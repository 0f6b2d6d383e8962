/** On a terminal the long commands say how far they are in one line, which is clear in the end. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { run } from '../../../src/cli/program.ts';
import { openConnection } from '../../../src/programs/connect.ts';
import { newDirectory } from '../../support/command.ts';
import { Collected } from '../support.ts';

const toLineStart = '\r\u001b[K';

/** Runs a command on a terminal, without a server. */
async function onTerminal(argv: readonly string[], dataDir: string) {
  const stderr = Object.assign(new Collected(), { isTTY: true, columns: 120 });
  const stdout = new Collected();
  const io = { stdin: Readable.from([]), stdout, stderr, connect: openConnection };
  const code = await run([...argv, '--data-dir', dataDir], io);
  return { code, stdout: stdout.bytes.toString(), stderr: stderr.bytes.toString() };
}

it('push, pull, fsck, scrub, export and import', { timeout: 60_000 }, async () => {
  const directory = await newDirectory();
  const at = (name: string) => join(directory, name);
  await writeFile(at('a'), randomBytes(3_000_000));
  await writeFile(at('b'), randomBytes(9_000_000));
  const ways: readonly (readonly [argv: readonly string[], dataDir: string, line: RegExp])[] = [
    [['push', at('a'), at('b'), '--session', 'run'], 'one', /^(sending|hashing) (\d+% of )?\d.*: .*\/[ab]$/],
    [['pull', 'run', '--to', at('out')], 'one', /^fetching (\d+% of 11.4 MiB|\d.* KiB|\d.* MiB).*: [ab]$/],
    [['fsck', '--contents'], 'one', /^checked \d+ rows?, \d+% of at most 11.4 MiB/],
    [['scrub'], 'one', /^checked 0 contents, 0% of at most 11.4 MiB/],
    [['scrub', '--min-age', '0', '--max-bytes', '1MB'], 'one', /^checked 0 contents, 0% of at most 977 KiB/],
    [['export', at('index')], 'one', /^exported [\d.]+ (B|KiB): .*\/index$/],
    [['import', at('index')], 'two', /^imported 100% of [\d.]+ KiB$/],
  ];
  for (const [argv, dataDir, line] of ways) {
    const { code, stderr } = await onTerminal(argv, at(dataDir));
    expect({ argv, code }).toEqual({ argv, code: 0 });
    const last = stderr.split(toLineStart).at(-1);
    expect(last).toMatch(/^(artifacta: .*\n)*$/);
    const [first] = stderr.split(toLineStart).slice(1);
    expect(first).toMatch(line);
  }
});
