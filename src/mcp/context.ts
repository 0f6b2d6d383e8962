/** Everything that the tools get from the process that offers them. */
import type { Store } from '../client/store.ts';
import type { DefaultSession } from './default-session.ts';
import type { LocalFiles } from './local-files.ts';

/** How this server is reached. */
export interface ToolContext {
  /** Returns the client, and connects it first if necessary. */
  readonly store: () => Promise<Store>;
  /** The files that tools may read and write. Undefined: no tool takes a path, as over HTTP. */
  readonly files?: LocalFiles | undefined;
  /** The session of pushes that name none. Undefined: each push names one, as over HTTP. */
  readonly defaultSession?: DefaultSession | undefined;
  /** Makes tickets. Undefined: no tool offers one. */
  readonly makeTicket?: MakeTicket | undefined;
  /** The tools that ask a person for consent. Default: none is offered. */
  readonly consented?: readonly ConsentedTool[] | undefined;
  /** Ends calls under way. Default: only their clients end them. */
  readonly stopping?: AbortSignal | undefined;
  /** The version of this software. */
  readonly version: string;
  readonly now: () => Date;
}

/** A tool that is offered only where it was enabled, and that asks a person each time. */
export type ConsentedTool = 'share' | 'delete';

/** The ticket to make: for the bytes of an artifact, or for one push. */
type TicketWanted =
  | { readonly kind: 'read'; readonly artifactId: string }
  | {
      readonly kind: 'push';
      readonly session: string;
      readonly name: string;
      readonly contentType?: string | undefined;
      readonly metadata?: Readonly<Record<string, string>> | undefined;
      readonly labels?: Readonly<Record<string, string>> | undefined;
      readonly inputs?: readonly string[] | undefined;
    };

/** A URL with which a program moves bytes that a model should not read. It opens without other credentials. */
export interface Ticket {
  readonly id: string;
  /** The path to append to the address of the service's HTTP listener. */
  readonly path: string;
  /** The URL. Undefined: the service does not know its address. */
  readonly uri?: string | undefined;
  readonly expireTime?: Date | undefined;
  /** The number of bytes that it reads, or the most that it takes. */
  readonly size?: number | undefined;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest?: string | undefined;
}

/** Makes a ticket with the rights of the client. @throws ArtifactaError */
type MakeTicket = (store: Store, wanted: TicketWanted, signal: AbortSignal) => Promise<Ticket>;
