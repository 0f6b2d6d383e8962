/** etcd, one member, durable as it is by default: every Put is in its log and synced before the answer, in groups. */
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { freeAddress } from '../../scripts/free-port.ts';
import { type Push, pushFrame } from '../harness/pushes.ts';
import type { RawClient } from '../harness/raw-client.ts';
import { programAt } from './missing.ts';
import { PeerProcess } from './peer-process.ts';
import { field, framed } from './protobuf.ts';

const putPath = '/etcdserverpb.KV/Put';

/** What is durable and hashed where etcd is measured, for the notes of a figure. */
export const etcdPromises =
  'etcd: a synced log with group commit, its default; no digest, no index, no metadata that can be asked for';

/** @throws PeerMissing. */
export async function startEtcd(directory: string): Promise<PeerProcess> {
  const etcd = programAt({ name: 'etcd', from: 'Debian has it in etcd-server' });
  const address = await freeAddress();
  const client = `http://${address}`;
  const peer = `http://${await freeAddress()}`;
  return await PeerProcess.start({
    command: [
      etcd,
      ...['--data-dir', join(directory, 'etcd'), '--log-level', 'error', '--logger', 'zap'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `default=${peer}`],
    ],
    address,
    answers: async () => (await fetch(`${client}/health`)).ok,
  });
}

/** The frame of a Put: session and name as the key, and the message of the same push as the value. */
export function putFrame(push: Push): Buffer {
  const key = Buffer.from(`${push.session}/${push.name}`);
  const message = pushFrame(push).subarray(5);
  return framed(Buffer.concat([field(1, key), field(2, message)]));
}

/** Sends a Put. */
export function put(client: RawClient, request: Buffer): Promise<void> {
  return client.unary(putPath, request);
}
