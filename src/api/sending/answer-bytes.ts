/** How much room an answer is given before it is made: the one table, which the guard asks. */
import type { DescMethod } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { limits } from '../../domain/limits.ts';
import { answerKey } from './unsent-answer.ts';

/** A page while it is made: records, what is made of them, and the text of that. When it is made it counts as it is. */
const pageBytes = 4 * limits.pageBytesMax;

/** Answers that are large, or parts of streams that are; all others are a few KiB. */
const large: Readonly<Record<string, number>> = {
  DownloadArtifact: limits.chunkBytesDefault,
  DownloadManifest: limits.chunkBytesDefault,
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

/** The most that an answer, or one part of a stream, holds; 0 for those that are small, events among them. */
export function answerBytesMax({ name }: DescMethod): number {
  return large[name] ?? 0;
}

/** What the answers of a stream wait for: room. */
export interface Room {
  /** Before each is made. */
  readonly before: () => Promise<void> | undefined;
  /** When it is made. */
  readonly after: () => Promise<void> | undefined;
  /** When none is left. */
  readonly end: () => void;
}

/** Large parts have room before they are made; events, which may be long in coming, before they are sent. */
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
