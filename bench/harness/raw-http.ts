/** The load generator for plain HTTP: one connection that is kept, and bodies that were made ahead. */
import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { send } from './raw-client.ts';

interface Exchange {
  readonly method: 'PUT' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Iterable<Buffer>;
}

export class RawHttp implements Disposable {
  private readonly host: string;
  private readonly port: number;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  /** @param address HOST:PORT. */
  constructor(address: string) {
    const at = address.lastIndexOf(':');
    this.host = address.slice(0, at);
    this.port = Number(address.slice(at + 1));
  }

  /** Resolves with the headers when the answer has come. @throws Error for any status but 200 to 299. */
  async exchange({ method, path, headers, body }: Exchange): Promise<IncomingHttpHeaders> {
    const { host, port, agent } = this;
    const call = request({ host, port, agent, method, path, headers });
    const answered = once(call, 'response') as Promise<[IncomingMessage]>;
    const [[response]] = await Promise.all([answered, send(call, body)]);
    let said = '';
    for await (const part of response) said = `${said}${part}`.slice(0, 1_000);
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode > 299) throw new Error(`${method} ${path}: ${statusCode}: ${said}`);
    return response.headers;
  }

  /** Reads the answer to a GET to its end. @param take sees the bytes as they come. @throws Error for any status but 200. */
  async download(path: string, take: (bytes: Buffer) => void): Promise<void> {
    const { host, port, agent } = this;
    const call = request({ host, port, agent, path });
    call.end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`GET ${path}: ${response.statusCode}`);
    response.on('data', take);
    await once(response, 'end');
  }

  [Symbol.dispose](): void {
    this.agent.destroy();
  }
}
