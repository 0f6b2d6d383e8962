/** GetCaller: the caller, as the service identifies it, in the form of the protocol. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { CallerSchema } from '../../../gen/artifacta/v1/caller_pb.ts';
import { type Principal, scopes } from '../../domain/principal.ts';
import { scopeMessages } from '../admin/shared-fields.ts';

/** Returns the caller and its rights. */
export function toCallerMessage(principal: Principal): MessageInitShape<typeof CallerSchema> {
  const { subject, namespace, operator, expireTime, restriction = {} } = principal;
  const { sessions = [], sessionPrefixes = [], namePrefix, pushBytesMax, artifactBytesMax } = restriction;
  const allowed = operator ? scopes : [...principal.scopes].sort();
  return {
    subject,
    namespace,
    scopes: allowed.map((scope) => scopeMessages[scope]),
    isOperator: operator,
    sessions: [...sessions].sort(),
    sessionPrefixes: [...sessionPrefixes].sort(),
    namePrefix: namePrefix ?? '',
    ...(expireTime === undefined ? {} : { expireTime: timestampFromMs(expireTime) }),
    ...(pushBytesMax === undefined ? {} : { maxPushBytes: BigInt(pushBytesMax) }),
    ...(artifactBytesMax === undefined ? {} : { maxArtifactBytes: BigInt(artifactBytesMax) }),
  };
}
