/** The sessions that match a filter, kept up to date while they are shown. */
import { signal } from '@preact/signals';
import type { QueryExplanation } from '../../../gen/artifacta/v1/query_pb.ts';
import type { Session } from '../../../gen/artifacta/v1/session_pb.ts';
import { pause } from '../base/timer.ts';
import { sessions } from '../calls/clients.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';
import { refreshed } from './merge.ts';

const pageSize = 100;
/** How long to wait between two looks for what is new, in milliseconds, and the number of sessions that are looked at. */
const lookMs = 500;
const lookSize = 40;

/** What a list knows. */
interface Listed {
  readonly sessions: readonly Session[];
  /** Empty: all are listed. */
  readonly nextPageToken: string;
  readonly explanation: QueryExplanation | undefined;
  readonly failure: Failure | undefined;
  /** False until the first answer. */
  readonly isKnown: boolean;
}

const nothing: Listed = {
  sessions: [],
  nextPageToken: '',
  explanation: undefined,
  failure: undefined,
  isKnown: false,
};

/** One list, which looks for news until it is disposed of. */
export class SessionList implements Disposable {
  readonly state = signal(nothing);
  private readonly filter: string;
  private readonly explain: boolean;
  private readonly ended = new AbortController();
  private isLoadingMore = false;

  constructor(filter: string, explain: boolean) {
    this.filter = filter;
    this.explain = explain;
    void this.run();
  }

  [Symbol.dispose](): void {
    this.ended.abort();
  }

  /** Lists the next page, if any. */
  async more(): Promise<void> {
    const { nextPageToken } = this.state.peek();
    if (nextPageToken === '' || this.isLoadingMore) return;
    this.isLoadingMore = true;
    try {
      const page = await this.page(nextPageToken, pageSize);
      const { sessions: known } = this.state.peek();
      const uids = new Set(known.map(({ uid }) => uid));
      const added = page.sessions.filter(({ uid }) => !uids.has(uid));
      this.change({ sessions: [...known, ...added], nextPageToken: page.nextPageToken });
    } catch (error) {
      if (!isCancelled(error)) this.change({ failure: failureOf(error) });
    } finally {
      this.isLoadingMore = false;
    }
  }

  private async run(): Promise<void> {
    const { signal: over } = this.ended;
    while (!over.aborted) {
      if (document.visibilityState === 'visible') {
        const isFinal = await this.look();
        if (isFinal) return;
      }
      await pause(lookMs, over);
    }
  }

  /** Reads the first page again. Returns true if no further look can succeed. */
  private async look(): Promise<boolean> {
    try {
      const before = this.state.peek();
      const page = await this.page('', before.isKnown ? lookSize : pageSize);
      const merged = refreshed(before.sessions, page.sessions, page.nextPageToken === '');
      const last = page.sessions.at(-1);
      // The pages that were read before go on where they did, unless none of them is left.
      const isJoined = before.sessions.some(({ uid }) => uid === last?.uid);
      const nextPageToken =
        page.nextPageToken === '' || !isJoined ? page.nextPageToken : before.nextPageToken;
      this.change({ sessions: merged, nextPageToken });
      this.change({ explanation: page.explanation, failure: undefined, isKnown: true });
      return false;
    } catch (error) {
      if (isCancelled(error)) return true;
      const failure = failureOf(error);
      this.change({ failure });
      return !failure.isPassing;
    }
  }

  private page(pageToken: string, pageSize: number) {
    const { filter, explain } = this;
    return sessions.listSessions({ filter, explain, pageSize, pageToken }, { signal: this.ended.signal });
  }

  private change(changes: Partial<Listed>): void {
    if (this.ended.signal.aborted) return;
    const before = this.state.peek();
    const isSame = Object.entries(changes).every(([name, value]) => before[name as keyof Listed] === value);
    if (!isSame) this.state.value = { ...before, ...changes };
  }
}
