/** A service whose contents are in a bucket, and which lets clients send bytes there. */
import type { Client } from '@connectrpc/connect';
import { expect, onTestFinished } from 'vitest';
import type { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import type { OnStep } from '../../../src/store/rows/steps.ts';
import { type Spec, sha256, someBytes } from '../../support/calls.ts';
import { FakeGcs } from '../../support/gcs/server.ts';
import { inconsistencies } from '../../support/naive.ts';
import { openTicketRig } from '../tickets/rig.ts';

/** The content of most tests, and others of the same size and of another size. */
export const bytes = Buffer.from(someBytes(700_000));
export const others = Buffer.from(someBytes(700_000, 2));
export const longer = Buffer.from(someBytes(700_001));

export const bytesMin = 100_000;
export const hour = 3_600_000;

export type Artifacts = Client<typeof ArtifactService>;
export type DirectRig = Awaited<ReturnType<typeof openDirectRig>>;

interface DirectRigOptions {
  readonly isOff?: boolean;
  readonly least?: number;
  readonly most?: number;
  readonly onStep?: OnStep;
}

/** Opens a service that ends with the test; every row must then agree with the others, and with the bucket. */
export async function openDirectRig({
  isOff = false,
  least = bytesMin,
  most = 10_000_000,
  onStep = () => undefined,
}: DirectRigOptions = {}) {
  const fake = await FakeGcs.open();
  onTestFinished(() => fake[Symbol.asyncDispose]());
  const address = { bucket: 'bucket', prefix: 'store' };
  const blobs = await openGcsBlobs({ address, endpoint: fake.endpoint });
  onTestFinished(() => blobs[Symbol.dispose]());
  await blobs.claimFor('store1');
  const directUploads = isOff ? undefined : { bytesMin: least };
  const rig = await openTicketRig({
    blobs,
    directUploads,
    inlineBytesMax: 0,
    artifactBytesMax: most,
    onStep,
  });
  fake.buckets.now = () => rig.clock.now;
  onTestFinished(async () => {
    fake.isDown = false;
    expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
    expect(rig.unexpected).toEqual([]);
  });
  const owner = await rig.key();
  const contents = () =>
    [...fake.buckets.bucket('bucket').values()].filter((one) => one.name.startsWith('store/blobs/'));
  const collect = () => rig.store.collection.collect({ limit: 1_000 }, { findOrphans: true });
  const { grpc } = rig.server.addresses;
  const receivedBytes = () => blobs.traffic.receivedBytes;
  return { ...rig, grpc, receivedBytes, fake, owner, contents, collect };
}

/** The description of a content under the name `a.bin` in the session `s`. */
export function specOf(content: Uint8Array, rest: Spec = {}): Spec {
  const stated = { sizeBytes: BigInt(content.length), sha256: sha256(content) };
  return { session: 's', name: 'a.bin', ...stated, ...rest };
}

/** Begins an upload for which bytes are needed. */
export async function begun(artifacts: Artifacts, spec: Spec = specOf(bytes)) {
  const { result } = await artifacts.beginDirectUpload({ spec });
  if (result.case !== 'upload') throw new Error('no bytes are needed');
  return result.value;
}

/** Sends all bytes in one request, without credentials. @returns the status. */
export async function send(uri: string, content: Uint8Array): Promise<number> {
  const range = `bytes 0-${content.length - 1}/${content.length}`;
  const answer = await fetch(uri, { method: 'PUT', headers: { 'content-range': range }, body: content });
  await answer.text();
  return answer.status;
}

/** Ends an upload. */
export async function finish(artifacts: Artifacts, uploadToken: string) {
  const checked: number[] = [];
  for await (const { part } of artifacts.finishDirectUpload({ uploadToken })) {
    if (part.case === 'committed') return { checked, ...part.value };
    if (part.case === 'checkedBytes') checked.push(Number(part.value));
  }
  throw new Error('the stream ended without a result');
}

/** Begins an upload, and sends the bytes. */
export async function sent(artifacts: Artifacts, content: Uint8Array = bytes, spec = specOf(content)) {
  const upload = await begun(artifacts, spec);
  expect(await send(upload.uri, content)).toBe(200);
  return upload;
}
