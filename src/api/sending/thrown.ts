/** What a call ended with: as a failure for its caller, and as an error for the log. */
import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { Failure } from '../../domain/errors.ts';
import { messagesTooSmall, messageTooLarge, unforeseen } from '../errors.ts';
import { overloaded } from './unsent-answer.ts';

/** Returns the failure of a call whose deadline has passed. */
export function deadlinePassed(): Failure {
  return new Failure('DEADLINE_EXCEEDED', 'the deadline of the call has passed');
}

/** Whether a listener has already refused the request as malformed: the protocols want codes of their own for that. */
export function isTold(error: unknown): error is ConnectError {
  return error instanceof ConnectError && reasonOf(error) === 'INVALID_ARGUMENT';
}

function reasonOf(error: ConnectError): string | undefined {
  return error.findDetails(ErrorInfoSchema)[0]?.reason;
}

/** Returns the error that a reader of the log needs in addition to the reason; undefined if the reason is enough. */
export function unexplained(error: unknown, failure: Failure): unknown {
  if (error instanceof ConnectError) return undefined;
  if (error === failure && failure.reason !== 'DATA_LOSS' && failure.reason !== 'INTERNAL') return undefined;
  return isConnectionLoss(error) ? undefined : error;
}

/** Whether the error is one of Node's for a connection that has gone. */
function isConnectionLoss(error: unknown): boolean {
  return error instanceof Error && 'code' in error && connectionLosses.has(String(error.code));
}

const connectionLosses = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Returns the failure for whatever a call ended with. @param signal the signal of the call, without its deadline. */
export function asFailure(error: unknown, signal: AbortSignal): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof ConnectError) return transportFailure(error);
  if (signal.aborted) return abortFailure(signal);
  if (isConnectionLoss(error)) return new Failure('CANCELLED', 'the connection was lost');
  return unforeseen();
}

/** Returns the failure for an error that a listener throws into the iteration of requests. */
function transportFailure(error: ConnectError): Failure {
  switch (error.code) {
    case Code.Canceled:
    case Code.Aborted:
      return new Failure('CANCELLED', 'the call was cancelled');
    case Code.DeadlineExceeded:
      return deadlinePassed();
    case Code.ResourceExhausted:
      return exhausted(error);
    case Code.InvalidArgument:
      return new Failure('INVALID_ARGUMENT', error.rawMessage, {
        violations: [{ field: 'request', description: error.rawMessage }],
      });
    case Code.Unavailable:
      return new Failure('SHUTTING_DOWN', 'the service is stopping', { retryAfterMs: 1_000 });
    default:
      return isTold(error) ? new Failure('INVALID_ARGUMENT', error.rawMessage) : unforeseen();
  }
}

/**
 * Returns the failure of a call that a listener ended in favour of others, or of a stream whose messages cost too much.
 */
function exhausted(error: ConnectError): Failure {
  const reason = reasonOf(error);
  if (reason === 'OVERLOADED') return overloaded(error.rawMessage);
  return reason === 'MESSAGES_TOO_SMALL' ? messagesTooSmall() : messageTooLarge();
}

/** Returns the failure of a call that a listener has ended. The error of its handler after that does not matter. */
export function abortFailure({ reason }: AbortSignal): Failure {
  if (reason instanceof ConnectError) return transportFailure(reason);
  if (reason instanceof Failure) return reason;
  return new Failure('CANCELLED', 'the call was cancelled');
}
