/** In which order calls begin; nothing here is timed. */
import type { ConnectRouter } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import { FairStarts, startsPerTurn } from '../../src/server/fair-starts.ts';
import { startTestServer } from './grpc/listeners.ts';
import { answerOf, framed, openRawConnection } from './grpc/raw-call.ts';

/** Turns that a test lets come. */
function turns() {
  const next: (() => void)[] = [];
  const starts = new FairStarts((run) => next.push(run));
  const begun: string[] = [];
  return {
    starts,
    begun,
    add: (connection: object, name: string, isGone = false) =>
      starts.add(connection, {
        begin: () => begun.push(name),
        isGone: () => isGone,
        drop: () => begun.push(`no ${name}`),
      }),
    come: () => {
      for (const run of next.splice(0)) run();
    },
    pending: () => next.length,
  };
}

const [greedy, other, third] = [{}, {}, {}];

describe('calls', () => {
  it('begin at once where few come', () => {
    const { add, begun, come, pending } = turns();
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < startsPerTurn; at++) add(greedy, `${at}`);
      expect(begun.splice(0)).toHaveLength(startsPerTurn);
      come();
    }
    expect(pending()).toBe(0);
  });

  it('of one connection wait for those of others, and all begin', () => {
    const { starts, add, begun, come, pending } = turns();
    for (let at = 0; at < 1_000; at++) add(greedy, 'greedy');
    expect(begun.splice(0)).toHaveLength(startsPerTurn);
    expect(starts.waiting).toBe(1_000 - startsPerTurn);
    add(other, 'other');
    add(third, 'third');
    add(other, 'other');
    come();
    expect(begun.splice(0)).toEqual([
      'greedy',
      'other',
      'third',
      'greedy',
      'other',
      ...Array(startsPerTurn - 5).fill('greedy'),
    ]);
    for (let turn = 0; turn < 100; turn++) come();
    expect(begun).toHaveLength(1_000 - 2 * startsPerTurn + 3);
    expect([starts.waiting, pending()]).toEqual([0, 0]);
  });

  it('that nobody waits for are not begun, and take no turn', () => {
    const { add, begun, come } = turns();
    for (let at = 0; at < startsPerTurn; at++) add(greedy, 'greedy');
    for (let at = 0; at < 20; at++) add(greedy, 'gone', true);
    add(greedy, 'last');
    begun.length = 0;
    come();
    expect(begun).toEqual([...Array(20).fill('no gone'), 'last']);
  });
});

describe('over gRPC', () => {
  it('a call on a connection of its own begins before those of another that came earlier', async () => {
    const { starts, come } = turns();
    const begun: string[] = [];
    await using server = await startTestServer(
      (router) =>
        router.service(SessionService, {
          listSessions: (_request, { requestHeader }) => {
            begun.push(requestHeader.get('of') ?? '');
            return {};
          },
        }),
      { starts },
    );
    await using many = await openRawConnection(server.addresses.grpc);
    await using one = await openRawConnection(server.addresses.grpc);
    const path = `/${SessionService.typeName}/ListSessions`;
    const calls = Array.from({ length: 90 }, () => many.call(path, { of: 'many' }));
    for (const call of calls) call.resume().end(framed(new Uint8Array()));
    await expect.poll(() => [begun.length, starts.waiting]).toEqual([startsPerTurn, 90 - startsPerTurn]);
    one.call(path, { of: 'one' }).resume().end(framed(new Uint8Array()));
    await expect.poll(() => starts.waiting).toBe(91 - startsPerTurn);
    come();
    await expect.poll(() => begun.length).toBe(2 * startsPerTurn);
    expect(begun.indexOf('one')).toBeLessThan(2 * startsPerTurn);
    await expect
      .poll(() => {
        come();
        return [begun.length, starts.waiting];
      })
      .toEqual([91, 0]);
  });
});

describe('a request that waits for its turn when the service stops', () => {
  const path = `/${SessionService.typeName}/ListSessions`;

  /** A server of which as many calls have begun as may in one turn. */
  async function busy() {
    const turn = turns();
    const list = (router: ConnectRouter) => router.service(SessionService, { listSessions: () => ({}) });
    const http = { host: '127.0.0.1', port: 0 };
    const server = await startTestServer(list, { starts: turn.starts, http });
    const connection = await openRawConnection(server.addresses.grpc);
    const ask = () => {
      const call = connection.call(path);
      call.end(framed(new Uint8Array()));
      return answerOf(call);
    };
    await Promise.all(Array.from({ length: startsPerTurn }, ask));
    return { ...turn, server, connection, ask };
  }

  it('is told so over HTTP/1.1, also the first one of its connection', async () => {
    const { server, connection, starts, come } = await busy();
    const answer = fetch(`http://${server.addresses.http}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    await expect.poll(() => starts.waiting).toBe(1);
    const drained = server.drain();
    await expect.poll(() => server.readiness.phase).toBe('stopping');
    come();
    expect((await answer).status).toBe(503);
    expect(await (await answer).text()).toContain('SHUTTING_DOWN');
    connection.session.close();
    expect(await drained).toEqual({ brokenOff: 0 });
  });

  it('is answered over gRPC', async () => {
    const { server, connection, starts, come, ask } = await busy();
    const answer = ask();
    await expect.poll(() => starts.waiting).toBe(1);
    const drained = server.drain();
    await expect.poll(() => server.readiness.phase).toBe('stopping');
    come();
    expect(await answer).toMatchObject({ status: '0' });
    connection.session.close();
    expect(await drained).toEqual({ brokenOff: 0 });
  });
});
