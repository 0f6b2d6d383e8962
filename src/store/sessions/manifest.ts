/**
 * The manifest of a sealed session: one JSON object per line, for every version that was live at the seal time. The
 * lines are sorted by name (bytewise UTF-8), then newest version first. The members of an object are, in this order,
 * `name`, `version`, `sha256`, `size_bytes`, `content_type`. No spaces are written, and lines end with a newline. An
 * empty session has an empty manifest.
 */
import { isExpired } from '../../domain/expiry.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord, SessionRecord } from '../../index/records.ts';

/** One line of a manifest. */
export interface ManifestLine {
  readonly name: string;
  readonly version: number;
  readonly sha256: string;
  readonly size_bytes: number;
  readonly content_type: string;
}

/** Yields the lines of the manifest, a block at a time, in constant memory. */
export async function* manifestLines(
  reader: Reader,
  ns: string,
  session: SessionRecord,
): AsyncIterable<{ readonly records: readonly ArtifactRecord[]; readonly text: string }> {
  for await (const block of reader.scan(keys.artifacts.version.range(ns, session.uid))) {
    // A hundred records are looked up at a time, so that other calls run in between.
    for (let at = 0; at < block.length; at += recordsAtOnce) {
      const wanted = block
        .slice(at, at + recordsAtOnce)
        .map(([, value]) => keys.artifacts.record.key(ns, keys.artifacts.version.decode(value).id));
      const values = await reader.getMany(wanted);
      const records = values
        .filter((value) => value !== undefined)
        .map((value) => keys.artifacts.record.decode(value))
        .filter((record) => !isExpired(record, undefined, session.sealTime!));
      if (records.length > 0) yield { records, text: records.map(manifestLine).join('') };
    }
  }
}

const recordsAtOnce = 100;

function manifestLine(record: ArtifactRecord): string {
  const line: ManifestLine = {
    name: record.name,
    version: record.version,
    sha256: record.sha256,
    size_bytes: record.size,
    content_type: record.contentType,
  };
  return `${JSON.stringify(line)}\n`;
}
