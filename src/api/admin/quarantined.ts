/** ListQuarantined: the contents that were found damaged. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ListQuarantinedRequest,
  ListQuarantinedResponseSchema,
} from '../../../gen/artifacta/v1/verify_pb.ts';
import { parseNamespace } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Quarantined } from '../../store/queries/quarantined.ts';
import { toQuarantinedMessage } from '../messages.ts';
import { parsePageSize } from '../parse.ts';

/** Answers ListQuarantined. @throws Failure INVALID_ARGUMENT, NAMESPACE_NOT_FOUND, PAGE_TOKEN_INVALID. */
export async function listQuarantined(
  quarantined: Quarantined,
  { namespace, pageSize, pageToken }: ListQuarantinedRequest,
  principal: Principal,
): Promise<MessageInitShape<typeof ListQuarantinedResponseSchema>> {
  const ns = namespace === '' ? undefined : parseNamespace('namespace', namespace);
  const asked = { pageSize: parsePageSize(pageSize), pageToken };
  const { items, nextPageToken } = await quarantined.page(principal, ns, asked);
  return { contents: items.map(toQuarantinedMessage), nextPageToken };
}
