/** The short form of the rig: what bombs take at once is counted. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { ByteRoom } from '../../../src/api/byte-room.ts';
import { afterRealTime } from '../../../src/api/timer.ts';
import { limits } from '../../../src/domain/limits.ts';
import { type HttpRig, openHttpRig } from '../../server/http/listeners.ts';
import { closeChecked } from '../../support/service.ts';
import { bodies, type Form, sendOverGrpc, sendOverWeb, type Target } from './attack.ts';
import { sendBombs } from './rig.ts';

let rig: HttpRig;
let target: Target;
let room: ByteRoom;
const atOnce = 8;
const bytesMax = 3 * limits.messageBytesMax;
/** UploadArtifact without finish, and CreateArtifact with bytes that are stored already. */
const ends: Readonly<Record<Form, string>> = {
  'one bomb': '8',
  'the largest message': '0',
  'bombs in a stream': '8',
  'the largest messages in a stream': '3',
};

beforeAll(async () => {
  room = new ByteRoom({ after: afterRealTime, bytesMax, groupBytesMax: bytesMax, why: 'no room' });
  rig = await openHttpRig({}, { inflatedRoom: room });
  target = { grpc: rig.server.addresses.grpc, http: rig.server.addresses.http!, key: '' };
  return () => closeChecked(rig);
});

beforeEach(() => {
  rig.calls.length = 0;
});

it.each([
  ['gRPC', sendOverGrpc],
  ['gRPC-Web', sendOverWeb],
] as const)('over %s bombs at once take no more than there is room for', async (_name, send) => {
  for (const form of Object.keys(bodies) as Form[])
    expect(await send(target, form, atOnce)).toEqual({ [ends[form]]: atOnce });
  expect(room.bytesPeak).toBeGreaterThan(limits.messageBytesMax);
  expect(room.bytesPeak).toBeLessThanOrEqual(bytesMax);
  await expect.poll(() => room.bytes).toBe(0);
  expect(rig.server.unexpected).toEqual([]);
});

it('the long form starts a service, and says what it has counted', async () => {
  expect((await sendBombs(0)).said).toMatch(/^statuses \{\}, memory \+\d+ MiB/);
});
