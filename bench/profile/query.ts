/**
 * Where the processor time of a query goes: two equalities and a time range, newest 100, repeated, or as many different
 * people would ask (Zipf).
 *
 *     node bench/profile/query.ts --stores DIR [--size N] [--queries N] [--zipf] [--functions N]
 *
 * The store is built in DIR unless it is there.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { askSteadily } from '../harness/lists.ts';
import type { RawClient } from '../harness/raw-client.ts';
import { askingOurs, zipfQueries } from '../peers/asking.ts';
import { copyStore, keptStore } from '../stores/cache.ts';
import { type Parts, printProfile } from './profile.ts';

const parts: Parts = [
  ['garbage collection', /^ \(garbage collector\)$/],
  ['native code outside of functions: the event loop, sockets, nghttp2', /^ \(program\)$/],
  ['reads of rows: LevelDB and memory', /src\/index\//],
  ['conditions of the records', /src\/domain\/|artifact-matches|session-matches/],
  ['lists and plan', /src\/(query|store)\//],
  [
    'answer: message to bytes',
    /to-binary|src\/api\/(encoding|messages\.ts)|codec\.ts (general|bytesOf|inTwo|encode|copy)/,
  ],
  ['request: bytes to message', /from-binary|wire\/|src\/api\/bounds\/|server\/grpc\/(codec|decoding)\.ts/],
  [
    'handler: guard, checks, page token, metrics, log',
    /src\/(api|identity|telemetry|programs)\/|@opentelemetry|pino/,
  ],
  ['gRPC library', /@grpc\/grpc-js|@connectrpc/],
  ['listener: counts, slices, order of calls', /src\/server\//],
  ['HTTP/2, streams and sockets of Node', /node:(internal\/(http2|streams|stream_base)|net|http2|events)/],
];

const { values } = parseArgs({
  options: {
    stores: { type: 'string' },
    size: { type: 'string', default: '10000' },
    queries: { type: 'string', default: '4000' },
    zipf: { type: 'boolean', default: false },
    functions: { type: 'string', default: '0' },
  },
});
if (values.stores === undefined) throw new Error('--stores: must name the directory of the stores');
const count = Number(values.queries);
const spec = { seed: 1, live: Number(values.size) };
const store = await keptStore(values.stores, spec, console.error);
const drawn = zipfQueries();

async function ask(client: RawClient, queries: number): Promise<void> {
  if (!values.zipf) {
    await askSteadily(client, queries);
    return;
  }
  const one = askingOurs(client);
  for (let at = 0; at < queries; at++) await one(drawn.next().value);
}

await printProfile({
  call: values.zipf ? 'of a query of the Zipf kind' : 'of a query, repeated',
  count,
  dataDir: async (directory) => {
    const copy = join(directory, 'data');
    copyStore(store, copy);
    return copy;
  },
  warmUp: async (client) => await ask(client, Math.ceil(count / 4)),
  run: async (client) => await ask(client, count),
  parts,
  functions: Number(values.functions),
});
