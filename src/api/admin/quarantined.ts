/** ListQuarantined: the contents that were found damaged. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import type {
  ListQuarantinedRequest,
  ListQuarantinedResponseSchema,
  QuarantinedContentSchema,
} from '../../../gen/artifacta/v1/verify_pb.ts';
import { parseNamespace } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Store } from '../../store/open.ts';
import type { QuarantinedContent } from '../../store/upkeep/quarantined.ts';
import type { Handlers } from '../handlers.ts';
import { parsePageSize } from '../parse.ts';

/** Returns the part of AdminService for damaged contents. */
export function quarantineHandlers(store: Store): Handlers<typeof AdminService> {
  return { listQuarantined: (request, { principal }) => listQuarantined(store, request, principal) };
}

async function listQuarantined(
  store: Store,
  { namespace, pageSize, pageToken }: ListQuarantinedRequest,
  principal: Principal,
): Promise<MessageInitShape<typeof ListQuarantinedResponseSchema>> {
  const ns = namespace === '' ? undefined : parseNamespace('namespace', namespace);
  const asked = { pageSize: parsePageSize(pageSize), pageToken };
  const { items, nextPageToken } = await store.quarantined.page(principal, ns, asked);
  return { contents: items.map(toQuarantinedMessage), nextPageToken };
}

/** Returns a damaged content in the form of the protocol. */
export function toQuarantinedMessage(
  content: QuarantinedContent,
): MessageInitShape<typeof QuarantinedContentSchema> {
  return {
    namespace: content.ns,
    sha256: content.sha256,
    sizeBytes: BigInt(content.size),
    quarantineTime: timestampFromMs(content.time),
    message: content.message,
    artifactIds: [...content.artifacts],
    artifactCount: BigInt(content.artifactCount),
  };
}
