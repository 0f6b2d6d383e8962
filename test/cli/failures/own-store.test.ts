/** What fails on the caller's side of a store that the command opens by itself. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { afterAll, describe, expect, it } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { routes } from '../../../src/api/routes.ts';
import { ArtifactaClient } from '../../../src/client/client.ts';
import { inProcess } from '../../../src/programs/in-process.ts';
import { removeDirectory } from '../../support/directories.ts';
import { artifacta } from '../../support/in-process.ts';
import { openTestStore } from '../support.ts';

const directory = mkdtempSync(join(tmpdir(), 'artifacta-failures-'));
const dataDir = join(directory, 'data');
afterAll(() => removeDirectory(directory));

describe('an import', () => {
  it.each([
    ['nosuch', 1, 'cannot be read: it does not exist'],
    ['a/nosuch', 1, 'cannot be read: it does not exist'],
    ['.', 1, 'cannot be read: it is a directory'],
    ['other', 1, 'the file is not an export of an index'],
  ])('of %s is told in one sentence', async (name, code, words) => {
    writeFileSync(join(directory, 'other'), 'something else\n'.repeat(1000));
    const ran = await artifacta('import', join(directory, name), '--data-dir', dataDir);
    expect(ran).toMatchObject({ code, stdout: '' });
    expect(ran.stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(words)]);
  });
});

it('a source that fails is the error of whoever sends, and a call that was given up for the service', async () => {
  await using store = await openTestStore();
  const outcomes: string[] = [];
  const transport = inProcess(
    routes({
      store: () => store,
      onCall: ({ outcome }) => outcomes.push(outcome),
      elapsed: () => performance.now(),
    }),
  );
  async function* failing() {
    yield { part: { case: 'start' as const, value: { spec: { session: 's', name: 'a' } } } };
    throw new RangeError('the file has changed');
  }
  const upload = createClient(ArtifactService, transport).uploadArtifact(failing());
  await expect(upload).rejects.toThrow('the file has changed');
  expect(outcomes).toEqual(['CANCELLED']);
});

it('a value that no message can hold is told by its field, and nothing is sent', async () => {
  await using store = await openTestStore();
  const outcomes: string[] = [];
  const transport = inProcess(
    routes({
      store: () => store,
      onCall: ({ outcome }) => outcomes.push(outcome),
      elapsed: () => performance.now(),
    }),
  );
  await using client = new ArtifactaClient({ transport, close: async () => {} });
  await client.push('a content', { session: 's', name: 'a' });
  await expect(client.read({ session: 's', name: 'a' }, { maxBytes: 2 ** 40 })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'max_bytes: must be a whole number of 32 bits',
    violations: [{ field: 'max_bytes', description: 'must be a whole number of 32 bits' }],
  });
  expect(outcomes).toHaveLength(1);
});
