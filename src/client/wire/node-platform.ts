import { createHash } from 'node:crypto';
import { uploadMessages } from '../artifacts/upload.ts';
import { streamOptions } from './calls.ts';
import type { Platform, Sha256 } from './platform.ts';

const sha256 = (): Sha256 => {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
};

/** The platform of Node: its own digests, and uploads as streams of messages. */
export const nodePlatform: Platform = {
  sha256,
  fetch: (...call) => globalThis.fetch(...call),
  digest: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
  send: (upload, artifacts) =>
    artifacts.uploadArtifact(uploadMessages(upload, sha256), streamOptions({ signal: upload.signal })),
};
