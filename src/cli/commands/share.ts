import type { Command } from 'commander';
import type { ArtifactRef } from '../../client/artifacts/artifact.ts';
import type { NewShareLink, ShareLink } from '../../client/artifacts/links.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { fileContent } from '../../client/files/file.ts';
import { generatedSession } from '../../client/sessions/session-id.ts';
import { UsageError } from '../exit.ts';
import { requireOutside } from '../files/outside.ts';
import { isArtifactId, parseCount, parseRef, parseTime } from '../flags/parse.ts';
import { addGlobalFlags, type Invocation, type Way } from '../invocation.ts';
import { humanTime, plain } from '../output/human.ts';
import { tableLines } from '../output/table.ts';

interface ShareFlags {
  readonly version?: string;
  readonly ttl?: string;
  readonly session?: string;
  readonly qr?: boolean;
}

/** `artifacta share`: makes, lists and revokes share links. */
export function addShare(program: Command, invocation: Invocation): Command {
  const share = program
    .command('share')
    .summary('make a link that opens an artifact without credentials, for a limited time')
    .description(
      'Prints a URL that opens one version of an artifact without credentials, until the link expires ' +
        'or is revoked. Everyone with the URL can read that version. A name without "/", or a path that begins with ' +
        './, ../ or /, is a local file (report.md, ./dir/report.md), which is pushed first.',
    )
    .argument('<what>', 'art_…, SESSION/NAME, or a local file')
    .option('--ttl <time>', 'how long the link works: 90s, 30m, 12h, 7d; at most 30d', '24h')
    .option('--version <n>', 'the version of SESSION/NAME (default: the latest)')
    .option('--session <id>', 'the session that a file is pushed to (default: a new one with a generated id)')
    .option('--qr', 'also draw the URL as a QR code, on standard error')
    .enablePositionalOptions()
    .action(async (what: string, flags: ShareFlags, command: Command) => {
      const ttlMs = parseTime('--ttl', flags.ttl ?? '24h', { max: '30d' });
      const wanted = wantedOf(what, flags);
      await invocation.withClient(command, async (client, way) => {
        const ref = 'path' in wanted ? await pushed(client, wanted, way, invocation) : wanted.ref;
        const { signal } = invocation.io;
        const made = await client.share(ref, {
          expiry: { ttlMs },
          requireUrl: way.isEmbedded === true,
          signal,
        });
        await print(made, placeOf(made, way), flags, invocation);
      });
    });
  addList(share, invocation);
  addRevoke(share, invocation);
  for (const command of [share, ...share.commands]) addGlobalFlags(command);
  return share;
}

type Wanted = { readonly ref: ArtifactRef } | { readonly path: string; readonly session: string | undefined };

/** Returns what the user named. A text that has a `/` and does not begin like a path is SESSION/NAME. */
function wantedOf(what: string, { version, session }: ShareFlags): Wanted {
  const number = version === undefined ? undefined : parseCount('--version', version, 1);
  const isPath = !isArtifactId(what) && (!what.includes('/') || /^\.{0,2}\//.test(what));
  if (!isPath) {
    if (session !== undefined)
      throw new UsageError('--session is only for a file: the file is pushed to that session');
    return { ref: parseRef(what, number) };
  }
  if (number !== undefined) throw new UsageError('--version needs SESSION/NAME');
  return { path: what, session };
}

async function pushed(
  client: ArtifactaClient,
  { path, session }: Extract<Wanted, { path: string }>,
  { ownDirectory }: Way,
  { io, output }: Invocation,
): Promise<ArtifactRef> {
  const into = session ?? generatedSession(io.now?.() ?? new Date(), io.random ?? Math.random);
  const name = path.split('/').at(-1)!;
  const beforeOpen = () => requireOutside(ownDirectory, path);
  const content = await fileContent(path, { beforeOpen }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new UsageError(
      `the file ${plain(path)} does not exist; an artifact is SESSION/NAME or its id, art_…`,
    );
  });
  const { artifact } = await client.push(content, { session: into, name, signal: io.signal });
  output.remark(`pushed ${plain(name)} to the session ${into}`);
  return { id: artifact.id };
}

/** The address to hand on, and the remark on it. */
interface Place {
  /** Undefined: only the path is known. */
  readonly url: string | undefined;
  readonly remark?: string;
}

const remedy = '"artifacta serve --public-url" sets the address that others use';

/**
 * Chooses the address of a link. The first choice is the URL that others use for the service. The second is the URL
 * that the user has just called, if that was over HTTP. The third is the URL where the service says that it listens, if
 * it is on this machine. No request tests whether the link opens: the link is for the service's eyes alone.
 */
