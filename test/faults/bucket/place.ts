/** The contents of a rig's store in a place of a fake bucket. */
import type { GcsBlobs } from '../../../src/blobs/gcs/blobs.ts';

/** A place in a bucket, as a server gets it. */
export interface BucketPlace {
  readonly endpoint: string;
  /** In the bucket `bucket`. */
  readonly prefix: string;
}

/** Opens the place, and claims it for the one store that a rig has. */
export async function openPlace({ endpoint, prefix }: BucketPlace): Promise<GcsBlobs> {
  const { openGcsBlobs } = await import('../../../src/blobs/gcs/blobs.ts');
  const blobs = await openGcsBlobs({ address: { bucket: 'bucket', prefix }, endpoint });
  await blobs.claimFor('rig');
  return blobs;
}
