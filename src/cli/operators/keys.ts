import type { Command } from 'commander';
import type { ApiKey, TokenGrant } from '../../client/admin/access.ts';
import type { Scope } from '../../client/scopes.ts';
import { UsageError } from '../exit.ts';
import { parseBytes, parseTime } from '../flags/parse.ts';
import { addGlobalFlags, type Invocation, namespaceFor } from '../invocation.ts';
import { humanTime } from '../output/human.ts';
import { limitPairs } from '../output/rights.ts';
import { keyValueLines, tableLines } from '../output/table.ts';

interface CreateFlags {
  readonly scope?: string;
  readonly operator?: boolean;
  readonly ttl?: string;
  readonly description?: string;
}

interface MintFlags {
  readonly scope: string;
  readonly session?: string[];
  readonly sessionPrefix?: string[];
  readonly namePrefix?: string;
  readonly bytes?: string;
  readonly ttl?: string;
}

/** `artifacta keys`: makes, lists and revokes API keys, and mints tokens. */
export function addKeys(program: Command, invocation: Invocation): Command {
  const keys = program
    .command('keys')
    .summary('make, list and revoke API keys; mint tokens')
    .description('Manages API keys for callers on the network, and short-lived tokens for agents.')
    .enablePositionalOptions();
  addCreate(keys, invocation);
  addList(keys, invocation);
  addRevoke(keys, invocation);
  addMint(keys, invocation);
  for (const command of [keys, ...keys.commands]) addGlobalFlags(command);
  return keys;
}

function addCreate(keys: Command, invocation: Invocation): void {
  keys
    .command('create')
    .summary('make an API key and print its secret once')
    .description(
      'Makes an API key for the namespace that --namespace names (default: "default"). Its secret is printed ' +
        'once and never stored. To use the key, set ARTIFACTA_TOKEN to the secret.',
    )
    .option(
      '--scope <scopes>',
      'one or more of read, write and share, separated by commas (default: read,write)',
    )
    .option('--operator', 'a key that may do everything, in every namespace')
    .option('--ttl <duration>', 'time until the key expires, e.g. 90d (default: never)')
    .option('--description <text>', 'the purpose of the key')
    .action(async (flags: CreateFlags, command: Command) => {
      if (flags.operator && flags.scope !== undefined)
        throw new UsageError('--operator has every scope; leave --scope out');
      const namespace = (await namespaceFor(command, invocation)) ?? 'default';
      const wanted = {
        namespace,
        description: flags.description,
        operator: flags.operator ?? false,
        scopes: flags.operator ? [] : parseScopes(flags.scope ?? 'read,write'),
        ttlMs: flags.ttl === undefined ? undefined : parseTime('--ttl', flags.ttl),
        signal: invocation.io.signal,
      };
      await invocation.withClient(command, async (client) => {
        const { key, secret } = await client.access.createKey(wanted);
        await printSecret(invocation, secret, { ...keyJson(key), secret }, keyPairs(key));
      });
    });
}

function addList(keys: Command, invocation: Invocation): void {
  keys
    .command('ls')
    .summary('list the API keys')
    .description(
      'Lists the API keys of one namespace, given by --namespace or by the settings. If neither gives a namespace, ' +
        'lists the keys of all namespaces.',
    )
    .option('--all', 'also list keys that were revoked or expired in the last 30 days')
    .action(async (flags: { readonly all?: boolean }, command: Command) => {
      const { io, output } = invocation;
      const namespace = await namespaceFor(command, invocation);
      await invocation.withClient(command, async (client) => {
        const found = client.access.keys({ namespace, showEnded: flags.all ?? false, signal: io.signal });
        if (output.style.json) for await (const key of found) await output.json(keyJson(key));
        else if (output.style.quiet) for await (const key of found) await output.line(key.id);
        else for await (const line of tableLines(keyColumns, keyRows(found))) await output.line(line);
      });
    });
}

function addRevoke(keys: Command, invocation: Invocation): void {
  keys
    .command('revoke')
    .summary('revoke API keys permanently')
    .description('Revokes API keys and all tokens that were minted with them, at once and permanently.')
    .argument('<id...>', 'key_…')
    .action(async (ids: string[], _flags: unknown, command: Command) => {
      const { io, output } = invocation;
      await invocation.withClient(command, async (client) => {
        for (const id of ids) {
          const key = await client.access.revokeKey(id, { signal: io.signal });
          if (output.style.json) await output.json(keyJson(key));
          else
            await output.line(
              output.style.quiet ? key.id : `${key.id}  revoked ${humanTime(key.revokeTime)}`,
            );
        }
      });
    });
}

