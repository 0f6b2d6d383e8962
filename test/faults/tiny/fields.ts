/**
 * Messages that hold as much as their bytes allow: tiny fields, elements, entries and groups, and texts that take long to
 * read; and as many bytes in one field. None needs credentials.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { framed } from '../../server/grpc/raw-call.ts';
import type { Form, Sender, Target } from './attack.ts';

/** Calls under way of one sender. */
const callsAtOnce = 4;

const service = '/artifacta.v1.ArtifactService';
const admin = '/artifacta.v1.AdminService';

/** What is called, and with what. */
interface Call {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
}

/** Calls one after another in each of some places, until it is ended. */
async function repeatedly(bytes: number, call: () => Promise<unknown>, close: () => void): Promise<Sender> {
  let [sent, isOver] = [0, false];
  const go = async () => {
    while (!isOver) {
      sent += bytes;
      await call().catch(() => new Promise((resolve) => setTimeout(resolve, 10)));
    }
  };
  for (let at = 0; at < callsAtOnce; at++) void go();
  return {
    sent: () => sent,
    end: () => {
      isOver = true;
      close();
    },
  };
}

function byGrpc({ path, type, body }: Call) {
  return async ({ grpc }: Target): Promise<Sender> => {
    const session = connectHttp2(`http://${grpc}`);
    session.on('error', () => undefined);
    await once(session, 'connect');
    const call = async () => {
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': type,
        te: 'trailers',
      });
      stream.resume().end(body);
      await once(stream, 'close');
    };
    return repeatedly(body.length, call, () => session.destroy());
  };
}

function byHttp({ path, type, body }: Call) {
  return async ({ http }: Target): Promise<Sender> => {
    const at = http.lastIndexOf(':');
    const where = { host: http.slice(0, at), port: http.slice(at + 1), path, method: 'POST' };
    const agent = new Agent({ keepAlive: true, maxSockets: callsAtOnce });
    const headers = { 'content-type': type, 'connect-protocol-version': '1' };
    const call = () =>
      new Promise<void>((resolve, reject) => {
        const asked = request({ ...where, agent, headers }, (answer) => {
          answer.resume().once('close', resolve);
        });
        asked.once('error', reject).end(body);
      });
    return repeatedly(body.length, call, () => agent.destroy());
  };
}

/** So many bytes of the same. */
const binary = (text: string, bytes: number) =>
  Buffer.alloc(bytes, Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** One field of so many bytes: that with a number, or one that nobody knows. */
function oneField(bytes: number, tag = 'fa07'): Buffer {
  const length = [0, 7, 14, 21].map((shift) => ((bytes >> shift) & 127) | (shift < 21 ? 128 : 0));
  return Buffer.concat([Buffer.from(tag, 'hex'), Buffer.from(length), Buffer.alloc(bytes, 1)]);
}

const oneText = (bytes: number) => Buffer.from(`{"data":"${'A'.repeat(bytes & ~3)}"}`);

const mebibyte = 1024 * 1024;
/** Of a message with about as much in it as it may have. */
const allowedBytes = 8_000;

function binaryForms(name: string, path: string, tiny: Buffer): Form[] {
  const wrapped = { tiny: framed(tiny), large: framed(oneField(tiny.length)) };
  const create = `${service}/CreateArtifact`;
  const pair = (type: string, bodies: { tiny: Buffer; large: Buffer }) => ({
    tiny: { path, type, body: bodies.tiny },
    large: { path: create, type, body: bodies.large },
  });
  const [grpc, web] = [pair('application/grpc', wrapped), pair('application/grpc-web+proto', wrapped)];
  const connect = pair('application/proto', { tiny, large: oneField(tiny.length) });
  return [
    { name: `gRPC, ${name}`, tiny: byGrpc(grpc.tiny), large: byGrpc(grpc.large) },
    { name: `gRPC-Web, ${name}`, tiny: byHttp(web.tiny), large: byHttp(web.large) },
    { name: `Connect, ${name}`, tiny: byHttp(connect.tiny), large: byHttp(connect.large) },
  ];
}

function jsonForm(name: string, path: string, json: string): Form {
  const type = 'application/json';
  const tiny = { path, type, body: Buffer.from(json) };
  const large = { path: `${service}/CreateArtifact`, type, body: oneText(json.length) };
  return { name: `JSON, ${name}`, tiny: byHttp(tiny), large: byHttp(large) };
}

const list = (text: string, count: number) => Array(count).fill(text).join(',');
const batch = `${service}/BatchGetArtifacts`;

/** Every form. */
export const fieldForms: readonly Form[] = [
  ...binaryForms('empty references', batch, binary('0a 00', mebibyte)),
  ...binaryForms('as many references as are allowed', batch, binary('0a 00', allowedBytes)),
  ...binaryForms('groups', batch, binary('fb 07 fc 07', mebibyte)),
  ...binaryForms('unknown fields', batch, binary('f8 07 00', mebibyte)),
  ...binaryForms('packed numbers', `${admin}/MintToken`, oneField(mebibyte, '12')),
  jsonForm('empty objects', batch, `{"artifacts":[${list('{}', 300_000)}]}`),
  jsonForm('as many objects as are allowed', batch, `{"artifacts":[${list('{}', 2_000)}]}`),
  jsonForm('unknown keys', batch, `{${list('"k":1', 150_000)}}`),
  jsonForm('openings', batch, '['.repeat(900_000)),
  jsonForm(
    'digits of a number',
    `${service}/CreateArtifact`,
    `{"spec":{"sizeBytes":"${'9'.repeat(900_000)}"}}`,
  ),
  jsonForm('names in a mask', `${service}/UpdateArtifact`, `{"updateMask":"${list('a', 450_000)}"}`),
];
