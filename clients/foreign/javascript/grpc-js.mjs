/** The scenario by grpc-js, with what proto-loader makes of the proto files by its own defaults. */
import { join } from 'node:path';
import { credentials, loadPackageDefinition, Metadata, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Failure, fields } from './messages.mjs';
import { runScenario } from './scenario.mjs';

const proto = join(process.env.SCENARIO_ROOT, 'proto');
const files = ['artifact_service', 'session_service', 'info_service'];
const definition = loadSync(
  files.map((file) => `artifacta/v1/${file}.proto`),
  { includeDirs: [proto] },
);
const stubs = loadPackageDefinition(definition).artifacta.v1;
const urls = {
  '': process.env.ARTIFACTA_URL,
  OLDER_: process.env.SCENARIO_OLDER_URL,
  NEWER_: process.env.SCENARIO_NEWER_URL,
};
const clients = new Map();

/** The stub of a service, one for each connection that differs. */
function stub(service, at, gzip) {
  const key = `${service} ${at} ${gzip}`;
  const options = gzip ? { 'grpc.default_compression_algorithm': 2 } : {};
  if (!clients.has(key))
    clients.set(
      key,
      new stubs[service](urls[at].replace('grpc://', ''), credentials.createInsecure(), options),
    );
  return clients.get(key);
}

function metadata(token = process.env.ARTIFACTA_TOKEN) {
  const made = new Metadata();
  made.set('authorization', `Bearer ${token}`);
  return made;
}

function failureOf(error) {
  if (error.code === undefined || error.metadata === undefined) return error;
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const details = (bytes === undefined ? [] : (fields(bytes)[3] ?? [])).map(fields);
  return new Failure(
    status[error.code],
    error.details,
    details.map(({ 1: [type], 2: [value] }) => ({ type: String(type), value })),
  );
}

const call = (method, request, { at = '', token, gzip = false } = {}) =>
  new Promise((resolve, reject) => {
    const [service, name] = method.split('/');
    stub(service, at, gzip)[name](request, metadata(token), (error, response) =>
      error ? reject(failureOf(error)) : resolve(response),
    );
  });

async function* stream(method, request, { at = '' } = {}) {
  const [service, name] = method.split('/');
  try {
    yield* stub(service, at, false)[name](request, metadata());
  } catch (error) {
    throw failureOf(error);
  }
}

async function pushStream({ session, name }, pieces, signal) {
  const answer = Promise.withResolvers();
  const upload = stub('ArtifactService', '', false).UploadArtifact(metadata(), (error, response) =>
    error ? answer.reject(failureOf(error)) : answer.resolve(response),
  );
  answer.promise.catch(() => {});
  signal?.addEventListener('abort', () => upload.cancel());
  // After an early answer the callback of a write is never called.
  const send = (message) =>
    Promise.race([new Promise((sent) => upload.write(message, sent)), answer.promise]);
  await send({ start: { spec: { session, name } } });
  let sizeBytes = 0;
  for await (const chunk of pieces) {
    if (signal?.aborted) break;
    await send({ chunk });
    sizeBytes += chunk.length;
  }
  if (!signal?.aborted) {
    await send({ finish: { sizeBytes } });
    upload.end();
  }
  return await answer.promise;
}

async function* download({ session, name }, { offset = 0, limit } = {}) {
  const request = { artifact: { name: { session, name } }, offset, limit };
  for await (const { chunk } of stream('ArtifactService/DownloadArtifact', request))
    if (chunk !== undefined && chunk !== null) yield chunk;
}

/** Enumerations are numbers by default. */
const nameOf = (enumeration, value) =>
  definition[`artifacta.v1.${enumeration}`].type.value
    .find(({ number }) => number === value)
    .name.replace(/^SESSION_(STATE|OUTCOME)_/, '');

await runScenario({ call, stream, pushStream, download, nameOf });
for (const client of clients.values()) client.close();
