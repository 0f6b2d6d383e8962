/** Large uploads with the raw client. */
import type { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { UploadArtifactRequestSchema } from '../../gen/artifacta/v1/upload_pb.ts';
import type { Content } from './content.ts';
import { frame } from './frames.ts';
import type { ServerProcess } from './processes.ts';
import type { RawClient } from './raw-client.ts';

export const uploadPath = '/artifacta.v1.ArtifactService/UploadArtifact';

export const uploadSession = 'bench';

interface Transfer {
  /** Megabytes (10⁶) a second. */
  readonly rate: number;
  /** Processor seconds of the server for each gigabyte (10⁹). */
  readonly cpuPerGB: number;
}

/**
 * Uploads one version of a content under its own name, asserting its digest, which is computed before the clock starts.
 * A control gets the same frames. `prepare` runs last before the clock.
 */
export async function upload(
  client: RawClient,
  server: ServerProcess,
  content: Content,
  version: number,
  prepare: () => void = () => {},
): Promise<Transfer> {
  const sha256 = content.digest(version);
  prepare();
  const frames = uploadFrames(content, version, sha256);
  return await timed(server, content.sizeBytes, () => client.upload(uploadPath, frames));
}

/** The clock runs from before `transfer` to its end. */
export async function timed(
  server: ServerProcess,
  sizeBytes: number,
  transfer: () => Promise<void>,
): Promise<Transfer> {
  const cpuBefore = server.cpuSeconds();
  const startedMs = performance.now();
  await transfer();
  const seconds = (performance.now() - startedMs) / 1_000;
  return { rate: sizeBytes / 1e6 / seconds, cpuPerGB: ((server.cpuSeconds() - cpuBefore) / sizeBytes) * 1e9 };
}

/** The frames of an upload under the name of its version. */
export function* uploadFrames(
  content: Content,
  version: number,
  sha256: string,
): Generator<Buffer, void, void> {
  const sizeBytes = BigInt(content.sizeBytes);
  const spec = { session: uploadSession, name: nameOf(version), requestId: randomUUID(), sizeBytes, sha256 };
  yield frame(UploadArtifactRequestSchema, { part: { case: 'start', value: { spec } } });
  yield* content.chunks(version);
  yield frame(UploadArtifactRequestSchema, { part: { case: 'finish', value: { sizeBytes } } });
}

export function nameOf(version: number): string {
  return `content-${version}.bin`;
}
