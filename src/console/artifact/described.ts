/** An artifact in a few words, next to another one. */
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { millis, size, utc } from '../base/format.ts';

/** Returns its session, version, size and time. */
export function described({ session, version, sizeBytes, createTime }: Artifact): string {
  const time = millis(createTime);
  return `${session} v${version}, ${size(sizeBytes)}${time === undefined ? '' : `, ${utc(time)}`}`;
}
