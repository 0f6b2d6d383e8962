/** SealSession with a durability: what is refused, what the answer waits for, and for how long. */
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { expect, it, onTestFinished } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { SessionState } from '../../../gen/artifacta/v1/session_pb.ts';
import { Durability, SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { routes } from '../../../src/api/routes.ts';
import type { Shipped } from '../../../src/api/sessions/durability.ts';
import { isSegmentName } from '../../../src/blobs/export-files.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { memoryExports } from '../../../src/blobs/memory-exports.ts';
import { encodeRow } from '../../../src/index/engine/stored-row.ts';
import { keys } from '../../../src/index/keys.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { Shipping } from '../../../src/store/custody/shipping.ts';
import { refusal } from '../../support/calls.ts';
import { openCheckedStore } from '../../support/row-owners.ts';

async function served(shipped: Shipped | undefined) {
  const store = await openCheckedStore({ index: await openMemoryIndex(), blobs: openMemoryBlobs() });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const all = routes({
    store: () => store,
    shipping: shipped,
    onCall: () => {},
    elapsed: () => performance.now(),
  });
  const client = createClient(SessionService, createRouterTransport(all));
  await client.openSession({ session: 's' });
  const seal = (durability: Durability | undefined, timeoutMs?: number) =>
    client.sealSession(
      {
        session: 's',
        outcome: SessionOutcome.SUCCEEDED,
        ...(durability === undefined ? {} : { durability }),
      },
      timeoutMs === undefined ? {} : { timeoutMs },
    );
  const state = async () => (await client.getSession({ session: 's' })).session!.state;
  return { seal, state };
}

/** A shipping with one batch that waits until `elapse` is called. */
async function waiting(isDefault: boolean) {
  const tasks: (() => void)[] = [];
  const shipping = new Shipping({
    files: memoryExports(isSegmentName),
    after: (_delayMs, task) => {
      tasks.push(task);
      return () => void (tasks.includes(task) && tasks.splice(tasks.indexOf(task), 1));
    },
    warn: () => {},
    mintChain: () => 'c1',
    onGap: async () => ({ seq: 11, time: 11 }),
  });
  await shipping.begin('a1', { seq: 10, time: 10 }, { isReplaced: false, isUnused: false });
  await expect.poll(() => shipping.restorableTime).toBe(Number.POSITIVE_INFINITY);
  const key = keys.store.policy.key('default');
  const value = encodeRow(key, Uint8Array.of(1));
  shipping.note({ seq: 12, time: 12, epoch: 1 }, [{ type: 'put', key, value }]);
  const elapse = () => {
    for (const task of tasks.splice(0)) task();
  };
  return { shipped: { place: 'gs://bucket/a', shipping, isDefault }, elapse };
}

it('is refused where nothing is shipped, and nothing is sealed', async () => {
  const { seal, state } = await served(undefined);
  expect(await refusal(seal(Durability.SHIPPED))).toMatchObject({
    reason: 'EXPORT_NOT_CONFIGURED',
    fields: ['durability'],
  });
  expect(await refusal(seal(9 as Durability))).toMatchObject({
    reason: 'INVALID_ARGUMENT',
    fields: ['durability'],
  });
  expect(await state()).toBe(SessionState.OPEN);
  expect((await seal(undefined)).alreadySealed).toBe(false);
  expect(await seal(Durability.LOCAL)).toMatchObject({ alreadySealed: true, durability: Durability.LOCAL });
});

it.each([
  [Durability.SHIPPED, false],
  [undefined, true],
] as const)('waits for the place, and so does the next call (%s)', async (durability, isDefault) => {
  const { shipped, elapse } = await waiting(isDefault);
  const { seal, state } = await served(shipped);
  const calls = [seal(durability)];
  await expect.poll(state).toBe(SessionState.SEALED);
  calls.push(seal(durability));
  expect((await seal(Durability.LOCAL)).alreadySealed).toBe(true);
  await expect.poll(() => shipped.shipping.waiting).toBe(2);
  elapse();
  const answers = await Promise.all(calls);
  expect(answers.map(({ alreadySealed }) => alreadySealed)).toEqual([false, true]);
  expect(await seal(durability)).toMatchObject({ alreadySealed: true, durability: Durability.SHIPPED });
});

it('says before the deadline that the session is sealed, and not shipped yet', async () => {
  const { shipped } = await waiting(false);
  const { seal, state } = await served(shipped);
  const refused = await refusal(seal(Durability.SHIPPED, 1_000));
  expect(refused).toMatchObject({ reason: 'SEAL_PENDING' });
  expect(refused.message).toContain('session s is sealed, but its seal is not in gs://bucket/a yet');
  expect(await state()).toBe(SessionState.SEALED);
  expect(shipped.shipping.waiting).toBe(0);
});

it('says why the seal will not be shipped', async () => {
  const { shipped } = await waiting(false);
  const { seal } = await served(shipped);
  const refused = refusal(seal(Durability.SHIPPED));
  await expect.poll(() => shipped.shipping.waiting).toBe(1);
  shipped.shipping.suspend();
  expect(await refused).toMatchObject({
    reason: 'STORE_UNAVAILABLE',
    message: expect.stringMatching(/session s is sealed, but .* closed or replaced/),
  });
});
