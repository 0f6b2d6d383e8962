import type { Command } from 'commander';
import { UsageError } from './exit.ts';
import type { Invocation } from './invocation.ts';
import { parseCount, parseRef } from './parse.ts';

interface CatFlags {
  readonly version?: string;
  readonly offset?: string;
  readonly limit?: string;
}

export function addCat(program: Command, invocation: Invocation): Command {
  return program
    .command('cat')
    .summary('write the bytes of an artifact to standard output')
    .description(
      'Writes the bytes of an artifact to standard output. Whole contents are checked against their SHA-256: bytes that ' +
        'do not match end with exit code 1.',
    )
    .argument('<ref>', 'art_… or SESSION/NAME')
    .option('--version <n>', 'that version of SESSION/NAME (default: the latest)')
    .option('--offset <bytes>', 'begin at this byte, from 0')
    .option('--limit <bytes>', 'at most so many bytes')
    .action(async (text: string, flags: CatFlags, command: Command) => {
      const { output, io } = invocation;
      if (output.style.json)
        throw new UsageError('cat writes bytes; for JSON about the artifact use show --json');
      const count = (flag: string, value: string | undefined, min: number) =>
        value === undefined ? undefined : parseCount(flag, value, min);
      const ref = parseRef(text, count('--version', flags.version, 1));
      const offset = count('--offset', flags.offset, 0);
      const limit = count('--limit', flags.limit, 0);
      await invocation.withClient(command, async (client) => {
        await using download = await client.download(ref, { offset, limit, signal: io.signal });
        for await (const chunk of download) {
          await output.bytes(chunk);
          if (output.closed) return;
        }
      });
    });
}
