/** Calls for operators, loaded with the screens that need them. */
import { createClient } from '@connectrpc/connect';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { transport } from '../calls/clients.ts';
import { namespace } from '../calls/token.ts';

/** Administration. */
export const admin = createClient(AdminService, transport);

/** The namespace that the screens for operators show. */
export function shownNamespace(): string {
  return namespace.value === '' ? 'default' : namespace.value;
}
