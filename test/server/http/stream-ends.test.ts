/**
 * However an upload over Connect or gRPC-Web ends, an artifact is there if and only if the client has said that it sent
 * everything, and nothing else stays behind.
 */
import { Agent, type Server } from 'node:http';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { describe, expect, it } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { refusal, someBytes, type UploadMessage } from '../../support/calls.ts';
import { eventually } from '../grpc/raw-call.ts';
import { type HttpRig, openHttpRig } from './listeners.ts';

const chunk = someBytes(256 * 1024);

interface Upload {
  readonly rig: HttpRig;
  readonly cancel: () => void;
  readonly agent: Agent;
  /** Lets the client go on, and end its stream without having said that this was all. */
  readonly goOn: () => void;
}

const ways: readonly [string, (upload: Upload) => unknown, readonly string[]][] = [
  ['the client cancels', ({ cancel }) => cancel(), ['CANCELLED']],
  ['its connection is destroyed', ({ agent }) => agent.destroy(), ['CANCELLED']],
  ['its deadline passes', () => {}, ['DEADLINE_EXCEEDED', 'CANCELLED']],
  ['the client ends without finish', ({ goOn }) => goOn(), ['UPLOAD_INCOMPLETE']],
  ['the server destroys the connections', ({ rig }) => closeAll(rig), ['CANCELLED']],
  ['the server is forced to stop', ({ rig }) => rig.server.force(), ['SHUTTING_DOWN']],
];

function closeAll({ server }: HttpRig): void {
  (server.httpServer as Server).closeAllConnections();
}

describe.each(['Connect', 'gRPC-Web'])('%s', (protocol) => {
  it.each(ways)('leaves nothing of an upload when %s', async (what, end, outcomes) => {
    await using rig = await openHttpRig({ inlineBytesMax: 0 });
    const agent = new Agent({ keepAlive: true });
    const options = { baseUrl: rig.url, httpVersion: '1.1' as const, nodeOptions: { agent } };
    const transport =
      protocol === 'Connect' ? createConnectTransport(options) : createGrpcWebTransport(options);
    const cancellation = new AbortController();
    const goOn = Promise.withResolvers<void>();
    async function* half(): AsyncGenerator<UploadMessage> {
      yield { part: { case: 'start', value: { spec: { session: 's', name: 'a' } } } };
      yield { part: { case: 'chunk', value: chunk } };
      await goOn.promise;
    }
    const call = createClient(ArtifactService, transport)
      .uploadArtifact(half(), {
        signal: cancellation.signal,
        ...(what.includes('deadline') ? { timeoutMs: 300 } : {}),
      })
      .catch((error: unknown) => error);
    await eventually(() => rig.blobs.stagedCount === 1);
    void end({ rig, agent, cancel: () => cancellation.abort(), goOn: goOn.resolve });
    expect(await call).toBeInstanceOf(Error);
    goOn.resolve();
    await eventually(() => rig.calls.length === 1);
    expect(outcomes).toContain(rig.calls[0]?.outcome);
    await eventually(() => rig.blobs.stagedCount === 0);
    expect(rig.server.unexpected).toEqual([]);
    if (what.includes('forced')) return;
    expect((await refusal(rig.artifacts.listArtifacts({ session: 's' }))).reason).toBe('SESSION_NOT_FOUND');
  });
});
