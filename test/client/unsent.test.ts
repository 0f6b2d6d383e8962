/** What a client has not sent of calls that are over neither stays with it nor holds up those that come after. */
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type ArtifactaClient, connect } from '../../src/client/client.ts';
import { type Habits, type Hoarder, startHoarder } from './hoarder.ts';

const uploadBytes = 2 * 1024 * 1024;
const times = 40;
const name = { session: 'run', name: 'a' };

async function clientOf({ server }: Hoarder): Promise<ArtifactaClient> {
  const { port } = server.address() as AddressInfo;
  return connect(`grpc://127.0.0.1:${port}`, { retry: { attemptsMax: 1 } });
}

const ways: readonly [string, Habits['answers'], (client: ArtifactaClient, peer: Hoarder) => Promise<string>][] = [
  ['refused', 'refused', (client) => outcome(client.push(new Uint8Array(uploadBytes), name))],
  [
    'given up',
    'never',
    (client, peer) => {
      const abort = new AbortController();
      peer.nextUpload().then(() => abort.abort());
      return outcome(client.push(new Uint8Array(uploadBytes), name, { signal: abort.signal }));
    },
  ],
];

const outcome = (push: Promise<unknown>) => push.then(() => 'well', ({ code, message }) => `${code}: ${message}`);

describe.each([true, false])('a peer that resets what it has answered (%s)', (resets) => {
  describe.each([true, false])('and has a wide connection (%s)', (isWide) => {
    it.each(ways)('uploads that are %s', { timeout: 10_000 }, async (_how, answers, run) => {
      await using peer = await startHoarder({ answers, resets, isWide });
      await using client = await clientOf(peer);
      for (let at = 0; at < times; at++) {
        console.log(at, await run(client, peer));
        console.log(await client.sessions.get('run').then(JSON.stringify, String));
      }
      console.log(peer.opened, peer.open, peer.resets, peer.uploads);
    });
  });
});
