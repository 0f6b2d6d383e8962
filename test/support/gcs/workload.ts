/** The metadata of a machine with Workload Identity, and the IAM service that signs with the key of its account. */
import { sign } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Account } from './signed.ts';

export class Workload implements AsyncDisposable {
  /** The paths that were asked for. */
  readonly seen: string[] = [];
  /** False: the account may not sign. */
  maySign = true;
  private readonly server: Server;
  private readonly account: Account;

  private constructor(server: Server, account: Account) {
    this.server = server;
    this.account = account;
  }

  static async open(account: Account): Promise<Workload> {
    const server = createServer();
    const workload = new Workload(server, account);
    server.on('request', async (request, response) => {
      const { status, body } = await workload.answer(request);
      response.writeHead(status, { 'metadata-flavor': 'Google', 'content-type': typeOf(body) });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return workload;
  }

  /** HOST:PORT */
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get signingEndpoint(): string {
    return `http://${this.host}/iam/`;
  }

  private async answer(request: IncomingMessage): Promise<{ status: number; body: string | object }> {
    const path = decodeURIComponent(request.url!.split('?')[0]!);
    this.seen.push(path);
    if (path.endsWith('/token'))
      return {
        status: 200,
        body: { access_token: 'secret-of-the-machine', expires_in: 3_600, token_type: 'Bearer' },
      };
    if (path.endsWith('/email')) return { status: 200, body: this.account.email };
    if (path !== `/iam/${this.account.email}:signBlob`) return { status: 404, body: 'not found' };
    if (request.headers.authorization !== 'Bearer secret-of-the-machine') return { status: 401, body: {} };
    const message = "Permission 'iam.serviceAccounts.signBlob' denied on resource (or it may not exist).";
    if (!this.maySign) return { status: 403, body: { error: { code: 403, message } } };
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { payload } = JSON.parse(Buffer.concat(parts).toString()) as { payload: string };
    const signature = sign('RSA-SHA256', Buffer.from(payload, 'base64'), this.account.privateKey);
    return { status: 200, body: { keyId: '1', signedBlob: signature.toString('base64') } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

function typeOf(body: string | object): string {
  return typeof body === 'string' ? 'text/plain' : 'application/json';
}
