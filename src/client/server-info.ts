import { createClient, type Transport } from '@connectrpc/connect';
import { InfoService } from '../../gen/artifacta/v1/info_service_pb.ts';
import type { ServerLimits as LimitsMessage } from '../../gen/artifacta/v1/server_info_pb.ts';
import { type CallSettings, type Calls, unary } from './wire/calls.ts';
import { durationMilliseconds } from './wire/times.ts';

/** The version of a service, what it can do, and its limits. */
export interface ServerInfo {
  /** The version of the software, e.g. `0.3.0`. Empty: unknown. */
  readonly version: string;
  /** The full names of its methods, e.g. `artifacta.v1.ArtifactService/GetArtifact`, sorted. */
  readonly methods: readonly string[];
  /** The names of its features, as `server_info.proto` lists them; names of later versions are kept. */
  readonly features: readonly string[];
  /** Whether callers on the network need credentials. */
  readonly authenticationRequired: boolean;
  readonly limits: ServerLimits;
}

/** The limits of a service. Undefined: the service does not know the limit, since it is older than this client. */
export interface ServerLimits {
  /** The length of the largest artifact. */
  readonly maxArtifactBytes: number | undefined;
  /** The length of the longest content in one message. */
  readonly maxInlineBytes: number | undefined;
  /** The size of the largest message of a request, before compression. */
  readonly maxMessageBytes: number | undefined;
  /** The best length of a chunk of an upload. */
  readonly chunkBytes: number | undefined;
  readonly defaultPageSize: number | undefined;
  readonly maxPageSize: number | undefined;
  /** The largest number of artifacts that one call returns by name or id. */
  readonly maxBatchGet: number | undefined;
  readonly maxFilterBytes: number | undefined;
  /** The length of the largest piece that one call reads of an artifact. */
  readonly maxReadBytes: number | undefined;
  readonly maxSessionIdCharacters: number | undefined;
  readonly maxRequestIdCharacters: number | undefined;
  readonly maxNameBytes: number | undefined;
  readonly maxNameSegmentBytes: number | undefined;
  /** These four are limits of metadata, and of labels. */
  readonly maxMetadataKeys: number | undefined;
  readonly maxMetadataKeyBytes: number | undefined;
  readonly maxMetadataValueBytes: number | undefined;
  readonly maxMetadataBytes: number | undefined;
  readonly maxInputs: number | undefined;
  readonly maxExpectedOutputs: number | undefined;
  /** The time for which a request id is remembered. */
  readonly requestIdRetentionMs: number | undefined;
  readonly maxShareLinkTtlMs: number | undefined;
  readonly maxTokenTtlMs: number | undefined;
  readonly minLeaseMs: number | undefined;
  readonly maxLeaseMs: number | undefined;
  /** The deadlines of unary calls: of a call whose client sets none, and the longest. */
  readonly defaultDeadlineMs: number | undefined;
  readonly maxDeadlineMs: number | undefined;
  /** The length of the smallest content that may go straight to the bucket. Undefined: none may. */
  readonly minDirectUploadBytes: number | undefined;
}

/**
 * Returns what the service is. A service that is older than the call fails with UNIMPLEMENTED.
 *
 * @internal
 */
export async function getServerInfo(
  transport: Transport,
  calls: Pick<Calls, 'retry' | 'timeoutMs'>,
  settings: CallSettings = {},
): Promise<ServerInfo> {
  const { getServerInfo: call } = createClient(InfoService, transport);
  const { serverInfo } = await unary(calls, settings, (options) => call({}, options));
  return {
    version: serverInfo?.version ?? '',
    methods: serverInfo?.methods ?? [],
    features: serverInfo?.features ?? [],
    authenticationRequired: serverInfo?.authenticationRequired ?? false,
    limits: limitsFrom(serverInfo?.limits),
  };
}

function limitsFrom(message: LimitsMessage | undefined): ServerLimits {
  const number = (name: NumberName) => Number(message?.[name] ?? 0) || undefined;
  const milliseconds = (name: DurationName) => {
    const duration = message?.[name];
    return duration === undefined ? undefined : durationMilliseconds(duration);
  };
  return {
    maxArtifactBytes: number('maxArtifactBytes'),
    maxInlineBytes: number('maxInlineBytes'),
    maxMessageBytes: number('maxMessageBytes'),
    chunkBytes: number('chunkBytes'),
    defaultPageSize: number('defaultPageSize'),
    maxPageSize: number('maxPageSize'),
    maxBatchGet: number('maxBatchGet'),
    maxFilterBytes: number('maxFilterBytes'),
    maxReadBytes: number('maxReadBytes'),
    maxSessionIdCharacters: number('maxSessionIdCharacters'),
    maxRequestIdCharacters: number('maxRequestIdCharacters'),
    maxNameBytes: number('maxNameBytes'),
    maxNameSegmentBytes: number('maxNameSegmentBytes'),
    maxMetadataKeys: number('maxMetadataKeys'),
    maxMetadataKeyBytes: number('maxMetadataKeyBytes'),
    maxMetadataValueBytes: number('maxMetadataValueBytes'),
    maxMetadataBytes: number('maxMetadataBytes'),
    maxInputs: number('maxInputs'),
    maxExpectedOutputs: number('maxExpectedOutputs'),
    requestIdRetentionMs: milliseconds('requestIdRetention'),
    maxShareLinkTtlMs: milliseconds('maxShareLinkTtl'),
    maxTokenTtlMs: milliseconds('maxTokenTtl'),
    minLeaseMs: milliseconds('minLease'),
    maxLeaseMs: milliseconds('maxLease'),
    defaultDeadlineMs: milliseconds('defaultDeadline'),
    maxDeadlineMs: milliseconds('maxDeadline'),
    minDirectUploadBytes: number('minDirectUploadBytes'),
  };
}

type NumberName = NamesOf<number | bigint>;
type DurationName = Exclude<keyof LimitsMessage, NumberName | '$typeName' | '$unknown'>;
type NamesOf<T> = {
  [K in keyof LimitsMessage]-?: LimitsMessage[K] extends T ? K : never;
}[keyof LimitsMessage];
