import type { ArtifactaClient } from '../../client/client.ts';
import type { Invocation } from '../invocation.ts';

/** Of more namespaces it is not asked. */
const namespacesMax = 100;

/**
 * How many bytes a check of contents reads at most: those of all versions, each in full, though equal ones are stored
 * once. Undefined where nobody sees it, and if it cannot be told.
 *
 * @param namespace only of this one. Default: of all.
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
    // It is for show. What is wrong is met by the check itself, which goes on where this cannot: in recovery.
    return undefined;
  }
}
