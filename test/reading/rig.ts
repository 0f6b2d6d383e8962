/** Contents in memory, answers put together page by page, and what they must be, computed in the plainest way. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect } from 'vitest';
import { Failure } from '../../src/domain/errors.ts';
import { readerOf } from '../../src/reading/read.ts';
import { type Opener, Source, type SourceOptions } from '../../src/reading/source.ts';
import type { Reading, Window } from '../../src/reading/window.ts';

/** A content that comes in pieces of given sizes, over and over. */
function opener(bytes: Uint8Array, pieces: readonly number[] = [bytes.length]): Opener {
  return async function* (offset, length) {
    const end = offset + length;
    for (let at = offset, turn = 0; at < end; turn++) {
      const next = Math.min(end, at + Math.max(1, pieces[turn % pieces.length]!));
      yield bytes.subarray(at, next);
      at = next;
    }
  };
}

interface How extends SourceOptions {
  readonly bytesMax?: number;
  readonly pieces?: readonly number[];
  /** Of one answer's content. */
  readonly answerBytesMax?: number;
  readonly contentType?: string;
  /** How a content that is given as text is written. Default: UTF-8 without a mark. */
  readonly as?: As;
}

/** The ways to write a text. */
export type As = 'utf-8' | 'marked' | 'le' | 'be';

/** A text as bytes. */
export function encoded(text: string, as: As = 'utf-8'): Buffer {
  if (as === 'utf-8') return Buffer.from(text);
  if (as === 'marked') return Buffer.from(`\ufeff${text}`);
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
  return as === 'le' ? bytes : bytes.swap16();
}

/** A piece of what {@link encoded} made, without its mark. */
export function decoded(bytes: Uint8Array, as: As = 'utf-8'): string {
  const name = as === 'le' ? 'utf-16le' : as === 'be' ? 'utf-16be' : 'utf-8';
  return new TextDecoder(name, { ignoreBOM: true }).decode(bytes);
}

/** One answer. */
export async function readOnce(
  content: Uint8Array | string,
  window: Window,
  how: How = {},
  place?: unknown,
): Promise<Reading<unknown>> {
  const bytes = typeof content === 'string' ? encoded(content, how.as) : content;
  await using source = new Source(opener(bytes, how.pieces), bytes.length, how);
  // A place goes through a cursor, which holds JSON.
  const kept = place === undefined ? undefined : JSON.parse(JSON.stringify(place));
  const { answerBytesMax: bytesMax = 16 * 1024, contentType = 'text/plain' } = how;
  return await readerOf(window)(source, { bytesMax, contentType, place: kept });
}

/** All answers to a window, each within its limit. */
export async function readAll(
  content: Uint8Array | string,
  window: Window,
  how: How = {},
): Promise<Reading<unknown>[]> {
  const answers: Reading<unknown>[] = [];
  let place: unknown;
  do {
    const answer = await readOnce(content, window, how, place);
    const size = bytesOf(answer).length;
    expect(size).toBeLessThanOrEqual(how.answerBytesMax ?? 16 * 1024);
    // Only a call that has read through as much as it may answers nothing and goes on.
    if (how.bytesMax === undefined && answer.next !== undefined) expect(size).toBeGreaterThan(0);
    expect(answer.next).not.toEqual(place ?? null);
    answers.push(answer);
    place = answer.next;
  } while (place !== undefined);
  return answers;
}

export function bytesOf({ content }: Reading<unknown>): Buffer {
  return 'text' in content ? Buffer.from(content.text) : Buffer.from(content.data);
}

export function joined(answers: readonly Reading<unknown>[]): Buffer {
  return Buffer.concat(answers.map(bytesOf));
}

export function textOf(answers: readonly Reading<unknown>[]): string {
  return answers.map(({ content }) => ('text' in content ? content.text : expect.unreachable())).join('');
}

export async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Failure);
  return error as Failure;
}

/** The lines of a text, each with its end. */
export function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

const character = fc.constantFrom('a', 'b', 'x', ' ', 'é', '€', '😀', '\u0000', '\r', '\ufeff', '-');
const lineEnd = fc.constantFrom('\n', '\n', '\r\n');

/** Text of characters of one to four bytes, with lines of all lengths. */
export const anyText: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.tuple(fc.string({ unit: character, maxLength: 12 }), lineEnd), { maxLength: 20 }),
    fc.string({ unit: character, maxLength: 5 }),
  )
  .map(([lines, last]) => lines.map(([text, end]) => text + end).join('') + last)
  // At the beginning it would be a mark; a NUL behind that of UTF-16 would make it one of UTF-32.
  .map((text) => text.replace(/^[\ufeff\0]+/, ''));

/** How contents come, in small blocks so that everything spans several of them. */
export const anyHow: fc.Arbitrary<How & { readonly answerBytesMax: number }> = fc
  .record({
    blockBytes: fc.integer({ min: 1, max: 40 }),
    pieces: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
    answerBytesMax: fc.integer({ min: 4, max: 60 }),
    as: fc.constantFrom<As>('utf-8', 'utf-8', 'marked', 'le', 'be'),
  })
  // Blocks have a whole number of units, as those of the store.
  .map((how) => (how.as === 'le' || how.as === 'be' ? { ...how, blockBytes: 2 * how.blockBytes } : how));

/** The same, where a call reads through very little before it answers. */
export const anyFrugalHow: fc.Arbitrary<How & { readonly answerBytesMax: number }> = fc
  .tuple(anyHow, fc.integer({ min: 1, max: 60 }))
  .map(([how, bytesMax]) => ({ ...how, bytesMax }));
