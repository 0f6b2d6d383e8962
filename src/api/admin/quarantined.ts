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
import type { Store } from '../../store/open.ts';
import type { QuarantinedContent } from '../../store/upkeep/quarantined.ts';
import type { Handlers } from '../handlers.ts';
import { parsePageSize } from '../parse.ts';

/** Returns the part of AdminService for damaged contents. */
export function quarantineHandlers(store: Store): Handlers<typeof AdminService> {
  return { listQuarantined: (request) => listQuarantined(store, request) };
}

async function listQuarantined(
  store: Store,
  { namespace, pageSize, pageToken }: ListQuarantinedRequest,
): Promise<MessageInitShape<typeof ListQuarantinedResponseSchema>> {
  const ns = namespace === '' ? undefined : parseNamespace('namespace', namespace);
  const page = await store.quarantined.page(ns, parsePageSize(pageSize), pageToken);
  return { contents: page.contents.map(toQuarantinedMessage), nextPageToken: page.nextPageToken };
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
