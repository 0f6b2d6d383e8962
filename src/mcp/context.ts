/** Everything that the tools get from the process that offers them. */
import type { Store } from '../client/store.ts';
import type { DefaultSession } from './stdio/default-session.ts';
import type { HostRun } from './stdio/host-run.ts';
import type { LocalFiles } from './stdio/local-files.ts';

/** How this server is reached. */
export interface ToolContext {
  /** Returns the client, and connects it first if necessary. */
  readonly store: () => Promise<Store>;
  /** The files that tools may read and write. Undefined: no tool takes a path, as over HTTP. */
  readonly files?: LocalFiles | undefined;
  /** The session of pushes that name none. Undefined: each push names one, as over HTTP. */
  readonly defaultSession?: DefaultSession | undefined;
  /** The run as the host's hooks report it. Undefined: this server has no tools for hooks alone. */
  readonly hostRun?: HostRun | undefined;
  /** The tools that ask a person for consent. Default: none is offered. */
  readonly consented?: readonly ConsentedTool[] | undefined;
  /** Ends calls under way. Default: only their clients end them. */
  readonly stopping?: AbortSignal | undefined;
  /** The version of this software. */
  readonly version: string;
  readonly now: () => Date;
}

/** Tools that are offered only where enabled, and that ask a person each time; `share` includes `revoke_share`. */
export type ConsentedTool = 'share' | 'delete';
