import { type Duration, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MaintenanceService } from '../../../gen/artifacta/v1/maintenance_service_pb.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Exports } from '../../store/custody/exports.ts';
import type { Handlers } from '../handlers.ts';
import { unlessAborted } from '../timer.ts';

/**
 * Returns the part of MaintenanceService that writes exports. @param exports undefined: no directory for them is set.
 */
export function exportHandlers(
  exports: Exports | undefined,
): Pick<Handlers<typeof MaintenanceService>, 'export'> {
  return {
    export: async ({ minAge, keep }, { signal }) => {
      const minAgeMs = parseMinAge(minAge);
      const count = parseKeep(keep);
      if (exports === undefined)
        throw new Failure(
          'EXPORT_NOT_CONFIGURED',
          'cannot write an export: set --export-dir, the directory for exports, or --blobs, a bucket',
        );
      // A large export takes longer than a call may. It continues after the call, and a later call finds it.
      const made = await unlessAborted(signal, exports.export(minAgeMs, count));
      return {
        written: made.written,
        path: made.path,
        createTime: timestampFromMs(made.createTime),
        sizeBytes: BigInt(made.sizeBytes),
        rowCount: BigInt(made.rows),
        removedCount: made.removed,
      };
    },
  };
}

function parseMinAge(minAge: Duration | undefined): number {
  if (minAge === undefined) return limits.exportMinAgeSecondsDefault * 1_000;
  const { seconds, nanos } = minAge;
  if (Math.abs(nanos) > 999_999_999 || (seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0))
    throw invalid('min_age', 'must be a valid duration');
  const ms = Number(seconds) * 1_000 + nanos / 1_000_000;
  if (ms < 0) throw invalid('min_age', 'must not be negative');
  return ms;
}

function parseKeep(keep: number): number {
  if (keep < 0) throw invalid('keep', 'must not be negative');
  if (keep > limits.exportsKeptMax) throw invalid('keep', `must be at most ${limits.exportsKeptMax}`);
  return keep === 0 ? limits.exportsKeptDefault : keep;
}
