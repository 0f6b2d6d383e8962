/**
 * The scenario by nothing but `fetch`: the protocol in Connect's JSON, streams of bytes by PUT and GET. No package, no
 * generated code.
 */
import { gzipSync } from 'node:zlib';
import { Failure } from './messages.mjs';
import { runScenario } from './scenario.mjs';

const url = (at = '') => process.env[`SCENARIO_${at}HTTP_URL`];
const headers = (token = process.env.ARTIFACTA_TOKEN) => ({ authorization: `Bearer ${token}` });

/** Connect's error. Of all codes, `canceled` alone is spelled in another way than gRPC's. */
function failureOf({ code = 'unknown', message = '', details = [] }) {
  const bytes = details.map(({ type, value }) => ({ type, value: Buffer.from(value, 'base64') }));
  return new Failure(code.replace('canceled', 'cancelled').toUpperCase(), message, bytes);
}

/** A call with one request and one response. */
async function call(method, request, { at, token, gzip = false } = {}) {
  const json = JSON.stringify(request);
  const response = await fetch(`${url(at)}/artifacta.v1.${method}`, {
    method: 'POST',
    headers: {
      ...headers(token),
      'content-type': 'application/json',
      ...(gzip ? { 'content-encoding': 'gzip' } : {}),
    },
    body: gzip ? gzipSync(json) : json,
  });
  return await answer(response);
}

async function answer(response) {
  const body = await response.text();
  if (response.ok) return JSON.parse(body);
  throw failureOf(
    response.headers.get('content-type') === 'application/json' ? JSON.parse(body) : { message: body },
  );
}

/** A call with a stream of responses: each in an envelope of a byte of flags and its length. */
async function* stream(method, request, { at } = {}) {
  const json = Buffer.from(JSON.stringify(request));
  const length = Buffer.alloc(5);
  length.writeUInt32BE(json.length, 1);
  const response = await fetch(`${url(at)}/artifacta.v1.${method}`, {
    method: 'POST',
    headers: { ...headers(), 'content-type': 'application/connect+json', 'connect-protocol-version': '1' },
    body: Buffer.concat([length, json]),
  });
  if (!response.ok) await answer(response);
  let waiting = Buffer.alloc(0);
  for await (const bytes of response.body) {
    waiting = Buffer.concat([waiting, bytes]);
    while (waiting.length >= 5 && waiting.length >= 5 + waiting.readUInt32BE(1)) {
      const end = 5 + waiting.readUInt32BE(1);
      const message = JSON.parse(waiting.subarray(5, end).toString());
      if ((waiting[0] & 2) === 0) yield message;
      else if (message.error !== undefined) throw failureOf(message.error);
      waiting = waiting.subarray(end);
    }
  }
}

const contentUrl = ({ session, name }) =>
  `${url()}/v1/sessions/${session}/artifacts/${name.split('/').map(encodeURIComponent).join('/')}`;

async function pushStream(place, pieces, signal) {
  const body = ReadableStream.from(pieces);
  return await answer(
    await fetch(contentUrl(place), {
      method: 'PUT',
      // Without a type of its own, `fetch` sends none for a stream.
      headers: headers(),
      body,
      duplex: 'half',
      signal,
    }),
  );
}

async function* download(place, { offset, limit } = {}) {
  const range = limit === undefined ? {} : { range: `bytes=${offset}-${offset + limit - 1}` };
  const response = await fetch(contentUrl(place), { headers: { ...headers(), ...range } });
  if (response.status !== (limit === undefined ? 200 : 206)) throw new Error(`status ${response.status}`);
  yield* response.body;
}

const nameOf = (_, value) => value.replace(/^SESSION_(STATE|OUTCOME)_/, '');

await runScenario({ call, stream, pushStream, download, nameOf });
