/** The run of an agent, as the hooks of its host report it. */
import type { Store } from '../../client/store.ts';
import { type DefaultSession, hasReason } from './default-session.ts';
import type { LocalFiles } from './local-files.ts';

/** The name of the transcript in the session. */
const transcriptName = '.host/transcript.jsonl';
/** Leaves room for `.2` and so on in the id of a session. */
const idCharactersMax = 120;

interface HostRunOptions {
  readonly session: DefaultSession;
  /** The directories with transcripts. Undefined: none is stored. */
  readonly transcripts: LocalFiles | undefined;
  /** Called with faults that no call reports. */
  readonly warn: (message: string) => void;
}

/** A run that has begun. */
interface Begun {
  /** The host's own id of it. */
  readonly hostSession: string;
  readonly opened: Promise<string>;
}

/**
 * Gives the run of a host a session with the host's id, and ends it when the host says so. A host may stop this process
 * a moment later, so that the end is begun at once, and no call waits for it.
 */
export class HostRun {
  private readonly options: HostRunOptions;
  private begun: Begun | undefined;
  private store: Store | undefined;
  private turn: 'unknown' | 'under way' | 'over' = 'unknown';
  private transcript: string | undefined;
  private readonly endings: Promise<void>[] = [];

  constructor(options: HostRunOptions) {
    this.options = options;
  }

  /** A person has asked for something: the agent works. */
  turnBegan(): void {
    this.turn = 'under way';
  }

  /** The agent has finished what it was asked for. @param transcript the path of the transcript, if the host names it. */
  turnEnded(hostSession: string, transcript: string | undefined): void {
    if (this.isAnother(hostSession)) return;
    this.turn = 'over';
    this.transcript = transcript ?? this.transcript;
  }

  /** Returns the id of the session in which to store, which is opened if necessary. */
  async sessionFor(
    hostSession: string,
    store: Store,
    metadata: Readonly<Record<string, string>>,
  ): Promise<string> {
    const { session } = this.options;
    this.store = store;
    if (session.isGiven) return await session.open(store, metadata);
    if (this.begun?.hostSession !== hostSession) this.begin(hostSession, store, metadata);
    const { begun } = this;
    try {
      await begun!.opened;
    } catch (error) {
      if (this.begun === begun) this.begun = undefined;
      throw error;
    }
    // The agent may have opened another one since.
    return await session.open(store, metadata);
  }

  /**
   * Runs `work` with the id of the session. If someone has sealed it, the run goes on in a session of its own, and the
   * work is done once again.
   */
  async within<T>(
    hostSession: string,
    store: Store,
    metadata: Readonly<Record<string, string>>,
    work: (session: string) => Promise<T>,
  ): Promise<T> {
    if (this.turn === 'unknown') this.turn = 'under way';
    const id = await this.sessionFor(hostSession, store, metadata);
    try {
      return await work(id);
    } catch (error) {
      const { session } = this.options;
      if (session.isGiven || !hasReason(error, 'SESSION_SEALED')) throw error;
      if (session.id === id) this.begin(hostSession, store, metadata);
      return await work(await this.sessionFor(hostSession, store, metadata));
    }
  }

  /**
   * The host has ended the run: begins to seal its sessions. Their outcome is succeeded, or cancelled if the agent was
   * at work.
   */
  ended(hostSession: string, transcript: string | undefined): void {
    if (this.isAnother(hostSession)) return;
    const outcome = this.turn === 'under way' ? 'cancelled' : 'succeeded';
    const path = transcript ?? this.transcript;
    const session = this.options.session.id;
    const end = this.options.session.release();
    this.begun = undefined;
    this.transcript = undefined;
    this.turn = 'unknown';
    this.endings.push(
      (async () => {
        await this.keepTranscript(session, path);
        await end(outcome);
      })().catch((error: unknown) => this.options.warn(`cannot seal ${session}: ${String(error)}`)),
    );
  }

  /**
   * Waits for what was begun, and ends what is left.
   *
   * @param inOrder whether the host has closed the connection. If not, it has stopped this process: the sessions are
   *   left to their leases unless the agent has finished what it was asked for.
   */
  async end(inOrder: boolean): Promise<void> {
    await Promise.all(this.endings);
    const isComplete = inOrder || this.turn === 'over';
    if (isComplete) await this.keepTranscript(this.options.session.id, this.transcript);
    await this.options.session.release()(isComplete ? 'succeeded' : undefined);
  }

  private begin(hostSession: string, store: Store, metadata: Readonly<Record<string, string>>): void {
    const name = hostSession.replace(/[^A-Za-z0-9._:-]/g, '-').slice(0, idCharactersMax);
    const opened = this.options.session.openNamed(store, name, { ...metadata, host_session: hostSession });
    opened.catch(() => undefined);
    this.begun = { hostSession, opened };
  }

  private isAnother(hostSession: string): boolean {
    return this.begun !== undefined && this.begun.hostSession !== hostSession;
  }

  private async keepTranscript(session: string | undefined, path: string | undefined): Promise<void> {
    const { store } = this;
    const { transcripts, warn } = this.options;
    if (transcripts === undefined || store === undefined || session === undefined || path === undefined)
      return;
    try {
      await transcripts.read(
        path,
        async (content) => {
          await store.push(content, { session, name: transcriptName, contentType: 'application/x-ndjson' });
        },
        { snapshot: true },
      );
    } catch (error) {
      warn(`cannot store the transcript: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
