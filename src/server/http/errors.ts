/** Errors as HTTP answers: the JSON of the Connect protocol, with a status by the reason. */
import { Buffer } from 'node:buffer';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus, errorToJson } from '@connectrpc/connect/protocol-connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '../../../gen/google/rpc/error_details_pb.ts';
import { bytesOf } from '../farewell.ts';
import type { BadHead } from '../heads/request-heads.ts';
import { type Reason, refusal } from '../refusals.ts';

/** The statuses of reasons for which the status of their code says less to an HTTP client. */
const statusByReason: Readonly<Partial<Record<Reason, number>>> = {
  ARTIFACT_EXPIRED: 410,
  ARTIFACT_DELETED: 410,
  ARTIFACT_TOO_LARGE: 413,
  MESSAGE_TOO_LARGE: 413,
  QUOTA_EXCEEDED: 507,
  STORAGE_FULL: 507,
};

/** An error with a status or headers that HTTP alone knows. */
export class HttpError extends Error {
  readonly status: number;
  readonly error: ConnectError;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, error: ConnectError, headers: Readonly<Record<string, string>> = {}) {
    super(error.rawMessage);
    this.name = 'HttpError';
    this.status = status;
    this.error = error;
    this.headers = headers;
  }
}

/** Returns a refusal of what one field of the request, a header or a parameter, asks for. */
export function refusedField(
  status: number,
  reason: Reason,
  field: string,
  description: string,
  headers: Readonly<Record<string, string>> = {},
): HttpError {
  const error = refusal(reason, `${field}: ${description}`);
  error.details.push({ desc: BadRequestSchema, value: { fieldViolations: [{ field, description }] } });
  return new HttpError(status, error, headers);
}

/** Returns a 400 for one header or parameter. */
export function badField(field: string, description: string): HttpError {
  return refusedField(400, 'INVALID_ARGUMENT', field, description);
}

/** Returns the error for a head that cannot be read, with the status that HTTP has for it. */
export function badHead({ status, field, description }: BadHead): HttpError {
  const allow = status === 405 ? { allow: 'GET, HEAD, OPTIONS, POST, PUT' } : {};
  return refusedField(status, 'INVALID_ARGUMENT', field, description, allow);
}

/** Returns the same error with its fields named by `rename`, in its message and in its details. */
export function renamed(error: ConnectError, rename: (text: string) => string): ConnectError {
  const told = new ConnectError(rename(error.rawMessage), error.code, error.metadata);
  told.details = error.details.map((detail) => {
    if (!('desc' in detail) || detail.desc.typeName !== BadRequestSchema.typeName) return detail;
    const { fieldViolations } = create(
      BadRequestSchema,
      detail.value as MessageInitShape<typeof BadRequestSchema>,
    );
    return {
      desc: BadRequestSchema,
      value: {
        fieldViolations: fieldViolations.map(({ field, description }) => ({
          field: rename(field),
          description,
        })),
      },
    };
  });
  return told;
}

/** Returns a 405 that names the allowed methods. @param more what else to do about it. */
export function notAllowed(
  methods: readonly string[],
  more = '',
  headers: Readonly<Record<string, string>> = {},
): HttpError {
  const allow = methods.join(', ');
  const error = refusal('NOT_IMPLEMENTED', `the method must be ${methods.join(' or ')} here${more}`);
  return new HttpError(405, error, { allow, ...headers });
}

/** The answer for an error. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Returns the answer to a request that failed with `error`, which the caller may see. */
export function errorAnswer(error: ConnectError | HttpError): ErrorAnswer {
  const told = error instanceof HttpError ? error.error : error;
  const status = error instanceof HttpError ? error.status : statusOf(told);
  const body = Buffer.from(`${JSON.stringify(errorToJson(told, undefined))}\n`);
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'content-length': String(body.length),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      // Pages elsewhere then cannot tell what exists from what does not.
      'cross-origin-resource-policy': 'same-origin',
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...retryAfter(told, status),
      ...(error instanceof HttpError ? error.headers : {}),
    },
    body,
  };
}

/**
 * Returns the bytes of an answer of HTTP/1.1, for a connection that has no answer under way and is closed after this
 * one.
 */
export function wholeAnswer(error: ConnectError | HttpError): Buffer {
  return bytesOf(errorAnswer(error));
}

function statusOf(error: ConnectError): number {
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason as Reason | undefined;
  const special = reason === undefined ? undefined : statusByReason[reason];
  if (special !== undefined) return special;
  // The request is valid, the state is not: 400, which the Connect protocol has here, would say otherwise.
  return error.code === Code.FailedPrecondition ? 409 : codeToHttpStatus(error.code);
}

/** Returns the wait in whole seconds, at least 1, if it is known or if 503 asks for it. */
function retryAfter(error: ConnectError, status: number): Readonly<Record<string, string>> {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay === undefined) return status === 503 ? { 'retry-after': '1' } : {};
  const seconds = Number(delay.seconds) + (delay.nanos > 0 ? 1 : 0);
  return { 'retry-after': String(Math.max(1, seconds)) };
}
