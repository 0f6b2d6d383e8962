/** A service, a browser and pages for the tests of the console. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createConnectTransport } from '@connectrpc/connect-node';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { Samples } from './samples.ts';

const root = resolve(import.meta.dirname, '../../..');

/** The command line of this checkout. */
const launcher = join(root, 'bin/artifacta');

/** How long anything may take on a busy machine, in milliseconds. */
const timeoutMs = 30_000;

/** `artifacta serve` with a directory of its own. It can be started again under the same addresses. */
export class Service implements AsyncDisposable {
  readonly dataDir: string;
  private readonly args: readonly string[];
  private child: ChildProcess | undefined;
  private port = 0;

  constructor(dataDir: string, ...args: readonly string[]) {
    this.dataDir = dataDir;
    this.args = args;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** @param port Undefined: that of before, or a free one. */
  async start(port = this.port): Promise<this> {
    const listeners = [
      '--grpc-listen',
      'none',
      '--http-listen',
      `127.0.0.1:${port}`,
      '--admin-listen',
      '127.0.0.1:0',
    ];
    const child = spawn(launcher, ['serve', '--data-dir', this.dataDir, ...listeners, ...this.args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child = child;
    for await (const line of createInterface({ input: child.stdout! })) {
      const { msg, http } = JSON.parse(line) as Record<string, string>;
      if (msg !== 'ready') continue;
      this.port = Number(http!.split(':').at(-1));
      child.stdout!.resume();
      return this;
    }
    throw new Error('the service has ended');
  }

  async stop(): Promise<void> {
    const child = this.child;
    if (child === undefined || child.exitCode !== null) return;
    child.kill();
    await once(child, 'close');
  }

  /** The calls that make samples, with a token if the service wants one. */
  samples(token?: string): Samples {
    return new Samples(
      createConnectTransport({
        baseUrl: this.origin,
        httpVersion: '1.1',
        useBinaryFormat: true,
        interceptors: [
          (next) => (request) => {
            if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
            return next(request);
          },
        ],
      }),
    );
  }

  /** Pushes a large artifact. @returns its id. */
  async put(session: string, name: string, content: Uint8Array, contentType: string): Promise<string> {
    return await this.putBody(session, name, new Uint8Array(content), contentType);
  }

  /** Pushes a file, as a stream: a `Blob` of a file loses what is beyond 4 GiB. @returns its id. */
  async putFile(session: string, name: string, path: string, contentType: string): Promise<string> {
    const stream = Readable.toWeb(createReadStream(path)) as ReadableStream;
    return await this.putBody(session, name, stream, contentType);
  }

  private async putBody(
    session: string,
    name: string,
    body: Uint8Array<ArrayBuffer> | ReadableStream,
    contentType: string,
  ): Promise<string> {
    const answer = await fetch(`${this.origin}/v1/sessions/${session}/artifacts/${name}`, {
      method: 'PUT',
      headers: { 'content-type': contentType },
      body,
      duplex: 'half',
    });
    if (!answer.ok) throw new Error(`a push got ${answer.status}: ${await answer.text()}`);
    const { artifact } = (await answer.json()) as { artifact: { id: string } };
    return artifact.id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Runs the command line. @returns what it printed. */
export async function artifacta(...args: readonly string[]): Promise<string> {
  const child = spawn(launcher, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (part) => {
    text += String(part);
  });
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`artifacta ${args.join(' ')} ended with ${code}`);
  return text.trim();
}

/** A page, and what went wrong on it. */
interface Watched extends AsyncDisposable {
  readonly page: Page;
  /** Errors of scripts, dialogs, what the policy refused, and requests to other origins. */
  readonly faults: string[];
  /** Calls of methods so far, by their names. */
  readonly calls: string[];
}

/** Opens a page of a service, or of what passes requests on to it. */
export async function open(
  browser: Browser,
  service: Pick<Service, 'origin'>,
  path: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(timeoutMs);
  const faults: string[] = [];
  const calls: string[] = [];
  page.on('pageerror', ({ message }) => faults.push(`error: ${message}`));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    // A page in its preview meets the policy of previews, which is what that is for.
    if (message.location().url.startsWith(`${service.origin}/t/`)) return;
    if (/Content Security Policy|Refused to|TrustedHTML/.test(message.text())) faults.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== service.origin)
      faults.push(`asked ${request.url()}`);
    if (url.pathname.startsWith('/artifacta.v1.')) calls.push(url.pathname.split('/').at(-1)!);
  });
  await page.goto(service.origin + path);
  return { page, faults, calls, [Symbol.asyncDispose]: () => context.close() };
}

/** Drops a file with a text onto the session that a page shows. */
export async function dropText(page: Page, name: string, text: string): Promise<void> {
  await page.locator('.drop').waitFor({ state: 'attached' });
  const transfer = await page.evaluateHandle(
    (file) => {
      const { DataTransfer: Data } = globalThis as unknown as {
        DataTransfer: new () => { readonly items: { add(file: File): void } };
      };
      const data = new Data();
      data.items.add(new File([file.text], file.name, { type: 'text/plain' }));
      return data;
    },
    { name, text },
  );
  await page.locator('.drop').dispatchEvent('drop', { dataTransfer: transfer });
}

/** The results of checks, one a line. */
export class Results {
  failed = 0;

  /** Runs a check, and tells how it went. */
  async check(what: string, work: () => Promise<unknown>): Promise<void> {
    const began = performance.now();
    try {
      const remark = await work();
      const seconds = ((performance.now() - began) / 1_000).toFixed(1);
      console.log(`ok  ${what} (${seconds} s)${typeof remark === 'string' ? `: ${remark}` : ''}`);
    } catch (error) {
      this.failed++;
      console.log(`FAILED  ${what}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
}
