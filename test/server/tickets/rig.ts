/** A service with authentication over a test store, keys for its callers, and the clients that make tickets. */
import { createClient } from '@connectrpc/connect';
import { onTestFinished } from 'vitest';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { TicketKind } from '../../../gen/artifacta/v1/ticket_pb.ts';
import { TicketService } from '../../../gen/artifacta/v1/ticket_service_pb.ts';
import type { DirectUploadPolicy } from '../../../src/api/artifacts/direct-uploads.ts';
import { authenticationOver } from '../../../src/api/credentials.ts';
import type { RedirectPolicy } from '../../../src/api/downloads/redirects.ts';
import type { CallRecord } from '../../../src/api/guard.ts';
import { routes } from '../../../src/api/routes.ts';
import { ticketUses } from '../../../src/api/tickets/use.ts';
import { withCredentials } from '../../../src/client/wire/headers.ts';
import type { Scope } from '../../../src/domain/principal.ts';
import type { StoreOptions } from '../../../src/store/open.ts';
import { openTestStore } from '../../support/service.ts';
import { tester } from '../../support/specs.ts';
import { startTestServer } from '../grpc/listeners.ts';
import { openHttpTransport } from '../http/listeners.ts';

export const { READ, PREVIEW, ARCHIVE, PUSH } = TicketKind;

export type TicketRig = Awaited<ReturnType<typeof openTicketRig>>;

/** Clients of a service. @param token Undefined: without credentials. */
function clientsAt(url: string, token?: string) {
  const transport = openHttpTransport('Connect', url);
  const as = token === undefined ? transport : withCredentials(transport, { token });
  return {
    artifacts: createClient(ArtifactService, as),
    sessions: createClient(SessionService, as),
    tickets: createClient(TicketService, as),
    admin: createClient(AdminService, as),
  };
}

interface TicketRigOptions extends Partial<StoreOptions> {
  readonly isRequired?: boolean;
  readonly redirects?: RedirectPolicy;
  readonly directUploads?: DirectUploadPolicy | undefined;
  readonly previewOrigin?: string;
}

/** Opens a service that ends with the test. @param isRequired whether callers must authenticate. */
export async function openTicketRig({
  isRequired = true,
  redirects,
  directUploads,
  previewOrigin,
  ...options
}: TicketRigOptions = {}) {
  const opened = await openTestStore(options);
  const { store, clock } = opened;
  const calls: CallRecord[] = [];
  const unexpected: unknown[] = [];
  let elapsedMs = 0;
  // A second between any two calls, so that failures are not slowed down.
  const elapsed = () => {
    elapsedMs += 1_000;
    return elapsedMs;
  };
  const authentication = (required: boolean) =>
    authenticationOver(
      () => store,
      { isRequired: required, elapsed },
      () => clock.now,
    );
  let now = authentication(isRequired);
  const told = { onCall: (call: CallRecord) => calls.push(call), elapsed };
  const all = routes({
    ...told,
    redirects,
    directUploads,
    store: () => store,
    authenticate: (presented) => now.authenticate(presented),
    now: () => clock.now,
    localUrl: () => url,
    publicUrl: 'https://store.example',
    previewOrigin,
  });
  const server = await startTestServer(all, {
    http: { host: '127.0.0.1', port: 0 },
    checkHost: false,
    publicUrl: 'https://store.example',
    previewOrigin,
    tickets: ticketUses((token, address) => now.takeTicket(token, address), told),
    onUnexpectedError: (error) => unexpected.push(error),
  });
  const url = `http://${server.addresses.http}`;
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]();
    await opened[Symbol.asyncDispose]();
  });
  const clients = (token?: string) => clientsAt(url, token);
  const key = async (scopes: readonly Scope[] = ['read', 'write']) => {
    const made = await store.apiKeys.create({
      namespace: tester.namespace,
      operator: false,
      scopes,
      description: '',
      expireTime: undefined,
    });
    return { id: made.key.id, secret: made.secret, ...clients(made.secret) };
  };
  /** As if the service were started again with authentication. */
  const requireCredentials = () => {
    now = authentication(true);
  };
  return { ...opened, calls, unexpected, url, server, clients, key, requireCredentials };
}

/** The latest version of a name in the session `s`, as a target. */
export const artifact = (name: string) =>
  ({ case: 'artifact', value: { by: { case: 'name', value: { session: 's', name } } } }) as const;

/** A session, as a target. */
export const session = (value: string) => ({ case: 'session', value }) as const;
