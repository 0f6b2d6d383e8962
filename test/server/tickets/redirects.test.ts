/** Tickets and redirects to the bucket. */
import { expect, it } from 'vitest';
import type { TicketKind } from '../../../gen/artifacta/v1/ticket_pb.ts';
import { openSigningBucket } from '../../support/gcs/signing-bucket.ts';
import { ARCHIVE, artifact, openTicketRig, PREVIEW, READ, session } from './rig.ts';

it('a ticket to read is redirected for who asks; a preview and an archive never are', async () => {
  const { blobs, fake } = await openSigningBucket();
  const rig = await openTicketRig({ blobs, inlineBytesMax: 0, redirects: { hasLinks: true, bytesMin: 1 } });
  const key = await rig.key();
  await key.artifacts.createArtifact({
    spec: { session: 's', name: 'p.html', contentType: 'text/html' },
    content: { case: 'data', value: Buffer.from('<script>1</script>') },
  });
  const answerTo = async (
    kind: TicketKind,
    target: ReturnType<typeof artifact | typeof session>,
    wish?: string,
  ) => {
    const { ticket } = await key.tickets.createTicket({ kind, target });
    const headers: Record<string, string> = wish === undefined ? {} : { 'artifacta-redirect': wish };
    return await fetch(ticket!.localUri, { headers, redirect: 'manual' });
  };
  const read = await answerTo(READ, artifact('p.html'), 'allow');
  expect(read.status).toBe(307);
  const there = await fetch(read.headers.get('location')!);
  expect(await there.text()).toBe('<script>1</script>');
  expect(there.headers.get('content-disposition')).toBe('attachment; filename="p.html"');
  expect((await answerTo(READ, artifact('p.html'))).status).toBe(200);
  expect((await answerTo(READ, artifact('p.html'), 'yes')).status).toBe(400);
  expect((await answerTo(PREVIEW, artifact('p.html'), 'allow')).status).toBe(200);
  expect((await answerTo(PREVIEW, artifact('p.html'), 'yes')).status).toBe(400);
  expect((await answerTo(ARCHIVE, session('s'), 'allow')).status).toBe(200);
  expect(fake.signedHeads.length).toBe(1);
});
