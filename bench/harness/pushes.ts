/** Small pushes, as our own clients send them: with a request id, the size and the digest. */
import { Buffer } from 'node:buffer';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { CreateArtifactRequestSchema } from '../../gen/artifacta/v1/upload_pb.ts';
import { frame } from './frames.ts';
import type { RawClient } from './raw-client.ts';

export const createPath = '/artifacta.v1.ArtifactService/CreateArtifact';

const contentBytes = 4096;
/** A run of an agent that leaves this many artifacts is a long one. */
const pushesPerSession = 100;

/** Frames of CreateArtifact with 4 KiB of random bytes and six metadata keys, every one of them different. */
export function pushFrames(count: number): Buffer[] {
  let session = '';
  return Array.from({ length: count }, (_, at) => {
    if (at % pushesPerSession === 0) session = `run_${randomUUID()}`;
    return pushFrame(session, at % pushesPerSession, at);
  });
}

/** The same into one session, under names that were not used before. */
export function pushFramesOf(session: string, count: number): Buffer[] {
  return Array.from({ length: count }, (_, at) => pushFrame(session, randomUUID(), at));
}

function pushFrame(session: string, step: number | string, at: number): Buffer {
  const value = randomBytes(contentBytes);
  return frame(CreateArtifactRequestSchema, {
    spec: {
      session,
      name: `steps/${step}/observation.json`,
      metadata: metadata(at),
      requestId: randomUUID(),
      sizeBytes: BigInt(contentBytes),
      sha256: createHash('sha256').update(value).digest('hex'),
    },
    content: { case: 'data', value },
  });
}

function metadata(at: number): Record<string, string> {
  return {
    agent: `agent-${at % 20}`,
    tool: ['search', 'browser', 'python', 'shell'][at % 4]!,
    model: `model-${at % 5}`,
    task: `task-${at % 1_000}`,
    stage: ['plan', 'act', 'observe'][at % 3]!,
    step: String(at % pushesPerSession),
  };
}

/** Sends all of them, `inFlight` at a time over one connection. Resolves with the seconds it took. */
export async function pushAll(
  client: RawClient,
  frames: readonly Buffer[],
  inFlight: number,
): Promise<number> {
  const rest = frames.values();
  const startedMs = performance.now();
  const lane = async () => {
    for (const request of rest) await client.unary(createPath, request);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return (performance.now() - startedMs) / 1_000;
}

/** Sends them one after another. Resolves with the milliseconds of each. */
export async function pushOneByOne(client: RawClient, frames: readonly Buffer[]): Promise<number[]> {
  const millis: number[] = [];
  for (const request of frames) {
    const startedMs = performance.now();
    await client.unary(createPath, request);
    millis.push(performance.now() - startedMs);
  }
  return millis;
}

/** Tiny artifacts with two metadata keys, made as they are asked for; they expire at `expireMs`, if that is given. */
export function* smallFrames(
  session: string,
  count: number,
  options: { readonly expireMs?: number; readonly perSession?: number } = {},
): Generator<Buffer, undefined> {
  const { expireMs, perSession = count } = options;
  for (let at = 0; at < count; at++)
    yield frame(CreateArtifactRequestSchema, {
      spec: {
        session: `${session}_${Math.floor(at / perSession)}`,
        name: `n/${at}`,
        metadata: { agent: `small-${at % 7}`, batch: session },
        ...(expireMs === undefined
          ? {}
          : { expiry: { case: 'expireTime' as const, value: timestampFromMs(expireMs) } }),
      },
      content: { case: 'data', value: Buffer.from(`${session} ${at}`) },
    });
}
