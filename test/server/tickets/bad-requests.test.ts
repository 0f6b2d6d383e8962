/** Requests for tickets that name what cannot be. */
import { describe, expect, it } from 'vitest';
import { refusal } from '../../support/calls.ts';
import { ARCHIVE, artifact, openTicketRig, PUSH, READ, session } from './rig.ts';

describe('bad requests are refused by name', () => {
  const bad = [
    ['kind', {}],
    ['target', { kind: READ }],
    ['target', { kind: READ, target: session('s') }],
    ['target', { kind: ARCHIVE, target: artifact('a') }],
    ['target', { kind: PUSH, target: session('s') }],
    ['session', { kind: ARCHIVE, target: session('a/b') }],
    ['artifact', { kind: READ, target: { case: 'artifact', value: {} } }],
    ['push.spec', { kind: PUSH, target: { case: 'push', value: {} } }],
    ['push.spec.name', { kind: PUSH, target: { case: 'push', value: { spec: { session: 's' } } } }],
    [
      'push.max_bytes',
      { kind: PUSH, target: { case: 'push', value: { spec: { session: 's', name: 'a' }, maxBytes: -1n } } },
    ],
    [
      'push.spec.request_id',
      { kind: PUSH, target: { case: 'push', value: { spec: { session: 's', name: 'a', requestId: 'r' } } } },
    ],
    [
      'push.spec',
      {
        kind: PUSH,
        target: {
          case: 'push',
          value: {
            spec: {
              session: 's',
              name: 'a',
              metadata: {
                a: 'x'.repeat(1_000),
                b: 'x'.repeat(1_000),
                c: 'x'.repeat(1_000),
                d: 'x'.repeat(100),
              },
            },
          },
        },
      },
    ],
    ['ttl', { kind: ARCHIVE, target: session('s'), ttl: { seconds: 301n } }],
    ['ttl', { kind: ARCHIVE, target: session('s'), ttl: { seconds: 0n } }],
    ['ttl', { kind: ARCHIVE, target: session('s'), ttl: { seconds: 1n, nanos: -1 } }],
  ] as const;

  it.each(bad)('%s (%#)', async (field, request) => {
    const rig = await openTicketRig();
    const { tickets } = await rig.key();
    expect(
      await refusal(tickets.createTicket(request as Parameters<typeof tickets.createTicket>[0])),
    ).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      fields: [field],
    });
  });
});
