/** The deadlines of clients, on every protocol: too long ones do not end a call, malformed ones are refused. */
import { connect } from 'node:http2';
import type { HandlerContext } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readDeadlines } from '../../src/server/heads/deadlines.ts';
import { closeChecked } from '../support/service.ts';
import { openRig, pathOf } from './fake-service.ts';
import type { TestServer } from './grpc/listeners.ts';
import { framed } from './grpc/raw-call.ts';
import { openHttpRig } from './http/listeners.ts';

/** What a call was answered with. */
type Said = [code: string, message: string];
type Ask = (method: string, timeout: string) => Promise<Said>;

const longestMs = 24 * 24 * 3_600_000;

function asksOf({ grpc, http }: TestServer['addresses']): Record<string, Ask> {
  return {
    gRPC: (method, timeout) => askGrpc(grpc, method, timeout),
    'gRPC-Web': (method, timeout) => askGrpcWeb(http!, method, timeout),
    Connect: (method, timeout) => askConnect(http!, method, timeout),
  };
}

async function opened() {
  const seen: (number | undefined)[] = [];
  const note = ({ timeoutMs, signal }: HandlerContext) => {
    seen.push(timeoutMs());
    signal.throwIfAborted();
  };
  const rig = await openRig(
    {
      getArtifact: (_request, context) => {
        note(context);
        return {};
      },
      downloadArtifact: async function* (_request, context) {
        note(context);
        yield {};
      },
    },
    { http: { host: '127.0.0.1', port: 0 } },
  );
  onTestFinished(() => rig[Symbol.asyncDispose]());
  return { seen, asks: asksOf(rig.server.addresses) };
}

async function askGrpc(address: string, method: string, timeout: string): Promise<Said> {
  const session = connect(`http://${address}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': pathOf(method),
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': timeout,
  });
  let found: Record<string, unknown> = {};
  const add = (headers: object) => {
    found = { ...found, ...headers };
  };
  stream.on('response', add).on('trailers', add).resume().end(framed(new Uint8Array()));
  await new Promise((resolve) => stream.once('close', resolve));
  const message = decodeURIComponent(String(found['grpc-message'] ?? ''));
  return [String(found['grpc-status']), message === 'OK' ? '' : message];
}

async function byHttp(address: string, method: string, headers: Record<string, string>, body: Uint8Array) {
  const answer = await fetch(`http://${address}${pathOf(method)}`, { method: 'POST', headers, body });
  return { answer, text: Buffer.from(await answer.arrayBuffer()).toString('latin1') };
}

async function askGrpcWeb(address: string, method: string, timeout: string): Promise<Said> {
  const headers = { 'content-type': 'application/grpc-web+proto', 'grpc-timeout': timeout };
  const { answer, text } = await byHttp(address, method, headers, framed(new Uint8Array()));
  const said = (name: string) =>
    answer.headers.get(name) ?? new RegExp(`${name}: (.*)\r\n`).exec(text)?.[1] ?? '';
  return [said('grpc-status'), decodeURIComponent(said('grpc-message'))];
}

async function askConnect(address: string, method: string, timeout: string): Promise<Said> {
  const isStream = method === 'DownloadArtifact';
  const type = isStream ? 'application/connect+json' : 'application/json';
  const headers = { 'content-type': type, 'connect-timeout-ms': timeout };
  const json = Buffer.from('{}');
  const { text } = await byHttp(address, method, headers, isStream ? framed(json) : json);
  const error = /"code":"(\w+)".*?"message":"([^"]*)"/.exec(text);
  if (error !== null) expect(text).toContain('google.rpc.ErrorInfo');
  return error === null ? ['0', ''] : [error[1]!, error[2]!];
}

