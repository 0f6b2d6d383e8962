/** Carries out `artifacta run`: a command in a session, and everything that it leaves. */

import type { ArtifactaClient } from '../../client/client.ts';
import { ArtifactaError } from '../../client/errors.ts';
import { fileContent } from '../../client/files/file.ts';
import { keepLease } from '../../client/sessions/keep-lease.ts';
import type { Outcome, Retention } from '../../client/sessions/session.ts';
import { CommandFailed } from '../exit.ts';
import { mapInOrder } from '../files/in-order.ts';
import { outsideOnly } from '../files/outside.ts';
import type { Invocation, Way } from '../invocation.ts';
import { CapturedOutput } from './captured-output.ts';
import { Child, type End, exitCodeFor, type OutputName } from './child.ts';
import { type Begun, begin, labelsOf, metadataOf, outcomeOf, resultOf } from './record.ts';
import { openRunSession, type RunSession, variablesFor } from './run-session.ts';
import { type Changed, type NotCaptured, Snapshot, type Watched } from './snapshot.ts';

/** The number of files that are pushed at once. */
const concurrencyMax = 8;
const namedMax = 20;

/** What to run, and how. */
interface RunRequest {
  readonly words: readonly string[];
  readonly session: string | undefined;
  /** The namespace that the user named. */
  readonly namespace: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly retention: Retention | undefined;
  readonly leaseMs: number;
  /** Files, directories and patterns to watch. */
  readonly places: readonly string[];
  readonly exclude: readonly string[];
  /** The names of the variables whose values are recorded. */
  readonly variables: readonly string[];
  /** The working directory, absolute. */
  readonly directory: string;
  /** Whether the command gets a terminal of its own. */
  readonly pty: boolean;
  /** Whether the end waits until the seal is shipped. */
  readonly durable: boolean;
}

/** Runs the command. The exit code of the invocation is then the command's, whatever could be stored of it. */
export async function runCommand(
  client: ArtifactaClient,
  request: RunRequest,
  way: Way,
  invocation: Invocation,
): Promise<void> {
  const { io, output } = invocation;
  const env = io.environment ?? {};
  const clock = () => io.now?.() ?? new Date();
  const { words, directory, variables: names, labels, retention, leaseMs } = request;
  const begun = await begin(words, { directory, time: clock(), names, env });
  const metadata = { ...metadataOf(begun), ...request.metadata };
  const session = await openRunSession(client, request.session, { metadata, labels, retention, leaseMs }, io);
  output.remark(
    session.isOwn
      ? `the session is ${session.id}`
      : `these credentials cannot open sessions, so this run is stored in session ${session.id}, with names that ` +
          `begin with ${session.prefix}`,
    { run: { session: session.id, prefix: session.prefix } },
  );
  const stopRenewing = keepLease(client.sessions, session.id, leaseMs);
  try {
    const run = new Run(client, session, { begun, request, own: way.ownDirectory, invocation, clock });
    await run.carryOut({ ...env, ...(await variablesFor(client, session, way, request.namespace)) });
  } finally {
    stopRenewing();
  }
}

interface Parts {
  readonly begun: Begun;
  readonly request: RunRequest;
  readonly own: Way['ownDirectory'];
  readonly invocation: Invocation;
  readonly clock: () => Date;
}

class Run {
  private readonly client: ArtifactaClient;
  private readonly session: RunSession;
  private readonly parts: Parts;
  private readonly watched: Watched;
  private readonly outputs: Readonly<Record<OutputName, CapturedOutput>>;

  constructor(client: ArtifactaClient, session: RunSession, parts: Parts) {
    this.client = client;
    this.session = session;
    this.parts = parts;
    const { places, exclude, directory } = parts.request;
    this.watched = { places, exclude, directory, own: parts.own };
    const captured = (name: OutputName) =>
      new CapturedOutput({ client, session: session.id, name: `${session.prefix}.run/${name}` });
    this.outputs = { stdout: captured('stdout'), stderr: captured('stderr') };
  }

  async carryOut(env: Readonly<Record<string, string | undefined>>): Promise<void> {
    const { invocation } = this.parts;
    const before = await Snapshot.take(this.watched);
    const child = await this.started(env);
    if (child === undefined) return;
    const end = await child.end((name) => this.outputs[name]);
    invocation.exitCode = exitCodeFor(end);
    await this.storeAll(before, end);
  }

