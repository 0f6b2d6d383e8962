/**
 * Where the processor time of a push goes, and with `--slow` what the slowest pushes wait for:
 *
 *     node bench/profile/push.ts [--pushes N] [--in-flight N] [--functions N] [--slow]
 */
import { parseArgs } from 'node:util';
import { createPath, inLanes, pushAll, pushFrames } from '../harness/pushes.ts';
import { nowMicros, type Parts, printProfile } from './profile.ts';
import type { Span } from './slow.ts';

const parts: Parts = [
  ['garbage collection', /^ \(garbage collector\)$/],
  ['native code outside of functions: the event loop, sockets, nghttp2', /^ \(program\)$/],
  ['reads of LevelDB', /src\/index\/engine\/reader\.ts|_?getSync$/],
  [
    'batch: stored form, to LevelDB',
    /src\/index\/leveldb|engine\/(batch|stored-row)\.ts|(abstract|classic)-level/,
  ],
  ['keys and values of rows', /src\/index\/(family|tuple|keys|signature|bytes)\.ts/],
  ['decision and its order', /src\/(index|store\/(rows|look|watch)|query)\/|artifacts\/commits?\.ts/],
  ['upload, hash of the content', /src\/store\//],
  [
    'answer: message to bytes',
    /to-binary|src\/api\/(encoding|messages\.ts)|codec\.ts (general|bytesOf|inTwo|encode|copy)/,
  ],
  ['request: bytes to message', /from-binary|wire\/|src\/api\/bounds\/|server\/grpc\/(codec|decoding)\.ts/],
  ['headers, signals and values of a call', /src\/server\/(grpc\/metadata|call-values)\.ts|@connectrpc/],
  ['handler: guard, checks, metrics, log', /src\/(api|identity|telemetry|programs)\/|@opentelemetry|pino/],
  ['gRPC library', /@grpc\/grpc-js/],
  ['listener: counts, slices, order of calls', /src\/server\//],
  ['HTTP/2, streams and sockets of Node', /node:(internal\/(http2|streams|stream_base)|net|http2|events)/],
];

const { values } = parseArgs({
  options: {
    pushes: { type: 'string', default: '20000' },
    'in-flight': { type: 'string', default: '64' },
    functions: { type: 'string', default: '0' },
    slow: { type: 'boolean', default: false },
  },
});
const count = Number(values.pushes);
const inFlight = Number(values['in-flight']);
const frames = pushFrames(count);
const spans: Span[] = [];
await printProfile({
  call: `of a push, ${inFlight} in flight`,
  count,
  warmUp: async (client) => await pushAll(client, pushFrames(Math.ceil(count / 4)), inFlight),
  run: async (client) =>
    await inLanes(frames, inFlight, async (frame) => {
      const from = nowMicros();
      await client.unary(createPath, frame);
      spans.push({ from, to: nowMicros() });
    }),
  ...(values.slow ? { spans } : {}),
  parts,
  functions: Number(values.functions),
});
