/// <reference lib="esnext.disposable" preserve="true" />
/** The exports of `import … from 'artifacta'`: the client, and the names of its parameters and results. */
export type {
  Access,
  ApiKey,
  MintedToken,
  Namespace,
  NewApiKey,
  Quota,
  TokenGrant,
  TokenWanted,
  Usage,
} from './admin/access.ts';
export type { Admin, Checked, Finding, StoreStatus, VerifyEvent, VerifyOptions } from './admin/admin.ts';
export type {
  Collected,
  CollectOptions,
  Exported,
  ExportOptions,
  Maintenance,
  MaintenanceOptions,
  Quarantined,
  Reaped,
  Scrubbed,
  ScrubOptions,
} from './admin/maintenance.ts';
export type { Pause } from './admin/pause.ts';
export type {
  ApplyOptions,
  Policies,
  PolicyOptions,
  RetentionChange,
  RetentionPolicy,
} from './admin/policies.ts';
export type { UsageCount, UsagePart, UsageScope } from './admin/usage.ts';
export type { Artifact, ArtifactRef } from './artifacts/artifact.ts';
export type { ArtifactChanges, BatchResult, DeleteOptions } from './artifacts/artifacts.ts';
export type { BlobContent, Content, PushContent, StreamContent } from './artifacts/content.ts';
export type { DigestOptions } from './artifacts/digest.ts';
export type { Download, DownloadOptions } from './artifacts/download.ts';
export type { FieldValues, FieldValuesQuery } from './artifacts/field-values.ts';
export type { GoneArtifact, GoneQuery } from './artifacts/gone.ts';
export type { LineageEdge, LineageQuery } from './artifacts/lineage.ts';
export type { LinkQuery, Links, NewShareLink, ShareLink, ShareOptions } from './artifacts/links.ts';
export type {
  Expiry,
  Pushed,
  PushOptions,
  PushProgress,
  PushSettings,
  PushSpec,
} from './artifacts/push-spec.ts';
export type { ArtifactPage, ArtifactQuery, PageQuery } from './artifacts/query.ts';
export type {
  ArtifactPiece,
  CsvOptions,
  GrepOptions,
  LineMatch,
  ReadOptions,
  ReadWindow,
} from './artifacts/reading.ts';
export type { Text } from './artifacts/text.ts';
export type { Ticket, TicketOptions, TicketTarget } from './artifacts/tickets.ts';
export type { Caller } from './caller.ts';
export type { AnyTransport, ArtifactaClient, ClientOptions } from './client.ts';
export {
  ArtifactaError,
  type ErrorDetail,
  ForeignService,
  type Reason,
  type StatusCode,
  UntrustedService,
  type Violation,
} from './errors.ts';
export { CannotWrite } from './files/cannot-write.ts';
export { sha256Of } from './files/digest.ts';
export { type FileOptions, FileUnsuitable, fileContent } from './files/file.ts';
export type { FileSession } from './files/file-session.ts';
export type { PullOptions } from './files/pull.ts';
export { NameRefused } from './files/target-names.ts';
export type { Scope } from './scopes.ts';
export type { ServerInfo, ServerLimits } from './server-info.ts';
export type { CompareOptions, Difference, DifferenceKind } from './sessions/comparison.ts';
export type { SessionHandle } from './sessions/handle.ts';
export type { ManifestLine } from './sessions/manifest.ts';
export type { Outcome, Retention, Session } from './sessions/session.ts';
export type {
  OpenOptions,
  SealOptions,
  SessionChanges,
  SessionQuery,
  Sessions,
} from './sessions/sessions.ts';
export type { SessionEvent, WaitOptions, WatchOptions } from './sessions/watch.ts';
export type { Store, StoreOptions } from './store.ts';
export type { CallSettings } from './wire/calls.ts';
export type { Pem, TlsOptions } from './wire/endpoint.ts';
export type { Explanation } from './wire/explanation.ts';
export type { Credentials } from './wire/headers.ts';
export type { PageOptions } from './wire/pages.ts';
export { type RetryPolicy, retryDefaults } from './wire/retry.ts';