function placeOf({ url, localUrl, path }: NewShareLink, { description }: Way): Place {
  if (url !== undefined) return { url };
  if (/^https?:/.test(description))
    return {
      url: `${description.replace(/\/+$/, '')}${path}`,
      remark: `perhaps others cannot reach the service at this address; ${remedy}`,
    };
  if (localUrl === undefined)
    return { url, remark: `the service has no HTTP address that opens the link; ${remedy}` };
  if (isHere(description)) return { url: localUrl, remark: `the link opens only on this machine; ${remedy}` };
  return {
    url,
    remark: `this is only the path of the link, because the service does not know its own HTTP address; ${remedy}`,
  };
}

/** Whether the service at this address runs on this machine. */
function isHere(description: string): boolean {
  const host = URL.parse(description)?.hostname ?? '';
  return /^unix:/.test(description) || /^(localhost|\[::1\]|127\.\d+\.\d+\.\d+)$/.test(host);
}

async function print(
  made: NewShareLink,
  { url, remark }: Place,
  { qr }: ShareFlags,
  { output }: Invocation,
): Promise<void> {
  const { link, token, path } = made;
  if (output.style.json) await output.json({ ...linkJson(link), token, path, url: url ?? null });
  else await output.line(url ?? path);
  if (remark !== undefined) output.remark(remark);
  if (qr) {
    const { renderUnicodeCompact } = await import('uqr');
    output.text(`${renderUnicodeCompact(url ?? path)}\n`, 'stderr');
  }
}

function addList(share: Command, invocation: Invocation): void {
  share
    .command('ls')
    .summary('list the links that work')
    .description('Lists the links of an artifact (art_… or SESSION/NAME), of a session, or of the namespace.')
    .argument('[what]', 'art_…, SESSION/NAME or SESSION (default: all)')
    .option('--all', 'also list links that have ended, until the reaper removes them')
    .action(async (what: string | undefined, flags: { readonly all?: boolean }, command: Command) => {
      await invocation.withClient(command, async (client) => {
        const query = { ...targetOf(what), showEnded: flags.all ?? false, signal: invocation.io.signal };
        await printAll(client.links.list(query), invocation);
      });
    });
}

function addRevoke(share: Command, invocation: Invocation): void {
  share
    .command('revoke')
    .summary('revoke links permanently')
    .description(
      'Revokes one link, all links of an artifact (art_… or SESSION/NAME), or all links of a session.',
    )
    .argument('<what>', 'lnk_…, art_…, SESSION/NAME or SESSION')
    .action(async (what: string, _flags: unknown, command: Command) => {
      const { output, io } = invocation;
      const target = /^lnk_/.test(what) ? { id: what } : (targetOf(what) as { session: string });
      await invocation.withClient(command, async (client) => {
        const count = await client.links.revoke(target, { signal: io.signal });
        if (output.style.json) return output.json({ revoked: count });
        await output.line(`${count} link${count === 1 ? '' : 's'} revoked`);
      });
    });
}

function targetOf(what: string | undefined) {
  if (what === undefined) return {};
  if (!isArtifactId(what) && !what.includes('/')) return { session: what };
  return { artifact: parseRef(what, undefined) };
}

async function printAll(all: AsyncIterable<ShareLink>, { output }: Invocation): Promise<void> {
  if (output.style.json || output.style.quiet) {
    for await (const link of all)
      if (output.style.quiet) await output.line(link.id);
      else await output.json(linkJson(link));
    return;
  }
  async function* rows() {
    for await (const { id, session, name, version, expireTime, revokeTime, creator } of all)
      yield [
        id,
        `v${version}`,
        revokeTime === undefined ? humanTime(expireTime) : 'revoked',
        plain(creator),
        plain(`${session}/${name}`),
      ];
  }
  const columns = [
    { title: 'LINK' },
    { title: '' },
    { title: 'UNTIL' },
    { title: 'BY' },
    { title: 'ARTIFACT' },
  ];
  for await (const line of tableLines(columns, rows())) await output.line(line.trimEnd());
}

function linkJson(link: ShareLink) {
  return {
    id: link.id,
    artifact: link.artifactId,
    session: link.session,
    name: link.name,
    version: link.version,
    create_time: link.createTime?.toISOString() ?? null,
    expire_time: link.expireTime?.toISOString() ?? null,
    revoke_time: link.revokeTime?.toISOString() ?? null,
    creator: link.creator,
  };
}
