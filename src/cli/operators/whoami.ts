import type { Command } from 'commander';
import type { Caller } from '../../client/caller.ts';
import type { Invocation } from '../invocation.ts';
import { limitPairs } from '../output/rights.ts';
import { keyValueLines } from '../output/table.ts';

/** `artifacta whoami`: shows who the service takes this command for, and what it may do. */
export function addWhoami(program: Command, invocation: Invocation): Command {
  return program
    .command('whoami')
    .summary('who the service takes you for, and what you may do')
    .description(
      'Shows the name and the namespace that the service finds for your credentials, your rights, and their limits.',
    )
    .action(async (_flags: unknown, command: Command) => {
      await invocation.withClient(command, async (client) => {
        await printCaller(await client.caller({ signal: invocation.io.signal }), invocation);
      });
    });
}

async function printCaller(caller: Caller, { output }: Invocation): Promise<void> {
  if (output.style.json) return output.json(callerJson(caller));
  if (output.style.quiet) return output.line(caller.subject);
  const pairs: [string, string][] = [
    ['caller', caller.subject],
    ['namespace', caller.namespace],
    ['may', caller.operator ? 'everything, as an operator' : caller.scopes.join(',') || 'nothing'],
    ...limitPairs(caller),
  ];
  for (const line of keyValueLines(pairs)) await output.line(line);
}

function callerJson(caller: Caller) {
  return {
    subject: caller.subject,
    namespace: caller.namespace,
    scopes: caller.scopes,
    operator: caller.operator,
    sessions: caller.sessions,
    session_prefixes: caller.sessionPrefixes,
    name_prefix: caller.namePrefix,
    push_bytes_max: caller.pushBytesMax ?? null,
    artifact_bytes_max: caller.artifactBytesMax ?? null,
    expire_time: caller.expireTime?.toISOString() ?? null,
  };
}
