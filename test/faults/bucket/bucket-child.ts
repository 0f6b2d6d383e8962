/**
 * A fake bucket in a process of its own, which goes on while servers are killed. It writes its address as its first line,
 * then a line for each {@link Command} that comes as JSON on standard input, and one for each fault that was met. It ends
 * when its standard input does.
 */
import { createInterface } from 'node:readline';
import type { FakeObject } from '../../support/gcs/bucket.ts';
import { FakeGcs, type Fault, type Kind } from '../../support/gcs/server.ts';

/** What the fake is told. */
export type Command =
  /** See {@link FakeGcs.fail}. */
  | { readonly do: 'fail'; readonly kind: Kind; readonly fault: Fault; readonly skipped: number }
  | { readonly do: 'release' }
  /** See {@link FakeGcs.isDown}. */
  | { readonly do: 'down'; readonly how: FakeGcs['isDown'] }
  /** Makes objects below a prefix older. */
  | { readonly do: 'age'; readonly prefix: string; readonly ms: number }
  /** Sets the clock of the bucket, in milliseconds since the Unix epoch. Without a time: to that of this machine. */
  | { readonly do: 'clock'; readonly ms?: number | undefined }
  /** Copies the objects below a prefix, with their generations. */
  | { readonly do: 'copy'; readonly prefix: string; readonly to: string }
  /** Answers with the creations, and the deletions of contents below a prefix, that could have met another object. */
  | { readonly do: 'unguarded'; readonly prefix: string }
  /** Answers with the names below a prefix to which clients may have sent bytes. */
  | { readonly do: 'begun'; readonly prefix: string }
  /** Answers with the names below a prefix. */
  | { readonly do: 'names'; readonly prefix: string }
  /** Answers with the bytes of an object in base64. */
  | { readonly do: 'bytes'; readonly name: string }
  /** Answers with the number of requests. */
  | { readonly do: 'count' };

/** A line of output. */
export type Line =
  | { readonly endpoint: string }
  | { readonly met: Kind }
  | { readonly said: readonly string[] | string | number | null };

const fake = await FakeGcs.open();
const say = (line: Line) => process.stdout.write(`${JSON.stringify(line)}\n`);
fake.onFault = (met) => say({ met });
say({ endpoint: fake.endpoint });
createInterface({ input: process.stdin })
  .on('line', (line) => say({ said: obey(JSON.parse(line) as Command) ?? null }))
  .on('close', () => process.exit(0));

function obey(command: Command): readonly string[] | string | number | undefined {
  switch (command.do) {
    case 'fail':
      return void fake.fail(command.kind, command.fault, 1, command.skipped);
    case 'release':
      return void fake.release();
    case 'down':
      fake.isDown = command.how;
      return undefined;
    case 'age':
      for (const object of below(command.prefix)) {
        const timeCreated = new Date(Date.parse(object.timeCreated) - command.ms).toISOString();
        fake.buckets.bucket('bucket').set(object.name, { ...object, timeCreated });
      }
      return undefined;
    case 'clock': {
      const { ms } = command;
      fake.buckets.now = ms === undefined ? Date.now : () => ms;
      return undefined;
    }
    case 'copy':
      for (const object of below(command.prefix)) {
        const name = command.to + object.name.slice(command.prefix.length);
        fake.buckets.bucket('bucket').set(name, { ...object, name });
      }
      return undefined;
    case 'unguarded':
      return fake.seen
        .filter(({ isGuarded }) => !isGuarded)
        .filter(({ kind, name }) => mustBeGuarded(kind, name, command.prefix))
        .map(({ kind, name }) => `${kind} ${name}`);
    case 'begun':
      return [...begunByClients()].filter((name) => name.startsWith(`${command.prefix}/`));
    case 'names':
      return below(command.prefix).map(({ name }) => name);
    case 'bytes':
      return fake.object(command.name)!.bytes.toString('base64');
    case 'count':
      return fake.seen.length;
  }
}

/**
 * An object is created only where none is. Of contents, what is deleted is the generation that a row has; only of what a
 * client has sent and not finished, no row has any.
 */
function mustBeGuarded(kind: Kind, name: string, prefix: string): boolean {
  if (kind === 'create' || kind === 'begin') return true;
  // A rig may have copied the object: its physical name is the same.
  if ([...begunByClients()].some((begun) => physical(begun) === physical(name))) return false;
  return kind === 'delete' && name.startsWith(`${prefix}/`) && name.includes('/blobs/');
}

function physical(name: string): string | undefined {
  return name.split('/blobs/')[1];
}

/** The service states the size of an upload only if a client sends the bytes. */
function begunByClients(): ReadonlySet<string> {
  const sessions = [...fake.buckets.sessions.values()];
  return new Set(sessions.filter(({ sizeBytes }) => sizeBytes !== undefined).map(({ name }) => name));
}

function below(prefix: string): readonly FakeObject[] {
  return [...fake.buckets.bucket('bucket').values()].filter(({ name }) => name.startsWith(prefix));
}
