/** Tickets as the client makes them. */
import { expect, it, onTestFinished } from 'vitest';
import { connect } from '../../../src/client/client.ts';
import { openTicketRig } from './rig.ts';

it('reads, previews, archives and pushes by URLs that need no credentials', async () => {
  const rig = await openTicketRig();
  const key = await rig.key();
  const store = await connect(rig.url, { token: key.secret });
  onTestFinished(() => store.close());
  const push = await store.ticket({
    kind: 'push',
    spec: { session: 's', name: 'a.txt', metadata: { agent: 'x' }, newVersion: true },
    maxBytes: 5,
  });
  expect(push).toMatchObject({ kind: 'push', size: 5, digest: undefined });
  const put = await fetch(push.localUri!, { method: 'PUT', body: 'bytes' });
  expect(put.status).toBe(201);
  const read = await store.ticket(
    { kind: 'read', artifact: { session: 's', name: 'a.txt' } },
    { ttlMs: 60_000 },
  );
  expect(read).toMatchObject({
    kind: 'read',
    size: 5,
    digest: expect.stringMatching(/^sha-256:/),
    uri: `https://store.example${read.path}`,
    expireTime: new Date(rig.clock.now + 60_000),
  });
  expect(await (await fetch(read.localUri!)).text()).toBe('bytes');
  const preview = await store.ticket({ kind: 'preview', artifact: { session: 's', name: 'a.txt' } });
  expect((await fetch(preview.localUri!)).headers.get('content-disposition')).toBe(
    'inline; filename="a.txt"',
  );
  const archive = await store.ticket({ kind: 'archive', session: 's' });
  expect(archive).toMatchObject({ kind: 'archive', size: undefined, digest: undefined });
  expect((await fetch(archive.localUri!)).headers.get('content-type')).toBe('application/zip');
});
