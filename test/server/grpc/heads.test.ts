/** What is looked at of the head of a call before grpc-js sees it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openRig, pathOf } from '../fake-service.ts';
import { openSocket } from '../http/raw.ts';
import { askWithHead } from '../http/spoken-head.ts';
import { framed } from './raw-call.ts';

/** A service that counts its calls, on TCP and on a Unix socket. */
async function opened() {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-heads-'));
  const calls: string[] = [];
  const rig = await openRig(
    {
      getArtifact: (_request, { requestHeader }) => {
        calls.push(requestHeader.get('authorization') ?? '');
        return {};
      },
    },
    { socket: join(directory, 'sock') },
  );
  onTestFinished(async () => {
    await rig[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
  const { grpc, socket } = rig.server.addresses;
  const call = async (over: 'TCP' | 'a Unix socket', ...headers: [string, string][]) => {
    const wire = over === 'TCP' ? await openSocket(`http://${grpc}`) : connect(socket!);
    const head: [string, string][] = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', pathOf('GetArtifact')],
      [':authority', 'localhost'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
    ];
    const answer = await askWithHead(wire, [...head, ...headers], framed(new Uint8Array()));
    return [answer.headers['grpc-status'], answer.headers['grpc-message']];
  };
  return { calls, call };
}

describe.each(['TCP', 'a Unix socket'] as const)('a call over %s', (over) => {
  it('is taken with one authorization, and refused with two', async () => {
    const { calls, call } = await opened();
    expect((await call(over, ['authorization', 'Bearer a']))[0]).toBe('0');
    expect(calls).toEqual(['Bearer a']);
    for (const second of ['Bearer b', 'Bearer a', ''])
      expect(await call(over, ['authorization', 'Bearer a'], ['authorization', second])).toEqual([
        '3',
        'authorization:%20must%20be%20given%20only%20once',
      ]);
    expect(await call(over, ['content-type', 'application/grpc'])).toEqual([
      '3',
      'content-type:%20must%20be%20given%20only%20once',
    ]);
    expect(calls).toHaveLength(1);
  });
});
