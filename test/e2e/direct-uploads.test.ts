/** Uploads straight to the bucket, with the service and the command as processes of their own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { begun, finish, send, specOf } from '../server/direct-uploads/rig.ts';
import { openTransport } from '../server/grpc/listeners.ts';
import { someBytes } from '../support/calls.ts';
import { newDirectory, start } from '../support/command.ts';
import { FakeGcs } from '../support/gcs/server.ts';
import { clientsOf } from '../support/service.ts';
import { startReceiver } from '../telemetry/otlp-receiver.ts';
import { startServe } from './serve-process.ts';

const large = Buffer.from(someBytes(9_000_000));
const flags = ['--direct-upload-bytes-min', '1MB'];

async function openBucket() {
  const fake = await FakeGcs.open();
  onTestFinished(() => fake[Symbol.asyncDispose]());
  const variables = { ARTIFACTA_BLOBS: 'gs://bucket/store', STORAGE_EMULATOR_HOST: fake.endpoint };
  return { fake, variables, dataDir: join(await newDirectory(), 'data') };
}

async function artifactsAt(grpc: string) {
  const opened = openTransport(grpc);
  onTestFinished(() => opened[Symbol.dispose]());
  return clientsOf(opened.transport).artifacts;
}

it('a file goes to the bucket and not through the service: push --direct', { timeout: 60_000 }, async () => {
  const { fake, variables, dataDir } = await openBucket();
  const server = startServe(dataDir, flags, variables);
  const { grpc } = await server.ready;
  const file = join(await newDirectory(), 'model.bin');
  await writeFile(file, large);
  const push = (...more: string[]) =>
    start(['push', file, '--session', 's', ...more], { env: { ARTIFACTA_URL: `grpc://${grpc}` } }).ended;
  expect(await push('--direct')).toMatchObject({ code: 0, stdout: expect.stringContaining('model.bin') });
  // The service knows the size at the begin, and its own pieces have no last byte before the last one.
  expect(fake.putHeads.map((head) => head['content-range'])).toEqual([
    'bytes 0-8388607/9000000',
    'bytes 8388608-8999999/9000000',
  ]);
  const store = await connect(`grpc://${grpc}`);
  onTestFinished(() => store.close());
  const pulled = await (await store.open({ session: 's', name: 'model.bin' })).bytes();
  expect(Buffer.from(pulled).equals(large)).toBe(true);
});

it('an upload goes on after the service was killed and started again', { timeout: 60_000 }, async () => {
  const { variables, dataDir } = await openBucket();
  const killed = startServe(dataDir, flags, variables);
  const upload = await begun(await artifactsAt(String((await killed.ready).grpc)), specOf(large));
  killed.child.kill('SIGKILL');
  await killed.ended;
  expect(await send(upload.uri, large)).toBe(200);
  const fsck = () => start(['fsck', '--contents', '--data-dir', dataDir], { env: variables }).ended;
  expect(await fsck()).toMatchObject({ code: 0 });
  const server = startServe(dataDir, flags, variables);
  const artifacts = await artifactsAt(String((await server.ready).grpc));
  expect((await finish(artifacts, upload.uploadToken)).artifact!.version).toBe(1n);
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  expect(await fsck()).toMatchObject({ code: 0 });
});

it('no log line, span, metric or error has the URL or the token', { timeout: 60_000 }, async () => {
  const receiver = await startReceiver();
  const { fake, variables, dataDir } = await openBucket();
  const server = startServe(dataDir, [...flags, '--log-level', 'trace', '--admin-listen', '127.0.0.1:0'], {
    ...variables,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  });
  const { grpc, admin } = await server.ready;
  const artifacts = await artifactsAt(String(grpc));
  const said: string[] = [];
  const failing = async (token: string) =>
    said.push(
      String(await finish(artifacts, token).catch((error: unknown) => JSON.stringify(error) + String(error))),
    );
  const uploads = [await begun(artifacts, specOf(large)), await begun(artifacts, specOf(large))];
  const [first, second] = uploads as [(typeof uploads)[0], (typeof uploads)[0]];
  await failing(first.uploadToken);
  await failing(`${first.uploadToken}x`);
  expect(await send(first.uri, Buffer.from(someBytes(9_000_000, 2)))).toBe(200);
  await failing(first.uploadToken);
  expect(await send(second.uri, large)).toBe(200);
  fake.fail('read', 'corrupt');
  await failing(second.uploadToken);
  await finish(artifacts, second.uploadToken);
  expect(said.map((text) => /\[(\w+)\]/.exec(text)?.[1])).toEqual([
    'invalid_argument',
    'invalid_argument',
    'invalid_argument',
    'unavailable',
  ]);
  said.push(await (await fetch(`http://${String(admin)}/metrics`)).text());
  expect(said.at(-1)).toContain('FinishDirectUpload');
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  expect(server.lines.some((line) => String(line.method).endsWith('/FinishDirectUpload'))).toBe(true);
  expect(receiver.requests.length).toBeGreaterThan(0);
  said.push(JSON.stringify(server.lines), server.stderr());
  said.push(...receiver.requests.map(({ body }) => body.toString('latin1')));
  const secrets = uploads.flatMap(({ uri, uploadToken }) => [
    new URL(uri).searchParams.get('upload_id')!,
    ...uploadToken.split('.').slice(1),
  ]);
  for (const secret of secrets) expect(said.join('\n')).not.toContain(secret.slice(0, 40));
});
