/** A process of fake-gcs-server with one bucket, and a proxy before it that fails on command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  request as send,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { freePort } from '../../scripts/free-port.ts';

export const bucket = 'artifacta-test';

/** The process; it keeps its objects in memory. */
export class Emulator implements AsyncDisposable {
  private readonly child: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, url: string) {
    this.child = child;
    this.url = url;
  }

  static async start(): Promise<Emulator> {
    const program = process.env.FAKE_GCS_SERVER;
    if (program === undefined) throw new Error('run test/emulator/run.sh, which names the program');
    const port = await freePort();
    const args = ['-backend', 'memory', '-scheme', 'http', '-host', '127.0.0.1', '-port', String(port)];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const lines = createInterface({ input: child.stderr! });
    for await (const line of lines) if (line.includes('server started')) break;
    child.stderr!.resume();
    const emulator = new Emulator(child, `http://127.0.0.1:${port}`);
    const made = await fetch(`${emulator.url}/storage/v1/b?project=test`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: bucket }),
    });
    if (!made.ok) throw new Error(`the bucket was not made: ${made.status} ${await made.text()}`);
    return emulator;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

/** What the proxy does with a request instead of passing it on. */
type Fault =
  | { readonly status: number }
  /** The connection ends before the request is passed on. */
  | 'reset'
  /** The request is passed on; the answer is not. */
  | 'lost answer'
  | 'stall'
  /** The answer ends after this many bytes of its body. */
  | { readonly cutAfter: number };

interface Planned {
  readonly matches: (request: IncomingMessage) => boolean;
  readonly fault: Fault;
  left: number;
}

/** Passes requests on to the emulator. */
export class FaultyProxy implements AsyncDisposable {
  readonly seen: string[] = [];
  isDown = false;
  private readonly planned: Planned[] = [];
  private readonly server: Server;
  private readonly target: URL;

  private constructor(server: Server, target: URL) {
    this.server = server;
    this.target = target;
  }

  static async start(target: string): Promise<FaultyProxy> {
    const server = createServer();
    const proxy = new FaultyProxy(server, new URL(target));
    server.on('request', (request, response) => proxy.pass(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  fail(matches: Planned['matches'], fault: Fault, times = 1): void {
    this.planned.push({ matches, fault, left: times });
  }

  private pass(request: IncomingMessage, response: ServerResponse): void {
    this.seen.push(`${request.method} ${request.url}`);
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const planned = this.planned.find((one) => one.left > 0 && one.matches(request));
    if (planned !== undefined) planned.left--;
    const fault = this.isDown ? { status: 503 } : planned?.fault;
    if (fault === 'reset') return void request.socket.destroy();
    if (fault === 'stall') return;
    if (typeof fault === 'object' && 'status' in fault) {
      request.resume();
      request.once('end', () => response.writeHead(fault.status).end('{"error":{"message":"as planned"}}'));
      return;
    }
    const { hostname, port } = this.target;
    // The Host header stays: the emulator makes the URLs of uploads from it.
    const { method, url, headers } = request;
    const onward = send({ hostname, port, method: method!, path: url!, headers }, (answer) => {
      if (fault === 'lost answer') {
        answer.resume();
        answer.once('end', () => request.socket.destroy());
        return;
      }
      response.writeHead(answer.statusCode!, answer.headers);
      if (fault === undefined) return void answer.pipe(response);
      let left = fault.cutAfter;
      answer.on('data', (chunk: Buffer) => {
        if (left <= 0) return;
        response.write(chunk.subarray(0, left), () => left <= 0 && request.socket.destroy());
        left -= chunk.length;
      });
    });
    onward.on('error', () => request.socket.destroy());
    request.pipe(onward);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
