/** A bucket whose service can sign URLs, for as long as a test runs. */
import { onTestFinished, vi } from 'vitest';
import { type GcsBlobs, openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { newDirectory } from '../command.ts';
import { FakeGcs } from './server.ts';
import { makeAccount } from './signed.ts';

export interface SigningBucket {
  readonly fake: FakeGcs;
  readonly blobs: GcsBlobs;
  /** What the service warned of. */
  readonly warnings: string[];
}

export async function openSigningBucket(): Promise<SigningBucket> {
  const fake = await FakeGcs.open();
  onTestFinished(() => fake[Symbol.asyncDispose]());
  fake.account = await makeAccount(await newDirectory());
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', fake.account.file);
  onTestFinished(() => void vi.unstubAllEnvs());
  const warnings: string[] = [];
  const blobs = await openGcsBlobs({
    address: { bucket: 'bucket', prefix: 'store' },
    endpoint: fake.endpoint,
    // No time limit counts, however busy the machine is.
    after: () => () => undefined,
    warn: (message) => void warnings.push(message),
  });
  onTestFinished(() => blobs[Symbol.dispose]());
  await blobs.claimFor('store1');
  return { fake, blobs, warnings };
}
