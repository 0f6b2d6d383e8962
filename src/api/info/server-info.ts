/** InfoService: the version of the service, what it can do, its limits, and the caller, in the form of the protocol. */
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { InfoService } from '../../../gen/artifacta/v1/info_service_pb.ts';
import {
  type ServerInfo,
  ServerInfoSchema,
  ServerLimitsSchema,
} from '../../../gen/artifacta/v1/server_info_pb.ts';
import { limits } from '../../domain/limits.ts';
import type { Handlers } from '../handlers.ts';
import { toCallerMessage } from './caller.ts';

/** The settings of a service that its clients may know. */
export interface ServedSettings {
  /** The length of the largest artifact. Default {@link limits.artifactBytesMaxDefault}. */
  readonly artifactBytesMax?: number | undefined;
  /** Whether a push to an unknown session opens it. Default true. */
  readonly opensSessions?: boolean | undefined;
  /** Whether callers on the network need credentials. Default false. */
  readonly isAuthenticationRequired?: boolean | undefined;
}

/** The facts that make up a {@link ServerInfo}. */
interface ServerFacts extends ServedSettings {
  /** The version of the software; empty if unknown. */
  readonly version: string;
  /** The full names of all methods. */
  readonly methods: readonly string[];
  /** Whether share links come with a URL. */
  readonly hasShareUrls: boolean;
  /** The size of the smallest direct upload. Default: none are offered. */
  readonly directUploadBytesMin?: number | undefined;
}

/** Returns the methods of InfoService. They use no store, so that they answer in recovery too. */
export function infoHandlers(facts: ServerFacts): Handlers<typeof InfoService> {
  const serverInfo = serverInfoOf(facts);
  return {
    getServerInfo: async () => ({ serverInfo }),
    getCaller: async (_request, { principal }) => ({ caller: toCallerMessage(principal) }),
  };
}

function serverInfoOf(facts: ServerFacts): ServerInfo {
  const { version, methods, isAuthenticationRequired = false } = facts;
  return create(ServerInfoSchema, {
    version,
    methods: [...methods].sort(),
    features: featuresOf(facts),
    limits: limitsOf(facts),
    authenticationRequired: isAuthenticationRequired,
  });
}

/** Returns the names that `server_info.proto` lists, and no others. */
function featuresOf({ opensSessions = true, hasShareUrls, directUploadBytesMin }: ServerFacts): string[] {
  return [
    ...(directUploadBytesMin === undefined ? [] : ['direct-uploads']),
    'seal-durability',
    'session-prefixes',
    ...(opensSessions ? ['sessions-by-push'] : []),
    ...(hasShareUrls ? ['share-urls'] : []),
  ].sort();
}

function limitsOf({
  artifactBytesMax = limits.artifactBytesMaxDefault,
  directUploadBytesMin = 0,
}: ServerFacts) {
  return create(ServerLimitsSchema, {
    maxArtifactBytes: BigInt(artifactBytesMax),
    maxInlineBytes: Math.min(limits.inlineRequestBytesMax, artifactBytesMax),
    maxMessageBytes: limits.messageBytesMax,
    chunkBytes: limits.chunkBytesDefault,
    defaultPageSize: limits.pageSizeDefault,
    maxPageSize: limits.pageSizeMax,
    maxBatchGet: limits.batchGetMax,
    maxFilterBytes: limits.filterBytesMax,
    maxReadBytes: limits.readingAnswerBytesMax,
    maxSessionIdCharacters: limits.sessionIdCharactersMax,
    maxRequestIdCharacters: limits.requestIdCharactersMax,
    maxNameBytes: limits.nameBytesMax,
    maxNameSegmentBytes: limits.nameSegmentBytesMax,
    maxMetadataKeys: limits.metadataKeysMax,
    maxMetadataKeyBytes: limits.metadataKeyBytesMax,
    maxMetadataValueBytes: limits.metadataValueBytesMax,
    maxMetadataBytes: limits.metadataBytesMax,
    maxInputs: limits.inputsMax,
    maxExpectedOutputs: limits.expectedOutputsMax,
    requestIdRetention: durationFromMs(limits.requestIdHoursKept * 3_600_000),
    maxShareLinkTtl: durationFromMs(limits.shareLinkDaysMax * 24 * 3_600_000),
    maxTokenTtl: durationFromMs(limits.tokenSecondsMax * 1_000),
    minLease: durationFromMs(limits.leaseSecondsMin * 1_000),
    maxLease: durationFromMs(limits.leaseSecondsMax * 1_000),
    defaultDeadline: durationFromMs(limits.deadlineSecondsDefault * 1_000),
    maxDeadline: durationFromMs(limits.deadlineSecondsMax * 1_000),
    minDirectUploadBytes: BigInt(directUploadBytesMin),
  });
}