const malformed = {
  gRPC: ['', '5', 'S', '-1S', '+1S', '123456789S', '1.5S', '1e3S', '1 S', '1s', '1h', '0x1S', '1S, 2S', '١S'],
  'gRPC-Web': ['', '5', 'S', '-1S', '123456789S', '1.5S', '1 S', '1S, 2S'],
  Connect: ['', '-1', '1.5', '1S', '12345678901', '1, 2', '0x10'],
};
const long = {
  gRPC: ['99999999H', '99999999M', '99999999S', '597H', '2147484S', '4294968S'],
  'gRPC-Web': ['99999999H', '99999999M', '99999999S', '597H', '2147484S', '4294968S'],
  Connect: ['9999999999', '2147483648', '4294967297'],
};
const fine = { gRPC: ['9S', '90000000u', '00000009S'], 'gRPC-Web': ['9S'], Connect: ['9000'] };
const over = {
  gRPC: ['0S', '0H', '1n', '999999n', '1u'],
  'gRPC-Web': ['0S', '0H', '00000000n'],
  Connect: ['0', '0000000000'],
};
const protocols = ['gRPC', 'gRPC-Web', 'Connect'] as const;

describe.each(protocols)('by %s', (protocol) => {
  it.each(['GetArtifact', 'DownloadArtifact'] as const)(
    'a long deadline of %s is one, and not now',
    async (method) => {
      const { seen, asks } = await opened();
      for (const timeout of long[protocol]) {
        expect([timeout, await asks[protocol]!(method, timeout)]).toEqual([timeout, ['0', '']]);
        expect(seen.at(-1)).toBeGreaterThan(Math.min(longestMs, 2_147_483_000) - 60_000);
        expect(seen.at(-1)).toBeLessThanOrEqual(longestMs);
      }
      for (const timeout of fine[protocol]) {
        expect(await asks[protocol]!(method, timeout)).toEqual(['0', '']);
        expect(seen.at(-1)).toBeLessThanOrEqual(90_000);
      }
    },
  );

  // What runs after every test checks that Node does not warn.
  it('a deadline that is over when the call comes ends it', async () => {
    const rig = await openHttpRig();
    onTestFinished(() => closeChecked(rig));
    const asks = asksOf(rig.server.addresses);
    const passed = protocol === 'Connect' ? 'deadline_exceeded' : '4';
    for (const timeout of over[protocol])
      expect([timeout, (await asks[protocol]!('GetArtifact', timeout))[0]]).toEqual([timeout, passed]);
  });

  it.each(['GetArtifact', 'DownloadArtifact'] as const)(
    'a malformed deadline of %s is refused',
    async (method) => {
      const { seen, asks } = await opened();
      const refused = protocol === 'Connect' ? 'invalid_argument' : '3';
      const message =
        protocol === 'Connect'
          ? 'connect-timeout-ms: must be 1 to 10 digits: milliseconds'
          : 'grpc-timeout: must be 1 to 8 digits and a unit, one of H, M, S, m, u and n';
      for (const timeout of malformed[protocol].filter((text) => /^[ -~]*$/.test(text)))
        expect([timeout, await asks[protocol]!(method, timeout)]).toEqual([timeout, [refused, message]]);
      expect(seen).toEqual([]);
    },
  );
});

describe('a header', () => {
  it('that is short enough is left as it came', () => {
    const headers = { 'grpc-timeout': '576H', 'connect-timeout-ms': '2073600000', other: 'x' };
    expect(readDeadlines(headers)).toBeUndefined();
    expect(headers).toEqual({ 'grpc-timeout': '576H', 'connect-timeout-ms': '2073600000', other: 'x' });
  });

  it('that is longer says the longest', () => {
    const headers = { 'grpc-timeout': '34561M', 'connect-timeout-ms': '2073600001' };
    expect(readDeadlines(headers)).toBeUndefined();
    expect(headers).toEqual({ 'grpc-timeout': '576H', 'connect-timeout-ms': '2073600000' });
  });

  it.each(malformed.gRPC)('%j is no deadline', (value) => {
    expect(readDeadlines({ 'grpc-timeout': value })?.rawMessage).toMatch(/^grpc-timeout: must be/);
  });
});
