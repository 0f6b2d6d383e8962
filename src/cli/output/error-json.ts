import { ArtifactaError, type StatusCode } from '../../client/errors.ts';
import { FileUnsuitable } from '../../client/files/file.ts';
import { adviceFor } from '../advice.ts';
import { CommandFailed, UsageError } from '../exit.ts';
import { errorMessage } from './error-text.ts';

/** The codes of the file system, with their names here. */
const systemCodes: Readonly<Record<string, StatusCode>> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EEXIST: 'ALREADY_EXISTS',
  ENOSPC: 'RESOURCE_EXHAUSTED',
  EDQUOT: 'RESOURCE_EXHAUSTED',
  EMFILE: 'RESOURCE_EXHAUSTED',
};

/**
 * Returns what went wrong, as scripts read it. Members are only ever added; an absent one is null. `code` is a status
 * code by gRPC's names, also for errors of this machine; `reason` is the service's own.
 *
 * @param subject what the error is about, e.g. the path of a file.
 */
export function errorJson(error: unknown, subject: string | undefined) {
  const known = error instanceof ArtifactaError ? error : undefined;
  return {
    error: {
      code: codeOf(error),
      reason: known?.reason ?? null,
      message: errorMessage(error),
      fields: (known?.violations ?? []).map(({ field, description }) => ({ field, description })),
      metadata: known?.metadata ?? {},
      subject: subject ?? null,
      advice: adviceFor(error) ?? null,
    },
  };
}

function codeOf(error: unknown): StatusCode {
  if (error instanceof ArtifactaError) return error.code;
  if (error instanceof UsageError) return 'INVALID_ARGUMENT';
  if (error instanceof CommandFailed) return 'ABORTED';
  if (error instanceof FileUnsuitable) return 'FAILED_PRECONDITION';
  if (!(error instanceof Error)) return 'UNKNOWN';
  const system = systemCodes[(error as NodeJS.ErrnoException).code ?? ''];
  return system ?? (error.cause instanceof Error ? codeOf(error.cause) : 'UNKNOWN');
}
