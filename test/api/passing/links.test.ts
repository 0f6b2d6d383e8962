/** The connections between replicas: over TLS, with the trace of the call, and what errors look like there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { failureIn, toConnectError } from '../../../src/api/errors.ts';
import { Failure, reasons } from '../../../src/domain/errors.ts';
import { Tls } from '../../../src/server/tls.ts';
import { Authority, hasOpenssl } from '../../support/certificates.ts';
import { openReplicaSet } from '../../support/replica-servers.ts';

describe.skipIf(!hasOpenssl())('over TLS', () => {
  it('calls are passed on, whatever names the certificate has, and no client certificate is asked for', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'artifacta-tls-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const authority = new Authority(directory);
    const { cert, key } = authority.issue('served');
    const openTls = async (clientCa?: string) => {
      const opened = await Tls.open(
        { cert, key, clientCa },
        { warn: () => undefined, after: () => () => {} },
      );
      onTestFinished(() => opened[Symbol.dispose]());
      return opened;
    };
    const set = await openReplicaSet();
    onTestFinished(() => set[Symbol.asyncDispose]());
    const asked = await set.add({ tls: await openTls() });
    // Its clients must have a certificate, and replicas need none.
    const owner = await set.add({ tls: await openTls(cert) });
    set.assignments.assign('default', owner.address);
    await asked.sessions.openSession({ session: 'run' });
    expect(owner.passed).toMatchObject([{ outcome: 'OK', transport: 'replica' }]);
  });
});

describe('the trace of a call', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const own = '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01';

  it.each([
    ['the caller', undefined, traceparent],
    ['this process', own, own],
  ])('goes on with the span of %s', async (_whose, active, expected) => {
    const set = await openReplicaSet();
    onTestFinished(() => set[Symbol.asyncDispose]());
    const [asked, owner] = [await set.add({ traceparent: () => active }), await set.add()];
    set.assignments.assign('default', owner.address);
    const headers = { traceparent, tracestate: 'vendor=1' };
    await asked.sessions.openSession({ session: 'run' }, { headers });
    expect(owner.begun.map((call) => call.get('traceparent'))).toEqual([expected]);
    expect(owner.begun.map((call) => call.get('tracestate'))).toEqual(['vendor=1']);
  });
});

describe('a failure', () => {
  it.each(reasons)('is the same after it has crossed the network: %s', (reason) => {
    const failure = new Failure(reason, 'session: must be something', {
      metadata: { session: 'run', owner: 'a:1' },
      violations: [{ field: 'session', description: 'must be something' }],
      retryAfterMs: 1_250,
    });
    const back = failureIn(asReceived(toConnectError(failure)))!;
    expect({ ...back }).toEqual({ ...failure });
    expect(back.message).toBe(failure.message);
    const bare = failureIn(asReceived(toConnectError(new Failure(reason, 'x'))))!;
    expect({ ...bare }).toEqual({ ...new Failure(reason, 'x') });
  });

  it('of something else is none of ours', () => {
    expect(failureIn(new ConnectError('upstream connect error'))).toBeUndefined();
  });
});

/** The error as a client decodes it: its details are messages in their encoding. */
function asReceived(error: ConnectError): ConnectError {
  const received = new ConnectError(error.rawMessage, error.code);
  received.details = error.details.map((detail) => {
    if (!('desc' in detail)) return detail;
    const { desc, value } = detail;
    return { type: desc.typeName, value: toBinary(desc, create(desc, value)) };
  });
  return received;
}
