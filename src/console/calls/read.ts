/** Bounded pieces of an artifact. Nothing here reads a whole artifact of unknown size. */
import type { ReadArtifactResponse } from '../../../gen/artifacta/v1/content_pb.ts';
import type { Piece } from '../contents/text-pieces.ts';
import { artifacts } from './clients.ts';

/** Which part is read. */
export type Window = NonNullable<Parameters<typeof artifacts.readArtifact>[0]['window']>;

/** Bytes of one piece of text. A screen shows a small part of it. */
const pieceBytes = 128 * 1024;

/** Reads one piece. */
export async function readPiece(
  id: string,
  window: Window,
  {
    cursor = '',
    maxBytes = pieceBytes,
    signal,
  }: { cursor?: string; maxBytes?: number; signal?: AbortSignal } = {},
): Promise<Piece> {
  const answer = await artifacts.readArtifact(
    { artifact: { by: { case: 'id', value: id } }, window, cursor, maxBytes },
    signal === undefined ? {} : { signal },
  );
  return pieceOf(answer);
}

function pieceOf(answer: ReadArtifactResponse): Piece {
  const { content, firstLine, startOffset, endOffset, nextCursor, malformedLines, matches } = answer;
  return {
    text: content.case === 'text' ? content.value : '',
    data: content.case === 'data' ? content.value : undefined,
    firstLine: firstLine === undefined ? undefined : Number(firstLine),
    startOffset: Number(startOffset ?? 0n),
    endOffset: Number(endOffset ?? 0n),
    nextCursor,
    malformedLines: Number(malformedLines),
    matches: new Map(matches.map(({ textLine, line }) => [textLine, Number(line)])),
  };
}

/** Reads bytes as they are. */
export async function readBytes(
  id: string,
  offset: number,
  length: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const window = { case: 'bytes', value: { offset: BigInt(offset), limit: BigInt(length) } } as const;
  const given = signal === undefined ? {} : { signal };
  const { text, data, startOffset } = await readPiece(id, window, { maxBytes: length, ...given });
  if (data !== undefined) return data;
  // Text moves back to the beginning of a character.
  return new TextEncoder().encode(text).slice(Math.max(0, offset - startOffset));
}
