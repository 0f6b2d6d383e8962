/** What an operator does: exports that a service keeps elsewhere, and the way back from one of them. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { expect, it, onTestFinished } from 'vitest';
import { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { openTransport } from '../server/grpc/listeners.ts';
import { someBytes, uploadMessages } from '../support/calls.ts';
import { newDirectory } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { clientFor, startServe } from './serve-process.ts';

it('an export that the service has written restores another store', { timeout: 60_000 }, async () => {
  const home = await newDirectory();
  const exportDir = join(home, 'elsewhere');
  const server = startServe(join(home, 'data'), ['--export-dir', exportDir]);
  const { grpc, socket } = await server.ready;
  // Both are below one directory here.
  expect(server.warnings()).toEqual([
    expect.stringContaining('--export-dir: the exports are on the same file system as the data'),
  ]);
  const client = clientFor(String(grpc));
  const { artifact } = await client.uploadArtifact(
    uploadMessages({ session: 's', name: 'small' }, someBytes(2_000)),
  );
  const opening = openTransport(`unix:${String(socket)}`);
  onTestFinished(() => opening[Symbol.dispose]());
  const answer = await createClient(MaintenanceService, opening.transport).export({});
  // The service also writes an export of its own, with which the shipping of changes begins.
  expect(await readdir(join(exportDir, 'exports'))).toContain(answer.path.replace('exports/', ''));
  const status = await artifacta('fsck', '--data-dir', join(home, 'data'));
  expect(status.stdout).toMatch(/^exported {2}\d{4}-/m);
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);

  const other = ['--data-dir', join(home, 'other')];
  const imported = await artifacta('import', join(exportDir, answer.path), ...other);
  expect(imported).toMatchObject({ code: 0 });
  const listed = await artifacta('ls', 's', '--json', ...other);
  expect(JSON.parse(listed.stdout)).toMatchObject({ name: 'small', sha256: artifact!.sha256 });
});
