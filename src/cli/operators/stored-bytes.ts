import type { ArtifactaClient } from '../../client/client.ts';
import type { Invocation } from '../invocation.ts';

/** With more namespaces, the sizes are not read. */
const namespacesMax = 100;

/**
 * Returns the most bytes that a check of contents reads: the bytes of all versions, each in full, although equal ones
 * are stored once. Undefined if no progress is shown, and if the number is unknown.
 *
 * @param namespace counts only this one. Default: all.
 */
export async function storedBytesAtMost(
  client: ArtifactaClient,
  namespace: string | undefined,
  { io, output }: Invocation,
): Promise<number | undefined> {
  if (!output.showsProgress) return undefined;
  const { signal } = io;
  try {
    const names = namespace === undefined ? [] : [namespace];
    if (namespace === undefined)
      for await (const { name } of client.access.namespaces({ signal })) {
        names.push(name);
        if (names.length > namespacesMax) return undefined;
      }
    let bytes = 0;
    for (const name of names) bytes += (await client.access.getNamespace(name, { signal })).usage.sizeBytes;
    return bytes;
  } catch {
    // The number is only for display. The check itself meets the same fault, and continues where this cannot: in
    // recovery.
    return undefined;
  }
}