  /** Undefined: it could not be started, and the session is sealed. */
  private async started(env: Readonly<Record<string, string | undefined>>): Promise<Child | undefined> {
    const { invocation, request } = this.parts;
    try {
      return await Child.start({ words: request.words, pty: request.pty, env, io: invocation.io });
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      // A shell has the same exit codes.
      invocation.exitCode = error.isAbsent ? 127 : 126;
      invocation.output.error(error, request.words[0]);
      await this.seal({ status: invocation.exitCode });
      return undefined;
    }
  }

  /** Stores everything that can be stored. An error says what cannot be; the rest is stored nevertheless. */
  private async storeAll(before: Snapshot, end: End): Promise<void> {
    const { begun, clock } = this.parts;
    const time = clock();
    const after = await Snapshot.take(this.watched);
    const others: NotCaptured[] = [...after.othersSince(before)];
    const captured = await this.storeFiles(after.changedSince(before), others);
    for (const name of ['stdout', 'stderr'] as const)
      await this.told(`${name} of the command`, () => this.outputs[name].end());
    const result = resultOf(begun, end, { time, captured, others });
    await this.told('.run/result.json', () => this.push('.run/result.json', result));
    this.tellOthers(others);
    if (await this.seal(end)) this.tellEnd(end, captured);
  }

  private async storeFiles(files: Iterable<Changed>, others: NotCaptured[]): Promise<number> {
    const { own, invocation } = this.parts;
    const beforeOpen = outsideOnly(own);
    const store = async ({ path, name }: Changed): Promise<unknown> => {
      try {
        // A process that the command left behind may still write to it.
        const content = await fileContent(path, { followLink: false, beforeOpen, snapshot: true });
        await this.client.push(content, { session: this.session.id, name: `${this.session.prefix}${name}` });
        return undefined;
      } catch (error) {
        others.push({ path, why: error instanceof Error ? error.message : String(error) });
        return error;
      }
    };
    let captured = 0;
    for await (const error of mapInOrder(listed(files), concurrencyMax, () => true, store)) {
      if (error === undefined) captured++;
      else invocation.output.error(error);
    }
    return captured;
  }

  private async push(name: string, text: string): Promise<void> {
    const options = { session: this.session.id, name: `${this.session.prefix}${name}` };
    await this.client.push(text, { ...options, contentType: 'application/json' });
  }

  /** Returns false, and tells why, if it could not be sealed: its lease then ends it. */
  private async seal(end: End): Promise<boolean> {
    const { id, isOwn } = this.session;
    if (!isOwn) return true;
    const labels = { ...this.parts.request.labels, ...labelsOf(end) };
    return await this.told(`session ${id}`, async () => {
      await this.client.sessions.update(id, { labels });
      await this.sealAs(id, outcomeOf(end));
    });
  }

  /** Seals it also if the service cannot do what `--durable` asks for: the outcome must not be lost with that. */
  private async sealAs(id: string, outcome: Outcome): Promise<void> {
    const { sessions } = this.client;
    const durability = this.parts.request.durable ? 'shipped' : undefined;
    try {
      await sessions.seal(id, outcome, { durability });
    } catch (error) {
      if (!(error instanceof ArtifactaError) || error.reason !== 'EXPORT_NOT_CONFIGURED') throw error;
      await sessions.seal(id, outcome);
      throw error;
    }
  }

  /** The command has run: what fails now changes nothing of how it ended. */
  private async told(what: string, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.parts.invocation.output.error(error, what);
      return false;
    }
  }

  private tellOthers(others: readonly NotCaptured[]): void {
    const { output } = this.parts.invocation;
    for (const { path, why } of others.slice(0, namedMax))
      output.remark(`${path} was not stored: ${why}`, { notCaptured: { path, why } });
    const more = others.length - namedMax;
    if (more > 0) output.remark(`${more} more files were not stored; .run/result.json names the first 100`);
  }

  private tellEnd(end: End, captured: number): void {
    const { output } = this.parts.invocation;
    const { id, isOwn } = this.session;
    const files = captured === 1 ? '1 file' : `${captured} files`;
    const outcome = isOwn ? `; the session is sealed as ${outcomeOf(end)}` : '';
    output.remark(`${files} stored in ${id}${outcome}`, {
      run: {
        session: id,
        files: captured,
        outcome: isOwn ? outcomeOf(end) : null,
        exitCode: exitCodeFor(end),
      },
    });
  }
}

async function* listed<T>(items: Iterable<T>): AsyncGenerator<T, void, void> {
  yield* items;
}