function addMint(keys: Command, invocation: Invocation): void {
  keys
    .command('mint')
    .summary('make a short-lived token for an agent, with at most your own rights')
    .description(
      'Makes a token with some or all of your rights, and prints the token. The token is valid until ' +
        'it expires, or until the key that minted it is no longer valid.',
    )
    .requiredOption('--scope <scopes>', 'required: one or more of read, write and share, separated by commas')
    .option('--session <id...>', 'only these sessions; with the token, all others are reported as not found')
    .option(
      '--session-prefix <text...>',
      'only sessions whose ids begin with this text, which must end with "." or ":", e.g. "run_42."; together ' +
        'with --session, the token is valid for the listed sessions and for those with the prefix',
    )
    .option('--name-prefix <text>', 'only artifacts whose names begin with this text, e.g. reports/')
    .option('--bytes <n>', 'how many bytes may be pushed with the token in total, e.g. 100MiB')
    .option('--ttl <duration>', 'time until the token expires, at most 24h (default: 1h)')
    .action(async (flags: MintFlags, command: Command) => {
      const namespace = await namespaceFor(command, invocation);
      const wanted = {
        namespace,
        scopes: parseScopes(flags.scope),
        sessions: flags.session,
        sessionPrefixes: flags.sessionPrefix,
        namePrefix: flags.namePrefix,
        pushBytesMax: flags.bytes === undefined ? undefined : parseBytes('--bytes', flags.bytes),
        ttlMs: flags.ttl === undefined ? undefined : parseTime('--ttl', flags.ttl, { min: '1s', max: '24h' }),
        signal: invocation.io.signal,
      };
      await invocation.withClient(command, async (client) => {
        const { token, grant } = await client.access.mintToken(wanted);
        await printSecret(invocation, token, { ...grantJson(grant), token }, grantPairs(grant));
      });
    });
}

/**
 * Prints the secret. It stands alone on stdout, so that a shell can take it; its description goes to the person on
 * stderr.
 */
async function printSecret(
  { output }: Invocation,
  secret: string,
  json: object,
  pairs: readonly (readonly [string, string])[],
): Promise<void> {
  if (output.style.json) return output.json(json);
  await output.line(secret);
  for (const line of keyValueLines(pairs)) output.remark(line);
}

function parseScopes(text: string): Scope[] {
  return text.split(',').map((part) => {
    const scope = part.trim();
    if (scope === 'read' || scope === 'write' || scope === 'share') return scope;
    throw new UsageError(
      `--scope takes one or more of read, write and share, separated by commas; got "${text}"`,
    );
  });
}

const keyColumns = ['ID', 'NAMESPACE', 'SCOPES', 'CREATED', 'ENDS', 'DESCRIPTION'].map((title) => ({
  title,
}));

async function* keyRows(keys: AsyncIterable<ApiKey>): AsyncGenerator<readonly string[]> {
  for await (const key of keys)
    yield [key.id, key.namespace, rights(key), humanTime(key.createTime), ending(key), key.description];
}

function rights({ operator, scopes }: ApiKey): string {
  return operator ? 'operator' : scopes.join(',');
}

function ending({ revokeTime, expireTime }: ApiKey): string {
  return revokeTime === undefined ? humanTime(expireTime) : `revoked ${humanTime(revokeTime)}`;
}

function keyPairs(key: ApiKey): [string, string][] {
  return [
    ['id', key.id],
    ['namespace', key.namespace],
    ['may', rights(key)],
    ['ends', key.expireTime === undefined ? 'never, unless revoked' : humanTime(key.expireTime)],
  ];
}

function keyJson(key: ApiKey) {
  return {
    id: key.id,
    namespace: key.namespace,
    description: key.description,
    scopes: key.scopes,
    operator: key.operator,
    create_time: key.createTime.toISOString(),
    expire_time: key.expireTime?.toISOString() ?? null,
    revoke_time: key.revokeTime?.toISOString() ?? null,
  };
}

function grantPairs(grant: TokenGrant): [string, string][] {
  return [
    ['id', grant.id],
    ['namespace', grant.namespace],
    ['may', grant.scopes.join(',')],
    ...limitPairs(grant),
  ];
}

function grantJson(grant: TokenGrant) {
  return {
    id: grant.id,
    namespace: grant.namespace,
    scopes: grant.scopes,
    sessions: grant.sessions,
    session_prefixes: grant.sessionPrefixes,
    name_prefix: grant.namePrefix,
    push_bytes_max: grant.pushBytesMax ?? null,
    expire_time: grant.expireTime.toISOString(),
  };
}
