/** TLS on the listeners: who is let in, what is told of them, and certificates that are exchanged under load. */

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { routes } from '../../src/api/routes.ts';
import { connect } from '../../src/client/client.ts';
import { ArtifactaError } from '../../src/client/errors.ts';
import { openEndpoint } from '../../src/client/wire/endpoint.ts';
import { parseNamespace } from '../../src/domain/names.ts';
import { anonymous } from '../../src/domain/principal.ts';
import type { Presented } from '../../src/identity/authentication.ts';
import { Tls, type TlsFiles, tlsPollMs } from '../../src/server/tls.ts';
import { someBytes } from '../support/calls.ts';
import { Authority, type Certificate, hasOpenssl, replace } from '../support/certificates.ts';
import { openTestStore } from '../support/service.ts';
import { TestTimers } from '../support/timers.ts';
import { startTestServer } from './grpc/listeners.ts';

let directory: string;
let authority: Authority;
let clients: Authority;

const pem = ({ cert, key }: Certificate) => ({ cert: readFileSync(cert), key: readFileSync(key) });

describe.skipIf(!hasOpenssl())('over TLS', () => {
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'artifacta-tls-'));
    authority = new Authority(directory);
    clients = new Authority(directory, 'clients');
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function open(more: Partial<TlsFiles> = {}) {
    const pair = authority.issue('served');
    const timers = new TestTimers();
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const tls = await Tls.open({ ...pair, ...more }, { warn, after: timers.after });
    const opened = await openTestStore();
    const presented: Presented[] = [];
    const all = routes({
      store: () => opened.store,
      onCall: () => undefined,
      elapsed: () => 0,
      authenticate: async (shown) => {
        presented.push(shown);
        return anonymous(parseNamespace('namespace', 'default'));
      },
    });
    const server = await startTestServer(all, { tls, http: { host: '127.0.0.1', port: 0 } });
    onTestFinished(async () => {
      await server[Symbol.asyncDispose]();
      tls[Symbol.dispose]();
      await opened[Symbol.asyncDispose]();
    });
    const urls = [`grpcs://${server.addresses.grpc}`, `https://${server.addresses.http}`];
    return { ...opened, server, tls, pair, timers, warnings, presented, urls };
  }

  /** How pushing over the URL ends. */
  async function push(url: string, tls: Parameters<typeof openEndpoint>[1]): Promise<string> {
    await using client = await connect(url, { tls, retry: { attemptsMax: 1 } });
    try {
      const { artifact } = await client.push(someBytes(100_000), { session: 's', name: 'a' });
      return artifact.name;
    } catch (error) {
      return error instanceof ArtifactaError ? error.code : String(error);
    }
  }

  it('serves our client, and those who trust another authority do not take it for the service', async () => {
    const { urls, presented } = await open();
    for (const url of urls) {
      expect(await push(url, { ca: authority.pem })).toBe('a');
      expect(await push(url, { ca: clients.pem })).toBe('FAILED_PRECONDITION');
    }
    for (const { certificate, address, isLocal } of presented)
      expect({ certificate, address, isLocal }).toEqual({
        certificate: undefined,
        address: '127.0.0.1',
        isLocal: false,
      });
  });

  it('takes only clients whose certificate an authority for clients has signed, and tells whose it is', async () => {
    const { urls, presented } = await open({ clientCa: clients.cert });
    const names = 'URI:spiffe://td/ns/billing/sa/agent,DNS:agent.example';
    const good = pem(clients.issue('agent', names));
    const foreign = pem(authority.issue('foreign'));
    const expired = pem(clients.issue('expired', names, -1));
    for (const url of urls) {
      presented.length = 0;
      expect(await push(url, { ca: authority.pem, ...good })).toBe('a');
      expect(presented[0]?.certificate).toEqual({
        subject: 'agent',
        uris: ['spiffe://td/ns/billing/sa/agent'],
        dns: ['agent.example'],
      });
      for (const refused of [{}, foreign, expired])
        expect(await push(url, { ca: authority.pem, ...refused })).not.toBe('a');
    }
  });

  it('takes clients without a certificate where that is optional, and nobody’s word for theirs', async () => {
    const { urls, presented } = await open({ clientCa: clients.cert, isClientOptional: true });
    const foreign = pem(authority.issue('stranger', 'URI:spiffe://td/ns/billing/sa/agent'));
    for (const url of urls)
      for (const shown of [{}, foreign]) {
        presented.length = 0;
        expect(await push(url, { ca: authority.pem, ...shown })).toBe('a');
        expect(presented.map(({ certificate }) => certificate).filter(Boolean)).toEqual([]);
      }
  });

  /** The serial number that a new connection is shown. */
  async function shown(address: string, options: ConnectionOptions = {}): Promise<string> {
    const [host, port] = address.split(':') as [string, string];
    const socket: TLSSocket = connectTls({ host, port: Number(port), ca: authority.pem, ...options });
    try {
      return await new Promise((resolve, reject) => {
        socket.once('secureConnect', () => resolve(socket.getPeerCertificate().serialNumber));
        socket.once('error', reject);
      });
    } finally {
      socket.destroy();
    }
  }

  it('exchanges its certificate under load: what is there goes on, what is new sees the new one', async () => {
    const { server, tls, pair, timers, urls } = await open();
    const listeners = [server.addresses.grpc, server.addresses.http!];
    const before = await Promise.all(listeners.map((service) => shown(service)));
    const endpoints = await Promise.all(urls.map((url) => openEndpoint(url, { ca: authority.pem })));
    onTestFinished(() => Promise.all(endpoints.map((endpoint) => endpoint.close())).then(() => undefined));
    const uploads = endpoints.flatMap(({ transport }, service) =>
      Array.from({ length: 10 }, (_, at) => {
        const gate = Promise.withResolvers<void>();
        const bytes = someBytes(300_000);
        async function* messages() {
          yield {
            part: { case: 'start' as const, value: { spec: { session: 's', name: `${service}/${at}` } } },
          };
          yield { part: { case: 'chunk' as const, value: bytes.subarray(0, 200_000) } };
          await gate.promise;
          yield { part: { case: 'chunk' as const, value: bytes.subarray(200_000) } };
          yield { part: { case: 'finish' as const, value: { sizeBytes: 300_000n } } };
        }
        return { gate, answer: createClient(ArtifactService, transport).uploadArtifact(messages()) };
      }),
    );
    replace(pair, authority.issue('renewed'));
    const exchanged = new Promise<void>((resolve) => tls.subscribe(() => resolve()));
    timers.advance(tlsPollMs);
    await exchanged;
    const after = await Promise.all(listeners.map((service) => shown(service)));
    for (const at of [0, 1]) expect(after[at]).not.toBe(before[at]);
    for (const { gate } of uploads) gate.resolve();
    for (const { answer } of uploads) expect((await answer).artifact?.sizeBytes).toBe(300_000n);
  });

  it('keeps the pair it has as long as the files do not fit, and says so once', async () => {
    const { server, tls, pair, warnings, timers } = await open();
    const before = await shown(server.addresses.grpc);
    const next = authority.issue('next');
    await writeFile(pair.key, readFileSync(next.key));
    expect([await tls.reload(), await tls.reload()]).toEqual([false, false]);
    expect(warnings).toEqual([
      expect.stringContaining('the new certificate cannot be used, so the old one stays in use'),
    ]);
    expect(await shown(server.addresses.grpc)).toBe(before);
    await writeFile(pair.cert, 'no certificate');
    expect(await tls.reload()).toBe(false);
    await rm(pair.cert);
    expect(await tls.reload()).toBe(false);
    expect(warnings).toHaveLength(3);
    expect(warnings.at(-1)).toContain(`${pair.cert} cannot be read: it does not exist`);
    replace(pair, next);
    expect(await tls.reload()).toBe(true);
    expect(await shown(server.addresses.grpc)).not.toBe(before);
    expect(timers.count).toBe(1);
  });

  it.each<[string, (pair: Certificate) => Promise<Partial<TlsFiles>>, RegExp]>([
    [
      'a certificate that is not there',
      async () => ({ cert: '/nowhere/a.crt' }),
      /^\/nowhere\/a\.crt cannot be read: it does not exist/,
    ],
    [
      'a key of another certificate',
      async () => ({ key: authority.issue('another').key }),
      /another\.key: .*mismatch/i,
    ],
    ['something that is no key', async ({ cert }) => ({ key: cert }), /\.crt: /],
    ['authorities that are none', async ({ key }) => ({ clientCa: key }), /\.key: /],
  ])('does not begin with %s', async (_what, change, message) => {
    const pair = authority.issue('begin');
    await expect(Tls.open({ ...pair, ...(await change(pair)) }, { warn: () => undefined })).rejects.toThrow(
      message,
    );
  });

  it('refuses what is older than TLS 1.2', async () => {
    const { server } = await open();
    const old: ConnectionOptions = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    };
    for (const service of [server.addresses.grpc, server.addresses.http!])
      await expect(shown(service, old)).rejects.toThrow(/alert|protocol|version/i);
  });

  it.each(['the first certificate', 'one that was exchanged'])(
    'speaks TLS 1.2 without suites of CBC or without forward secrecy, with %s',
    async (which) => {
      const { server, tls, pair } = await open();
      if (which !== 'the first certificate') {
        replace(pair, authority.issue('exchanged'));
        expect(await tls.reload()).toBe(true);
      }
      const only = (ciphers: string): ConnectionOptions => ({
        maxVersion: 'TLSv1.2',
        ciphers: `${ciphers}:@SECLEVEL=0`,
        ca: authority.pem,
      });
      for (const service of [server.addresses.grpc, server.addresses.http!]) {
        for (const refused of [
          'ECDHE-RSA-AES128-SHA',
          'ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256',
          'AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA',
          'ECDHE-ECDSA-AES256-CCM8',
        ])
          await expect(shown(service, only(refused)), refused).rejects.toThrow(/alert|handshake/i);
        await shown(service, only('ECDHE+AESGCM'));
      }
    },
  );
});
