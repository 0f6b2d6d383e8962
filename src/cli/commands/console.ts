import type { Command } from 'commander';
import type { MintedToken } from '../../client/admin/access.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { ArtifactaError } from '../../client/errors.ts';
import type { Scope } from '../../client/scopes.ts';
import { parseTime } from '../flags/parse.ts';
import { type Invocation, namespaceFor, type Way } from '../invocation.ts';
import { openIn } from '../running/browser.ts';

interface ConsoleFlags {
  readonly ttl: string;
  readonly readOnly?: boolean;
  readonly print?: boolean;
}

/** Rights to ask for, the widest first: a token has at most those of its minter. */
const wishes: readonly (readonly Scope[])[] = [['read', 'write', 'share'], ['read', 'write'], ['read']];

/** `artifacta console`: opens the web console in a browser, with a token of its own if the service wants one. */
export function addConsole(program: Command, invocation: Invocation): Command {
  return program
    .command('console')
    .summary('open the web console in a browser')
    .description(
      'Opens the web console of the service in a browser. If the service requires credentials, the page gets a token ' +
        'with your rights, which ends with --ttl. The browser does not send it, and it is not in the command line of ' +
        'any program.',
    )
    .option('--ttl <time>', 'how long the token is valid, at most 24h', '8h')
    .option('--read-only', 'a token that may only read')
    .option('--print', 'print the URL, which contains the token, and open nothing')
    .action(async (flags: ConsoleFlags, command: Command) => {
      const ttlMs = parseTime('--ttl', flags.ttl, { min: '1s', max: '24h' });
      const namespace = await namespaceFor(command, invocation);
      await invocation.withClient(command, async (client, way) => {
        if (way.isEmbedded === true)
          throw missing(
            'no service runs on this data directory, and the console is a page of a service: start "artifacta serve"',
          );
        const scopes = flags.readOnly ? [['read'] as const] : wishes;
        const minted = await mint(client, { ttlMs, namespace }, scopes, invocation);
        const { authenticationRequired } = await client.serverInfo({ signal: invocation.io.signal });
        const place = placeOf(minted, way);
        const url = authenticationRequired ? `${place}#token=${minted.token}` : place;
        await show(url, place, flags, invocation);
      });
    });
}

/** Mints a token with the first of these rights that the caller has. */
async function mint(
  client: ArtifactaClient,
  wanted: { readonly ttlMs: number; readonly namespace: string | undefined },
  [scopes, ...others]: readonly (readonly Scope[])[],
  invocation: Invocation,
): Promise<MintedToken> {
  try {
    return await client.access.mintToken({ ...wanted, scopes: scopes ?? [], signal: invocation.io.signal });
  } catch (error) {
    const isTooMuch = error instanceof ArtifactaError && error.reason === 'PERMISSION_DENIED';
    if (!isTooMuch || others.length === 0) throw error;
    return await mint(client, wanted, others, invocation);
  }
}

function missing(message: string): ArtifactaError {
  return new ArtifactaError(message, { code: 'FAILED_PRECONDITION' });
}

/** Returns the URL of the console: the one that the user has just called, if that was over HTTP. */
function placeOf({ consoleUrl }: MintedToken, { description }: Way): string {
  if (consoleUrl === undefined)
    throw missing(
      'the service has no web console: it is too old, has no HTTP listener, or was started with --no-console',
    );
  return /^https?:/.test(description) ? `${description.replace(/\/+$/, '')}/` : consoleUrl;
}

async function show(
  url: string,
  place: string,
  flags: ConsoleFlags,
  { io, output }: Invocation,
): Promise<void> {
  const isOpened = flags.print !== true && (await openIn(url, io.signal));
  if (output.style.json) return output.json({ url: isOpened ? place : url, opened: isOpened });
  await output.line(isOpened ? place : url);
  if (isOpened) output.remark('opened in the browser');
  else if (flags.print !== true) output.remark('no browser could be started: open this URL in one');
}
