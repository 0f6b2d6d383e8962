/** The room that an answer gets before it is made: the one table, which the guard reads. */
import type { DescMethod } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { limits } from '../../domain/limits.ts';
import { answerKey } from './unsent-answer.ts';

/**
 * A page while it is made: records, the objects made of them, and their text. When it is made, it counts with its size.
 */
const pageBytes = 4 * limits.pageBytesMax;

/** Answers that are large, or parts of streams that are large. All others are a few KiB. */
const large: Readonly<Record<string, number>> = {
  DownloadArtifact: limits.chunkBytesDefault,
  DownloadManifest: limits.chunkBytesDefault,
  DownloadArchive: limits.chunkBytesDefault,
  ExportIndex: limits.chunkBytesDefault,
  ReadArtifact: limits.readingAnswerBytesMax,
  ListArtifacts: pageBytes,
  ListSessions: pageBytes,
  ListLineage: pageBytes,
  CompareSessions: pageBytes,
  BatchGetArtifacts: pageBytes,
  ListShareLinks: pageBytes,
  ListNamespaces: pageBytes,
  ListApiKeys: pageBytes,
  ListQuarantined: pageBytes,
  GetUsage: pageBytes,
  ApplyRetentionPolicy: pageBytes,
};

/** Returns the greatest size of an answer, or of one part of a stream; 0 for small ones, which include events. */
export function answerBytesMax({ name }: DescMethod): number {
  return large[name] ?? 0;
}

/** The room that the answers of a stream wait for. */
export interface Room {
  /** Called before each answer is made. */
  readonly before: () => Promise<void> | undefined;
  /** Called when an answer is made. */
  readonly after: () => Promise<void> | undefined;
  /** Called when no answer is left. */
  readonly end: () => void;
}

/**
 * Returns the room of a stream. Large parts have room before they are made. Events, which may be long in coming, have
 * it before they are sent.
 */
export function roomFor(method: DescMethod, { values, signal }: HandlerContext): Room {
  const answer = values.get(answerKey);
  const bytes = answerBytesMax(method);
  const ask = () => answer?.room(bytes, signal);
  const nothing = () => undefined;
  return {
    before: bytes > 0 ? ask : nothing,
    after: bytes > 0 ? nothing : ask,
    end: () => answer?.hand(0),
  };
}
