/** Several services over one database and one bucket, as processes of their own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { expect, onTestFinished } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { freeAddress } from '../../scripts/free-port.ts';
import { openTransport } from '../server/grpc/listeners.ts';
import { uploadMessages } from '../support/calls.ts';
import { newDirectory, start } from '../support/command.ts';
import { FakeGcs } from '../support/gcs/server.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { clientsOf } from '../support/service.ts';
import { startServe } from './serve-process.ts';

/** The place of the contents of {@link placesOn}. */
export const bucketPlace = 'gs://bucket/store';

export interface Places {
  readonly directory: string;
  readonly fake: FakeGcs;
  readonly schema: string;
  /** The settings of a process that has the store for itself, as variables. */
  readonly alone: Readonly<Record<string, string>>;
  /** Those of a replica. */
  readonly variables: Readonly<Record<string, string>>;
}

/** A schema, a bucket and a secret of this test's own. */
export async function placesOn(server: PostgresServer): Promise<Places> {
  const fake = await FakeGcs.open();
  onTestFinished(() => fake[Symbol.asyncDispose]());
  const directory = await newDirectory();
  const secret = join(directory, 'secret');
  await writeFile(secret, 'the secret of the replicas in this test\n');
  const schema = server.newSchema();
  const alone = {
    ARTIFACTA_INDEX: `${server.url}?schema=${schema}`,
    ARTIFACTA_BLOBS: bucketPlace,
    STORAGE_EMULATOR_HOST: fake.endpoint,
  };
  const ofReplicas = { ARTIFACTA_REPLICA_SECRET_FILE: secret, ARTIFACTA_REPLICA_LEASE_SECONDS: '3' };
  return { directory, fake, schema, alone, variables: { ...alone, ...ofReplicas } };
}

/** Starts a service, and opens clients to it. */
export async function startService(
  dataDir: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
) {
  const serve = startServe(dataDir, args, variables);
  const { grpc } = await serve.ready;
  const { transport, [Symbol.dispose]: close } = openTransport(String(grpc));
  onTestFinished(close);
  // Methods of operators are answered on the socket.
  const operators = openTransport(`unix:${join(dataDir, 'run', 'sock')}`);
  onTestFinished(() => operators[Symbol.dispose]());
  const stop = async () => {
    serve.child.kill('SIGTERM');
    await serve.ended;
  };
  return {
    serve,
    dataDir,
    transport,
    stop,
    ...clientsOf(transport),
    admin: createClient(AdminService, operators.transport),
    maintenance: createClient(MaintenanceService, operators.transport),
  };
}

export async function startReplica(
  { directory, variables }: Places,
  name: string,
  extra: Readonly<Record<string, string>> = {},
) {
  const address = await freeAddress();
  const listening = ['--replica-listen', address];
  return {
    address,
    ...(await startService(join(directory, name), listening, { ...variables, ...extra })),
  };
}
export type Replica = Awaited<ReturnType<typeof startReplica>>;

export const push = (
  { artifacts }: Pick<Replica, 'artifacts'>,
  session: string,
  name: string,
  bytes: Uint8Array,
) => artifacts.uploadArtifact(uploadMessages({ session, name, requestId: `${session}-${name}` }, bytes));

/** Runs a command on a data directory, and expects that it succeeds. */
export async function run(dataDir: string, env: Readonly<Record<string, string>>, ...args: string[]) {
  const ended = await start([...args, '--data-dir', dataDir], { env: { ...env } }).ended;
  expect(ended, ended.stderr + ended.stdout).toMatchObject({ code: 0 });
  return ended;
}

/** Returns the settings of a store whose index is in its data directory, and whose contents are in the same bucket. */
export function onDisk({ alone, directory }: Places) {
  const { ARTIFACTA_INDEX: _, ...rest } = alone;
  return { ...rest, XDG_CACHE_HOME: join(directory, 'cache') };
}
