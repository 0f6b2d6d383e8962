import type { CallOptions } from '@connectrpc/connect';
import { ArtifactaError } from '../errors.ts';
import { type CallSettings, type Calls, promptly, unary } from '../wire/calls.ts';
import { toArtifactaError } from '../wire/to-error.ts';

/** One version of one name that was live when its session was sealed. */
export interface ManifestLine {
  readonly name: string;
  readonly version: number;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly contentType: string;
}

/** Yields the lines of a manifest, in its order. The digest on the session is compared at the end. */
export async function* manifestLines(
  calls: Calls,
  session: string,
  settings: CallSettings,
): AsyncGenerator<ManifestLine, void, void> {
  const found = await unary(calls, settings, (call) => calls.sessions.getSession({ session }, call));
  const hash = calls.platform.sha256();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  try {
    const open = (options: CallOptions) => calls.sessions.downloadManifest({ session }, options);
    for await (const { chunk } of promptly(calls, settings, open)) {
      hash.update(chunk);
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines.map(parseLine);
    }
  } catch (thrown) {
    throw toArtifactaError(thrown, settings.signal);
  }
  const expected = found.session?.manifest?.sha256;
  if (rest === '' && (expected === undefined || expected === hash.hex())) return;
  const message =
    `the manifest of ${session} is not the one that was sealed; try again, and if this stays, tell the operator ` +
    '("artifacta fsck" checks the store)';
  throw new ArtifactaError(message, { code: 'DATA_LOSS' });
}

function parseLine(text: string): ManifestLine {
  const line = JSON.parse(text) as Record<string, unknown>;
  return {
    name: String(line.name),
    version: Number(line.version),
    sha256: String(line.sha256),
    sizeBytes: Number(line.size_bytes),
    contentType: String(line.content_type),
  };
}
