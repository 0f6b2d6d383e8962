/** A probe as the kubelet makes it: probe.mjs http PORT PATH SECONDS, or grpc PORT SERVICE SECONDS. */
import { Client, credentials } from '@grpc/grpc-js';

const [kind, port, what, seconds] = process.argv.slice(2);
const milliseconds = Number(seconds) * 1_000;

async function http() {
  const response = await fetch(`http://127.0.0.1:${port}${what}`, {
    signal: AbortSignal.timeout(milliseconds),
  });
  const text = await response.text();
  return response.status >= 200 && response.status < 400 ? undefined : `${response.status}: ${text}`;
}

/** `grpc.health.v1.HealthCheckRequest` has one field, the service; the answer's status 1 is SERVING. */
async function grpc() {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const asked = Buffer.from(what);
  const request = Buffer.concat([Buffer.from(asked.length > 0 ? [0x0a, asked.length] : []), asked]);
  const bytes = (message) => message;
  const answered = Promise.withResolvers();
  client.makeUnaryRequest(
    '/grpc.health.v1.Health/Check',
    bytes,
    bytes,
    request,
    { deadline: Date.now() + milliseconds },
    (error, response) => (error ? answered.reject(error) : answered.resolve(response)),
  );
  try {
    const response = await answered.promise;
    return response[0] === 0x08 && response[1] === 1 ? undefined : `not serving: ${response.toString('hex')}`;
  } finally {
    client.close();
  }
}

try {
  const failure = await (kind === 'grpc' ? grpc() : http());
  if (failure !== undefined) throw new Error(failure);
} catch (error) {
  console.error(error.cause?.message ?? error.message);
  process.exitCode = 1;
}
