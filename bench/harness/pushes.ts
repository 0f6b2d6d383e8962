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

/** What one push stores. */
export interface Push {
  readonly session: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly requestId: string;
  /** In hexadecimal. */
  readonly sha256: string;
  readonly value: Buffer;
}

/** Pushes of 4 KiB of random bytes and six metadata keys, every one of them different. Default: without end. */
export function* pushes(count = Number.POSITIVE_INFINITY): Generator<Push, void> {
  let session = '';
  for (let at = 0; at < count; at++) {
    if (at % pushesPerSession === 0) session = `run_${randomUUID()}`;
    yield pushOf(session, at % pushesPerSession, at);
  }
}

/** Frames of CreateArtifact for such pushes. */
export function pushFrames(count: number): Buffer[] {
  return pushes(count).map(pushFrame).toArray();
}

/** The same into one session, under names that were not used before. */
export function pushFramesOf(session: string, count: number): Buffer[] {
  return Array.from({ length: count }, (_, at) => pushFrame(pushOf(session, randomUUID(), at)));
}

function pushOf(session: string, step: number | string, at: number): Push {
  const value = randomBytes(contentBytes);
  return {
    session,
    name: `steps/${step}/observation.json`,
    metadata: metadata(at),
    requestId: randomUUID(),
    sha256: createHash('sha256').update(value).digest('hex'),
    value,
  };
}

/** The frame of CreateArtifact for a push. */
export function pushFrame({ value, ...facts }: Push): Buffer {
  return frame(CreateArtifactRequestSchema, {
    spec: { ...facts, sizeBytes: BigInt(value.length) },
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
  return await inLanes(frames, inFlight, (request) => client.unary(createPath, request));
}

/** Sends all of them, `inFlight` at a time. Resolves with the seconds it took. */
export async function inLanes<T>(
  requests: readonly T[],
  inFlight: number,
  send: (request: T) => Promise<unknown>,
): Promise<number> {
  const rest = requests.values();
  const startedMs = performance.now();
  const lane = async () => {
    for (const request of rest) await send(request);
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
