/** A page that was pushed tries every way out of its preview: to the console, to the store, to any other place. */
import { strict as assert } from 'node:assert';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { open, type Results, type Service } from './rig.ts';
import type { Samples } from './samples.ts';

/** What the page does, each with a name. It runs in the order of the list: the last one would leave the page. */
const ways = (store: string, other: string) => `
  // What the policy forbids says nothing where it is tried, but tells the document.
  const forbidden = () => new Promise((_, reject) => {
    document.addEventListener('securitypolicyviolation', reject, { once: true });
  });
  const ways = {
    'the document of the console': () => parent.document.title,
    'its address': () => parent.location.href,
    cookies: () => { document.cookie = 'a=1'; return document.cookie; },
    'local storage': () => localStorage.setItem('a', '1'),
    'session storage': () => sessionStorage.setItem('a', '1'),
    databases: () => new Promise((resolve, reject) => {
      const opening = indexedDB.open('a'); opening.onsuccess = resolve; opening.onerror = reject;
    }),
    'the store': () => fetch('${store}/artifacta.v1.SessionService/ListSessions', { method: 'POST', body: '{}',
      headers: { 'content-type': 'application/json' } }),
    fetch: () => fetch('${other}/fetch', { mode: 'no-cors' }),
    image: () => new Promise((resolve, reject) => {
      const image = new Image(); image.onload = resolve; image.onerror = reject; image.src = '${other}/image';
    }),
    beacon: () => { if (!navigator.sendBeacon('${other}/beacon', 'x')) throw new Error('refused'); },
    socket: () => new Promise((resolve, reject) => {
      const socket = new WebSocket('${other.replace('http', 'ws')}/socket'); socket.onopen = resolve; socket.onerror = reject;
    }),
    script: () => new Promise((resolve, reject) => {
      const script = document.createElement('script'); script.onload = resolve; script.onerror = reject;
      script.src = '${other}/script'; document.head.append(script);
    }),
    preload: () => {
      const link = document.createElement('link'); link.rel = 'preload'; link.as = 'image'; link.href = '${other}/preload';
      const told = forbidden(); document.head.append(link); return told;
    },
    style: () => new Promise((resolve, reject) => {
      const link = document.createElement('link'); link.rel = 'stylesheet'; link.href = '${other}/style';
      link.onload = resolve; link.onerror = reject; document.head.append(link);
    }),
    'a frame': () => {
      const frame = document.createElement('iframe'); frame.src = '${other}/frame';
      const told = forbidden(); document.body.append(frame); return told;
    },
    worker: () => new Promise((resolve, reject) => {
      const worker = new Worker('${other}/worker'); worker.onmessage = resolve; worker.onerror = reject;
    }),
    popup: () => { if (open('${other}/popup') === null) throw new Error('refused'); },
    form: () => {
      const form = document.createElement('form'); form.action = '${other}/form'; form.method = 'post';
      document.body.append(form); form.submit();
    },
    'the top': () => { top.location.href = '${other}/top'; },
  };
  globalThis.results = {};
  (async () => {
    for (const [name, way] of Object.entries(ways)) {
      try { await way(); results[name] = 'OUT'; } catch { results[name] = 'refused'; }
    }
    results.done = true;
  })();`;

/** Shows the page in its preview, and looks at what came out. */
export async function checkEscapes(
  results: Results,
  browser: Browser,
  service: Service,
  samples: Samples,
): Promise<void> {
  const asked: string[] = [];
  const elsewhere = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.setHeader('access-control-allow-origin', '*');
    response.end('');
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  const other = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  try {
    const page = `<!doctype html><h1>shown</h1><script>${ways(service.origin, other)}</script>`;
    const id = await samples.push('kinds', 'escapes.html', page, { type: 'text/html' });
    await results.check('a page in its preview reaches nothing', async () => {
      await using watched = await open(browser, service, `/artifacts/${id}`);
      const context = watched.page.context();
      const before = watched.page.url();
      await watched.page.locator('iframe').waitFor();
      assert.equal(await watched.page.locator('iframe').getAttribute('sandbox'), 'allow-scripts');
      await watched.page.frameLocator('iframe').getByText('shown').waitFor();
      const frame = watched.page.frames().find((one) => one.url().includes('/t/'))!;
      await frame.waitForFunction(() => (globalThis as { results?: { done?: true } }).results?.done === true);
      const tried = await frame.evaluate(
        () => (globalThis as unknown as { results: Record<string, string> }).results,
      );
      const { done: _, ...each } = tried;
      // These are dropped without a word: what counts is that nothing arrives.
      const silent = ['beacon', 'form', 'the top'];
      const out = Object.keys(each).filter((name) => each[name] === 'OUT' && !silent.includes(name));
      assert.deepEqual(out, []);
      assert.equal(watched.page.url(), before);
      await frame.evaluate(`location.href = '${other}/self'`).catch(() => undefined);
      // The answer of the store to a later request comes after anything that the frame has begun.
      await watched.page.request.get(service.origin);
      assert.equal(watched.page.url(), before);
      assert.equal(context.pages().length, 1);
      assert.deepEqual(asked, []);
      return `${Object.keys(each).length + 1} ways`;
    });
  } finally {
    elsewhere.close();
  }
}
