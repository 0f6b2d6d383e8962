/** Somebody who only works, on connections of their own. */
import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { openTransport } from '../../server/grpc/listeners.ts';
import type { Listener } from '../unread/attack.ts';

interface Opened extends Disposable {
  readonly transport: Transport;
}

/** A connection of its own. */
function openAnew({ protocol, address, isTls }: Listener): Opened {
  const nodeOptions = { rejectUnauthorized: false };
  const baseUrl = `http${isTls ? 's' : ''}://${address}`;
  if (address.startsWith('/')) return openTransport(`unix:${address}`);
  if (protocol === 'HTTP/1.1') {
    const transport = createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions });
    return { transport, [Symbol.dispose]: () => undefined };
  }
  const sessionManager = new Http2SessionManager(baseUrl, {}, nodeOptions);
  const options = { baseUrl, httpVersion: '2' as const, sessionManager };
  const transport = protocol === 'grpc' ? createGrpcTransport(options) : createConnectTransport(options);
  return { transport, [Symbol.dispose]: () => sessionManager.abort() };
}

/** Pushes, and lists what it has pushed. */
export async function workAnew(listener: Listener, headers: Readonly<Record<string, string>>): Promise<void> {
  using opened = openAnew(listener);
  const artifacts = createClient(ArtifactService, opened.transport);
  const options = { headers, timeoutMs: 30_000 };
  const spec = { session: 'good', name: 'mine' };
  await artifacts.createArtifact({ spec, content: { case: 'data', value: Buffer.from('mine') } }, options);
  const { artifacts: listed } = await artifacts.listArtifacts({ session: 'good' }, options);
  if (!listed.some(({ name }) => name === 'mine')) throw new Error('what was pushed is not listed');
}
