import type { Command } from 'commander';
import type { ArtifactaClient } from '../../client/client.ts';
import { exitCodes } from '../exit.ts';
import { parseBytes, parseTime } from '../flags/parse.ts';
import type { Invocation } from '../invocation.ts';
import { humanSize } from '../output/human.ts';
import { Progress } from '../output/progress.ts';
import { printQuarantined } from './quarantined.ts';
import { storedBytesAtMost } from './stored-bytes.ts';

interface ScrubFlags {
  readonly maxBytes?: string;
  readonly minAge?: string;
}

/** Contents that this command has read are not read by it again, even if the answers came late. */
const slackMs = 5_000;

/** `artifacta scrub`: reads contents and compares them with their digests. */
export function addScrub(program: Command, invocation: Invocation): Command {
  return program
    .command('scrub')
    .summary('read contents and compare them with their SHA-256 (operators)')
    .description(
      'Reads contents, and compares them with their SHA-256. Works in rounds, each through all contents; a run ' +
        'continues the round that an earlier run or the reaper has begun. Damaged content is quarantined: it ' +
        'cannot be read until the same bytes are pushed again. If quarantined content matches its SHA-256 after ' +
        'all, it leaves quarantine and can be read again. The exit code is 1 if new damage was found. "artifacta ' +
        'fsck --quarantined" lists all damaged content.',
    )
    .option(
      '--max-bytes <size>',
      'stop after reading about this much, e.g. 10GiB (default: read on until no round is under way or due)',
    )
    .option(
      '--min-age <time>',
      'begin a new round only if the last one began at least this long ago; 0: always (default: 7d)',
    )
    .action(async (flags: ScrubFlags, command: Command) => {
      const maxBytes = flags.maxBytes === undefined ? undefined : parseBytes('--max-bytes', flags.maxBytes);
      const minAgeMs = flags.minAge === undefined ? undefined : parseAge(flags.minAge);
      await invocation.withClient(command, (client) => scrub(client, maxBytes, minAgeMs, invocation));
    });
}

function parseAge(text: string): number {
  return text === '0' ? 0 : parseTime('--min-age', text, { min: '0s' });
}

async function scrub(
  client: ArtifactaClient,
  maxBytes: number | undefined,
  minAgeMs: number | undefined,
  invocation: Invocation,
): Promise<void> {
  const { io, output } = invocation;
  const { signal } = io;
  const startMs = performance.now();
  const atMost = await storedBytesAtMost(client, undefined, invocation);
  const ofBytes = maxBytes === undefined ? atMost : Math.min(maxBytes, atMost ?? maxBytes);
  const progress = new Progress(output);
  const show = () =>
    progress.show(
      { bytes: total.sizeBytes, ofBytes, isAtMost: true },
      (figures) => `checked ${total.contents} contents, ${figures}`,
    );
  const total = { contents: 0, sizeBytes: 0, damagedCount: 0, releasedCount: 0 };
  show();
  // With an age of zero the service cannot tell when all is done; with the least age it can.
  for (let age = minAgeMs === undefined ? undefined : Math.max(minAgeMs, 1); ; ) {
    const left = maxBytes === undefined ? undefined : maxBytes - total.sizeBytes;
    const did = await client.maintenance.scrub({
      signal,
      maxBytes: callBytes(left, output.showsProgress),
      minAgeMs: age,
    });
    total.contents += did.contents;
    total.sizeBytes += did.sizeBytes;
    total.damagedCount += did.damagedCount;
    total.releasedCount += did.releasedCount;
    for (const content of did.damaged) await printQuarantined(content, invocation);
    show();
    if (!did.more || (maxBytes !== undefined && total.sizeBytes >= maxBytes)) break;
    if (minAgeMs !== undefined) age = Math.max(minAgeMs, Math.ceil(performance.now() - startMs) + slackMs);
  }
  if (total.damagedCount > 0) invocation.exitCode = exitCodes.failed;
  if (output.style.json)
    await output.json({
      summary: {
        content_count: total.contents,
        size_bytes: total.sizeBytes,
        damaged_count: total.damagedCount,
        released_count: total.releasedCount,
      },
    });
  else if (!output.style.quiet)
    await output.line(
      `${total.contents} contents (${humanSize(total.sizeBytes)}) were checked; ${told(total)}`,
    );
}

/** The limits of one call: it must answer in time, and sooner if a user watches its progress. */
const callBytesMax = { unseen: 1024 ** 3, watched: 128 * 1024 ** 2 };

function callBytes(left: number | undefined, isWatched: boolean): number {
  const most = isWatched ? callBytesMax.watched : callBytesMax.unseen;
  return Math.min(left ?? most, most);
}

function told({ damagedCount, releasedCount }: { damagedCount: number; releasedCount: number }): string {
  const damaged =
    damagedCount === 0
      ? 'no new damage was found'
      : `${damagedCount} of them ${damagedCount === 1 ? 'is' : 'are'} damaged and quarantined`;
  if (releasedCount === 0) return damaged;
  const released = releasedCount === 1 ? 'content in quarantine was' : 'contents in quarantine were';
  return `${damaged}; ${releasedCount} ${released} found undamaged and can be read again`;
}
