/** The free space, and the reserve that is kept back so that a full disk never stops deletions, seals and the index. */
import type { BlobStore } from '../../blobs/blob-store.ts';
import { Failure } from '../../domain/errors.ts';
import type { Index } from '../../index/door.ts';

const GiB = 1024 ** 3;
/** The system is asked at most once in this time, in milliseconds. */
const askEveryMs = 1_000;

/** The remaining space, in bytes. */
export interface SpaceStatus {
  readonly freeBytes: number;
  /** Uploads are refused if less than this would be free. */
  readonly reserveBytes: number;
}

/** The time when more room may come by itself, without an action of a user. */
export type NextRoom =
  /** Not before this time, in milliseconds since the Unix epoch; if it is past: as soon as the reaper comes. */
  | { readonly kind: 'at'; readonly time: number }
  /** Some things could be removed, and wait until an operator has looked. */
  | { readonly kind: 'paused' }
  | { readonly kind: 'never' };

/** A question to the system. */
interface Asked {
  readonly at: number;
  readonly since: number;
  readonly status: Promise<SpaceStatus | undefined>;
  /** The answer, when it has come. */
  known?: SpaceStatus | undefined;
}

/** The optional parts of a {@link Space}. */
interface SpaceOptions {
  /**
   * Returns milliseconds from any origin: the index's time may stand still for minutes. Default: the clock of the
   * process.
   */
  readonly elapsed?: () => number;
  /** Default: refusals do not say when more room may come. */
  readonly nextRoom?: () => Promise<NextRoom>;
}

/** The default: the larger of 1 GiB and 5 % of the file system, but at most 10 % of it. */
export function defaultReserve(totalBytes: number): number {
  return Math.floor(Math.min(Math.max(GiB, totalBytes * 0.05), totalBytes * 0.1));
}

/**
 * Watches the free space where contents are written. Between two looks at the system, it does not know how much of it
 * is used.
 */
export class Space {
  private readonly blobs: BlobStore;
  private readonly index: Pick<Index, 'now'>;
  private readonly reserveBytes: number | undefined;
  private readonly elapsed: () => number;
  private readonly findNextRoom: (() => Promise<NextRoom>) | undefined;
  private asked: Asked | undefined;
  /** The prediction of room, made with the answer `asked` of the system and as old as that. */
  private room: { readonly asked: unknown; readonly next: Promise<NextRoom | undefined> } | undefined;

  /** @param reserveBytes 0 for none. Default {@link defaultReserve}. */
  constructor(
    blobs: BlobStore,
    index: Pick<Index, 'now'>,
    reserveBytes: number | undefined,
    { elapsed = () => performance.now(), nextRoom }: SpaceOptions = {},
  ) {
    this.blobs = blobs;
    this.index = index;
    this.reserveBytes = reserveBytes;
    this.elapsed = elapsed;
    this.findNextRoom = nextRoom;
  }

  /** Returns the free space; undefined where it is unknown. The answer is at most a second old. */
  status(): Promise<SpaceStatus | undefined> {
    return this.latest().status;
  }

  private latest(): Asked {
    const at = this.index.now();
    const since = this.elapsed();
    if (this.asked !== undefined && at - this.asked.at < askEveryMs && since - this.asked.since < askEveryMs)
      return this.asked;
    const asked: Asked = { at, since, status: this.ask() };
    asked.status.then(
      (status) => {
        asked.known = status;
      },
      // Callers that need it get the error.
      () => undefined,
    );
    this.asked = asked;
    return asked;
  }

  /** True if room is known to be left for this many bytes. False: {@link lack} has to find out. */
  hasRoom(bytes: number): boolean {
    if (this.reserveBytes === 0) return true;
    const { known } = this.latest();
    return known !== undefined && known.freeBytes >= known.reserveBytes + bytes;
  }

  private async ask(): Promise<SpaceStatus | undefined> {
    const space = await this.blobs.space();
    if (space === undefined) return undefined;
    const { freeBytes, totalBytes } = space;
    return { freeBytes, reserveBytes: this.reserveBytes ?? defaultReserve(totalBytes) };
  }

  /** Returns the failure if no room is left for this many bytes; undefined if room is left. */
  async lack(bytes: number): Promise<Failure | undefined> {
    if (this.reserveBytes === 0) return undefined;
    const status = await this.status();
    if (status === undefined || status.freeBytes >= status.reserveBytes + bytes) return undefined;
    const { freeBytes, reserveBytes } = status;
    return await this.sayingWhen(
      new Failure(
        'STORAGE_FULL',
        `${freeBytes} bytes are free for contents, and ${reserveBytes} bytes must stay free`,
        { metadata: { free_bytes: String(freeBytes), reserve_bytes: String(reserveBytes) } },
      ),
    );
  }

  /** Returns the same failure; if it is a lack of room, with the time when more room may come. */
  async sayingWhen<E>(failure: E): Promise<E | Failure> {
    if (!(failure instanceof Failure) || failure.reason !== 'STORAGE_FULL') return failure;
    const next = await this.nextRoom();
    if (next === undefined) return failure;
    const { message, metadata, cause } = failure;
    const time = next.kind === 'at' ? { room_time: new Date(next.time).toISOString() } : {};
    const detail = { metadata: { ...metadata, ...time }, cause };
    return new Failure('STORAGE_FULL', `${message}; ${this.roomText(next)}`, detail);
  }

  /** Undefined: this is not known. The look-up is shared by all calls that are refused in the same second. */
  private nextRoom(): Promise<NextRoom | undefined> {
    if (this.room === undefined || this.room.asked !== this.asked)
      this.room = {
        asked: this.asked,
        next: this.findNextRoom?.().catch(() => undefined) ?? Promise.resolve(undefined),
      };
    return this.room.next;
  }

  private roomText(next: NextRoom): string {
    if (next.kind === 'never') return 'no stored data will expire soon: delete artifacts, or add disk space';
    if (next.kind === 'paused')
      return 'nothing is removed while maintenance is paused: "artifacta fsck" shows the cause and what ends the pause';
    if (next.time <= this.index.now()) return 'space is freed when the reaper runs';
    return `space is freed at ${new Date(next.time).toISOString()} at the earliest, if the reaper runs`;
  }

  /** @throws Failure STORAGE_FULL if no room is left for this many bytes. */
  async require(bytes: number): Promise<void> {
    const failure = await this.lack(bytes);
    if (failure !== undefined) throw failure;
  }
}
