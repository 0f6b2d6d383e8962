import type { Quarantined } from '../../client/admin/maintenance.ts';
import type { Invocation } from '../invocation.ts';
import { humanSize, humanTime, plain } from '../output/human.ts';

/** Prints one damaged content and the artifacts that refer to it, or only its digest if quiet. */
export async function printQuarantined(content: Quarantined, { output }: Invocation): Promise<void> {
  if (output.style.json) return await output.json({ quarantined: quarantinedJson(content) });
  if (output.style.quiet) return await output.line(content.sha256);
  const { namespace, sha256, sizeBytes, quarantineTime, message, artifactIds, artifactCount } = content;
  const since = quarantineTime === undefined ? '' : `, since ${humanTime(quarantineTime)}`;
  await output.line(`${plain(namespace)}  ${sha256}  ${humanSize(sizeBytes)}${since}: ${plain(message)}`);
  for (const id of artifactIds) await output.line(`  ${plain(id)}`);
  const others = artifactCount - artifactIds.length;
  if (others > 0) await output.line(`  and ${others} more`);
}

function quarantinedJson(content: Quarantined) {
  return {
    namespace: content.namespace,
    sha256: content.sha256,
    size_bytes: content.sizeBytes,
    quarantine_time: content.quarantineTime?.toISOString() ?? null,
    message: content.message,
    artifact_ids: content.artifactIds,
    artifact_count: content.artifactCount,
  };
}
