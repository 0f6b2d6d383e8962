/** Output that `run` stores while it comes, followed from its beginning to its end. */
import type { ArtifactaClient } from '../../client/client.ts';
import { ArtifactaError } from '../../client/errors.ts';

/**
 * Yields the ids of the artifacts that together are the output: the whole if it is stored already, else its pieces as
 * they come. Ends when the whole is stored, or the session is sealed.
 *
 * @throws ArtifactaError NOT_FOUND if the session ends without the output.
 */
export async function* followed(
  client: ArtifactaClient,
  { session, name }: { readonly session: string; readonly name: string },
  signal: AbortSignal | undefined,
): AsyncGenerator<string, void, void> {
  const whole = await wholeOf(client, session, name, signal);
  if (whole !== undefined) {
    yield whole;
    return;
  }
  let count = 0;
  for await (const event of client.sessions.watch(session, { signal })) {
    if (event.kind !== 'committed') continue;
    const { artifact } = event;
    if (artifact.name.startsWith(`${name}.parts/`)) {
      count++;
      yield artifact.id;
    } else if (artifact.name === name) {
      if (count === 0) yield artifact.id;
      return;
    }
  }
  if (count === 0)
    throw new ArtifactaError(
      `session ${session} was sealed and has no ${name}; "artifacta ls ${session}" lists what it has`,
      { code: 'NOT_FOUND' },
    );
}

async function wholeOf(
  client: ArtifactaClient,
  session: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    return (await client.get({ session, name }, { signal })).id;
  } catch (error) {
    if (error instanceof ArtifactaError && error.reason === 'ARTIFACT_NOT_FOUND') return undefined;
    throw error;
  }
}
