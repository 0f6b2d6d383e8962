/** What an answer of the bucket means. Pure: no request is made here. */
import { Failure } from '../../domain/errors.ts';

/** What an answer says about the request. */
type Meaning =
  | 'done'
  /** It may succeed later. */
  | 'again'
  /** The credentials are unknown or may not do this. */
  | 'forbidden'
  /** A hold, or a retention period that has not ended, protects the object. */
  | 'kept'
  | 'absent'
  /** A precondition is not met: the object exists. */
  | 'taken'
  /** The range begins after the end. */
  | 'beyond'
  /** Another part of the protocol, or a mistake of this program. */
  | 'other';

const keptReasons = new Set(['retentionPolicyNotMet', 'objectUnderActiveHold', 'forbiddenByRetention']);
const againReasons = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'backendError', 'internalError']);

/** An answer that refuses, with the words of the bucket. */
export interface Refused {
  readonly meaning: Exclude<Meaning, 'done'>;
  readonly status: number;
  /** The first line of the explanation, for people. */
  readonly message: string;
  /** In milliseconds; undefined: the answer does not say it. */
  readonly retryAfterMs: number | undefined;
}

/** Returns what a status means, with the reason that the body of an error gives. */
export function meaningOf(status: number, reason = ''): Meaning {
  if (status >= 200 && status < 300) return 'done';
  if (status === 408 || status === 429 || status >= 500 || againReasons.has(reason)) return 'again';
  if (keptReasons.has(reason)) return 'kept';
  if (status === 401 || status === 403) return 'forbidden';
  if (status === 404 || status === 410) return 'absent';
  if (status === 412) return 'taken';
  return status === 416 ? 'beyond' : 'other';
}

/** Reads an answer that is not a success. */
export function refusalOf(status: number, retryAfter: string | undefined, body: string): Refused {
  const { reason, message } = explanationIn(body);
  const meaning = meaningOf(status, reason);
  const seconds = retryAfter !== undefined && /^\d{1,4}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  return {
    meaning: meaning === 'done' ? 'other' : meaning,
    status,
    message: message || 'no explanation',
    retryAfterMs: seconds === undefined ? undefined : seconds * 1_000,
  };
}

function explanationIn(body: string): { readonly reason: string; readonly message: string } {
  try {
    const { error } = JSON.parse(body) as {
      error?: { message?: unknown; errors?: readonly { reason?: unknown }[] };
    };
    return {
      reason: String(error?.errors?.[0]?.reason ?? ''),
      message: lineOf(String(error?.message ?? '')),
    };
  } catch {
    return { reason: '', message: lineOf(body) };
  }
}

function lineOf(text: string): string {
  return text.trim().split('\n')[0]!.slice(0, 300);
}

/** The facts of an object that decide whether it is the one that was sent. */
export interface ObjectFacts {
  readonly generation: string;
  readonly sizeBytes: number;
  readonly crc32c: string;
  /** Milliseconds since the Unix epoch, by the clock of the bucket. */
  readonly createTimeMs: number;
  /** The process that wrote it; empty: it was not this program. */
  readonly writer: string;
  /** The upload of that process. */
  readonly upload: string;
}

/** The marks that an object carries: the process and its upload. */
export const marks = { writer: 'artifacta-writer', upload: 'artifacta-upload' } as const;

/** Reads the resource of an object, in JSON. @throws Error if something is missing in it. */
export function objectFactsIn(json: string): ObjectFacts {
  const { generation, size, crc32c, timeCreated, metadata } = JSON.parse(json) as Record<string, unknown>;
  const marksIn = (metadata ?? {}) as Record<string, unknown>;
  const facts = {
    generation: String(generation ?? ''),
    sizeBytes: Number(size),
    crc32c: String(crc32c ?? ''),
    createTimeMs: Date.parse(String(timeCreated)),
    writer: String(marksIn[marks.writer] ?? ''),
    upload: String(marksIn[marks.upload] ?? ''),
  };
  if (
    !/^\d+$/.test(facts.generation) ||
    !Number.isSafeInteger(facts.sizeBytes) ||
    Number.isNaN(facts.createTimeMs)
  )
    throw new Error(`the bucket described an object incompletely: ${json.slice(0, 300)}`);
  return facts;
}

/** What this process has sent under a name. */
interface Sent {
  readonly writer: string;
  readonly upload: string;
  readonly sizeBytes: number;
  readonly crc32c: string;
}

/**
 * Decides about an object that exists where one was to be created.
 *
 * - `ours`: the first try has succeeded, and its answer was lost.
 * - `altered`: it is our upload, and its bytes are not those that were sent.
 * - `reused`: this process has used the name before: a bug.
 * - `foreign`: another process has written it.
 */
export function whoseIs(found: ObjectFacts, sent: Sent): 'ours' | 'altered' | 'reused' | 'foreign' {
  if (found.writer !== sent.writer) return 'foreign';
  if (found.upload !== sent.upload) return 'reused';
  return found.sizeBytes === sent.sizeBytes && found.crc32c === sent.crc32c ? 'ours' : 'altered';
}

/** Returns the failure for an object that exists where one was to be created. */
export function takenFailure(whose: 'altered' | 'reused' | 'foreign', name: string): Failure {
  if (whose === 'reused') return new Failure('INTERNAL', 'the physical name of an upload exists already');
  if (whose === 'altered')
    return new Failure('STORE_UNAVAILABLE', 'the bucket has other bytes than were sent; upload again');
  return new Failure(
    'STORE_UNAVAILABLE',
    `another process has written ${name} into the bucket: two services use one store, or one prefix. Stop one of ` +
      'them, and upload again',
  );
}

/** Returns the number of bytes that the bucket has of an upload in pieces, from the header of its answer. */
export function persistedBytes(range: string | undefined): number {
  const match = /^bytes=0-(\d+)$/.exec(range ?? '');
  return match === null ? 0 : Number(match[1]) + 1;
}
