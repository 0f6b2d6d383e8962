/** A process of its own that watches one session many times: `watchers.ts ADDRESS SESSION COUNT`. */
import { connect } from '../../src/client/client.ts';
import { sayReady } from './serve-control.ts';

const [address, session, count] = process.argv.slice(2);
/** A connection takes at most a hundred streams. */
const watchersEach = 50;

process.once('SIGTERM', () => process.exit(0));
const clients = await Promise.all(
  Array.from({ length: Math.ceil(Number(count) / watchersEach) }, () => connect(`grpc://${address}`)),
);
const begun = Array.from({ length: Number(count) }, async (_, at) => {
  const events = clients[Math.floor(at / watchersEach)]!.sessions.watch(session!);
  await events.next();
  return events;
});
const watching = await Promise.all(begun);
sayReady(address!);
await Promise.all(
  watching.map(async (events) => {
    for await (const _event of events);
  }),
);
