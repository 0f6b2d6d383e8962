/** A command line in this process: real streams, a real store in memory, nothing shared between tests. */
import { Buffer } from 'node:buffer';
import { Readable, Writable } from 'node:stream';
import { createRouterTransport, type Transport } from '@connectrpc/connect';
import { routes } from '../../src/api/routes.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import type { ConnectOptions, Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/program.ts';
import { connect } from '../../src/client/client.ts';
import type { Index } from '../../src/index/door.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import type { Store } from '../../src/store/open.ts';
import { openCheckedStore } from '../support/row-owners.ts';

/** What a command left behind. */
interface Ran {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** stdout as text. */
  readonly text: string;
  /** stdout as one JSON document a line. */
  readonly json: Record<string, unknown>[];
  readonly connects: readonly ConnectOptions[];
}

interface RunOptions {
  readonly stdin?: Uint8Array | string | Readable;
  readonly stdinIsTTY?: boolean;
  readonly io?: Partial<Io>;
}

/** Collects what is written to it. */
export class Collected extends Writable {
  readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    done();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

/** @param index Default: one in memory. */
export async function openTestStore(index?: Index): Promise<Store> {
  return openCheckedStore({ index: index ?? (await openMemoryIndex()), blobs: openMemoryBlobs() });
}

function storeRoutes(store: Store) {
  return routes({ store: () => store, onCall: () => {}, elapsed: () => performance.now() });
}

export function transportTo(store: Store): Transport {
  return createRouterTransport(storeRoutes(store));
}

/** A command line, and a client beside it, over a store of their own. */
export async function openCommandLine() {
  const store = await openTestStore();
  const transport = transportTo(store);
  const client = await connect(transport);
  return {
    client,
    cli: commandLine(transport),
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Runs command lines against one transport. */
export function commandLine(transport: Transport) {
  return async (argv: readonly string[], options: RunOptions = {}): Promise<Ran> => {
    const stdout = new Collected();
    const stderr = new Collected();
    const connects: ConnectOptions[] = [];
    const { stdin = Readable.from([]) } = options;
    const readable = stdin instanceof Readable ? stdin : Readable.from([Buffer.from(stdin)]);
    const code = await run(argv, {
      stdin: Object.assign(readable, { isTTY: options.stdinIsTTY ?? false }),
      stdout,
      stderr,
      connect: async (wanted) => {
        connects.push(wanted);
        return { transport, description: 'a store in memory', close: async () => {} };
      },
      ...options.io,
    });
    const text = stdout.bytes.toString('utf8');
    return {
      code,
      stdout: stdout.bytes,
      stderr: stderr.bytes.toString('utf8'),
      text,
      connects,
      get json() {
        return text
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Record<string, unknown>);
      },
    };
  };
}
