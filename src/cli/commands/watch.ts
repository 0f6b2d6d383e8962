import type { Command } from 'commander';
import type { SessionEvent } from '../../client/sessions/watch.ts';
import { exitCodes } from '../exit.ts';
import { parseCount, parseTime } from '../flags/parse.ts';
import type { Invocation } from '../invocation.ts';
import { humanSize, humanTime, plain } from '../output/human.ts';
import { artifactJson, sessionJson } from '../output/json.ts';
import { printSession } from './show.ts';

/** `artifacta watch`: shows the events of a session while they happen. */
export function addWatch(program: Command, invocation: Invocation): Command {
  return program
    .command('watch')
    .summary('print the events of a session until it is sealed')
    .description(
      'Prints a line for each event of a session, past events first, until the session is sealed. ' +
        'After a restart of the service, the command continues by itself. With --json each event is one ' +
        'JSON document on one line.',
    )
    .argument('<session>', 'the session')
    .option('--after <n>', 'only events with a number greater than this')
    .option('--wait-for-open', 'if the session does not exist yet, wait for it')
    .action(
      async (
        session: string,
        flags: { readonly after?: string; readonly waitForOpen?: boolean },
        command: Command,
      ) => {
        const { io, output } = invocation;
        const after = flags.after === undefined ? 0 : parseCount('--after', flags.after, 0);
        const options = { after, waitForOpen: flags.waitForOpen, signal: io.signal };
        await invocation.withClient(command, async (client) => {
          for await (const event of client.sessions.watch(session, options)) {
            await output.line(output.style.json ? JSON.stringify(eventJson(event)) : eventLine(event));
            if (output.closed) return;
          }
        });
      },
    );
}

/** `session wait`: waits until a session is sealed. */
export function addWait(session: Command, invocation: Invocation): void {
  session
    .command('wait')
    .summary('wait until a session is sealed')
    .description(
      'Waits until a session is sealed and shows it. The exit code is 0 if the session succeeded, ' +
        `${exitCodes.otherOutcome} if it did not, and ${exitCodes.unavailable} if it was not sealed in time.`,
    )
    .argument('<id>', 'the session')
    .option('--timeout <time>', 'the longest wait, e.g. 90s, 10m (default: no limit)')
    .option('--wait-for-open', 'if the session does not exist yet, wait for it')
    .action(
      async (
        id: string,
        flags: { readonly timeout?: string; readonly waitForOpen?: boolean },
        command: Command,
      ) => {
        const timeoutMs = flags.timeout === undefined ? undefined : parseTime('--timeout', flags.timeout);
        const options = { timeoutMs, waitForOpen: flags.waitForOpen, signal: invocation.io.signal };
        await invocation.withClient(command, async (client) => {
          const sealed = await client.sessions.wait(id, options);
          await printSession(sealed, invocation);
          if (sealed.outcome !== 'succeeded') invocation.exitCode = exitCodes.otherOutcome;
        });
      },
    );
}

function eventLine(event: SessionEvent): string {
  const head = `${String(event.sequence).padStart(6)}  ${humanTime(event.time).padEnd(20)}  ${event.kind.padEnd(9)}`;
  switch (event.kind) {
    case 'committed': {
      const { name, version, sizeBytes } = event.artifact;
      return plain(`${head}  ${name}  v${version}  ${humanSize(sizeBytes)}`);
    }
    case 'deleted':
      return `${head}  ${event.artifactId}`;
    case 'sealed':
      return `${head}  ${event.session.outcome}`;
  }
}

function eventJson(event: SessionEvent) {
  const about = { sequence: event.sequence, time: event.time?.toISOString() ?? null, event: event.kind };
  switch (event.kind) {
    case 'committed':
      return { ...about, artifact: artifactJson(event.artifact) };
    case 'deleted':
      return { ...about, artifact_id: event.artifactId };
    case 'sealed':
      return { ...about, session: sessionJson(event.session) };
  }
}
