/** The work that runtimes do in different ways: Node, browsers, edge runtimes. */
import type { Client, Transport } from '@connectrpc/connect';
import type { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import type { ArtifactSpec, UploadArtifactResponse } from '../../../gen/artifacta/v1/upload_pb.ts';
import type { Content } from '../artifacts/content.ts';

/** A way to a service, and what closes it. */
export interface Endpoint {
  /** @internal */
  readonly transport: Transport;
  /** Where it leads, for messages, e.g. `grpc://127.0.0.1:50051`. Default: unknown. */
  readonly place?: string;
  /** Closes its connections; calls under way fail. */
  close(): Promise<void>;
}

/** A SHA-256 that is computed piece by piece. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Returns 64 lower-case hexadecimal characters. May be called once, at the end. */
  hex(): string;
}

/** One try to send a content that does not fit into one message. */
export interface Upload {
  /** @internal */
  readonly spec: ArtifactSpec;
  readonly content: Content;
  readonly signal: AbortSignal | undefined;
  /** Called with the number of bytes that were sent, after each piece. */
  readonly onSent: (bytes: number) => void;
  /** Gets the error of the source, if it fails. A transport throws its own failures into the source that feeds it. */
  readonly source: Source;
}

/** The source of an upload, and its failure. */
export interface Source {
  failure?: { readonly error: unknown };
}

/** The parts of a client that only its runtime has. */
export interface Platform {
  /** Begins a digest. */
  sha256(): Sha256;
  /** Returns the SHA-256 of bytes that are in memory. */
  digest(bytes: Uint8Array): Promise<string>;
  /**
   * Makes a request to another place than the service.
   *
   * @internal
   */
  readonly fetch: typeof globalThis.fetch;
  /**
   * Sends a content that does not fit into one message, once. Its end must not look like an end of the content if the
   * source fails or the call is given up.
   *
   * @throws errors of the library or of the source as they are.
   * @internal
   */
  send(upload: Upload, artifacts: Client<typeof ArtifactService>): Promise<UploadArtifactResponse>;
}
