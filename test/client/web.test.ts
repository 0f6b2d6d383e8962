/** The client for pages, over Node's fetch: what it does in Chromium is checked by `test/browser/main.ts`. */
import { isBuiltin } from 'node:module';
import { resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client/web/published.ts';
import { checks, runCheck } from '../browser/checks.ts';
import { openHttpRig } from '../server/http/listeners.ts';
import { closeChecked } from '../support/service.ts';

describe.each([true, false])('a client over fetch, with request streams: %s', (requestStreams) => {
  it.each(Object.keys(checks))('%s', async (name) => {
    const rig = await openHttpRig();
    onTestFinished(() => closeChecked(rig));
    const grpcUrl = `http://${rig.server.addresses.grpc}`;
    await runCheck(name, { url: rig.url, grpcUrl, requestStreams });
    // What was given up goes when the service has noticed.
    await expect.poll(() => rig.blobs.stagedCount).toBe(0);
  });
});

it('sends its credentials with every request, PUT included', async () => {
  const sent: (string | null)[][] = [];
  const fetch = async (url: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    sent.push([init.method!, headers.get('authorization'), headers.get('artifacta-namespace')]);
    return await globalThis.fetch(url, init);
  };
  const rig = await openHttpRig();
  onTestFinished(() => closeChecked(rig));
  const store = await connect(rig.url, { token: 'secret', namespace: 'n', fetch, retry: { attemptsMax: 1 } });
  await store.get('run/a').catch(() => undefined);
  await store.push(new Uint8Array(1_000_000), { session: 'run', name: 'a' }).catch(() => undefined);
  expect(sent).toEqual([
    ['POST', 'Bearer secret', 'n'],
    ['PUT', 'Bearer secret', 'n'],
  ]);
});

it('says so if the service stored other bytes than were sent', async () => {
  const rig = await openHttpRig();
  onTestFinished(() => closeChecked(rig));
  const fetch = async (url: string, init: RequestInit) => {
    if (init.method !== 'PUT') return await globalThis.fetch(url, init);
    const headers = new Headers(init.headers);
    headers.delete('content-digest');
    return await globalThis.fetch(url, { ...init, headers, body: new Uint8Array(1_000_000).fill(1) });
  };
  const store = await connect(rig.url, { fetch, retry: { attemptsMax: 1 } });
  const pushed = store.push(new Uint8Array(1_000_000), { session: 'run', name: 'a' });
  await expect(pushed).rejects.toMatchObject({ code: 'DATA_LOSS' });
});

it('is made of nothing that only Node has', async () => {
  await using build = await rolldown({
    input: resolve(import.meta.dirname, '../../src/client/web/published.ts'),
    platform: 'browser',
    external: (id) => isBuiltin(id),
    onLog: () => {},
  });
  const { output } = await build.generate({ format: 'esm' });
  const chunks = output.filter((part) => part.type === 'chunk');
  const names = new Set(chunks.map(({ fileName }) => fileName));
  const outside = chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]);
  expect(outside.filter((name) => !names.has(name))).toEqual([]);
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
  expect(
    modules.filter((id) => /connect-node|google-cloud|grpc-js|src\/(cli|programs|server|store)\//.test(id)),
  ).toEqual([]);
  expect(modules.some((id) => id.endsWith('src/client/store.ts'))).toBe(true);
  const ours = chunks.flatMap((chunk) => Object.entries(chunk.modules));
  for (const [id, { code }] of ours.filter(([id]) => !id.includes('node_modules')))
    expect([id, /\b(?:Buffer|process)\b\./.exec(code ?? '')?.[0]]).toEqual([id, undefined]);
});
