/**
 * The errors that the listener itself answers with, in the form that the clients of a protocol read. A client of
 * gRPC-Web, or of a stream of Connect, looks for errors at the end of a body under status 200. Of another status such
 * clients show the number alone.
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { ConnectError } from '@connectrpc/connect';
import { encodeEnvelope } from '@connectrpc/connect/protocol';
import { endStreamFlag, endStreamToJson } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus, trailerFlag, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web';
import { type ErrorAnswer, errorAnswer, HttpError } from '../errors.ts';

/** How each protocol ends a body. The first group of the pattern is the format of the messages. */
const forms: readonly {
  readonly pattern: RegExp;
  readonly end: (error: ConnectError, form: string) => Buffer;
}[] = [
  {
    pattern: /^application\/connect\+(json|proto)(?=\s*(?:;|$))/i,
    end: (error) => {
      const end = JSON.stringify(endStreamToJson(new Headers(), error, undefined));
      return Buffer.from(encodeEnvelope(endStreamFlag, Buffer.from(end)));
    },
  },
  {
    pattern: /^application\/grpc-web(-text)?(?:\+(?:proto|json))?(?=\s*(?:;|$))/i,
    end: (error, form) => {
      const trailer = trailerSerialize(setTrailerStatus(new Headers(), error));
      const bytes = Buffer.from(encodeEnvelope(trailerFlag, trailer));
      return form === '-text' ? Buffer.from(bytes.toString('base64')) : bytes;
    },
  },
];

/**
 * Returns the end, with an error in its body, of a call that was sent as `request`; undefined if its protocol has no
 * such end.
 */
export function callEnd(
  { method, headers }: IncomingMessage,
  error: ConnectError,
): { readonly contentType: string; readonly body: Buffer } | undefined {
  if (method !== 'POST') return undefined;
  for (const { pattern, end } of forms) {
    const match = pattern.exec(headers['content-type'] ?? '');
    if (match !== null) return { contentType: match[0], body: end(error, match[1] ?? '') };
  }
  return undefined;
}

/**
 * Returns the answer for an error to the sender of `request`. Errors that concern HTTP alone, 405 and 415, stay as they
 * are.
 */
export function callErrorAnswer(request: IncomingMessage, error: ConnectError | HttpError): ErrorAnswer {
  const answer = errorAnswer(error);
  if (answer.status === 405 || answer.status === 415) return answer;
  const end = callEnd(request, error instanceof HttpError ? error.error : error);
  if (end === undefined) return answer;
  const { contentType, body } = end;
  const headers = { ...answer.headers, 'content-type': contentType, 'content-length': String(body.length) };
  return { status: 200, headers, body };
}
