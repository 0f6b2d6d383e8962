/** Who the reader is, as the service says. Loaded when a screen wants to know. */
import { createClient } from '@connectrpc/connect';
import { InfoService } from '../../../gen/artifacta/v1/info_service_pb.ts';
import { transport } from './clients.ts';
import { type Rights, rightsOf } from './rights-of.ts';

const info = createClient(InfoService, transport);

/** Asks the service for the rights of the present credentials. */
export async function askRights(): Promise<Rights> {
  const { caller } = await info.getCaller({});
  return rightsOf(caller!);
}
