/**
 * The pauses of maintenance that cannot be undone. A pause is written with its cause, and removed when an operator has
 * looked.
 */
import { Failure } from '../../domain/errors.ts';
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Entry } from '../../index/row.ts';
import { unlessElsewhere } from '../rows/here.ts';
import { transact } from '../rows/transaction.ts';
import { importPauseSetting } from '../rows/waiting.ts';

/** A cause for which maintenance waits. */
export type PauseCause = 'clockSuspect' | 'longGap' | 'imported' | 'manyOrphans' | 'inconsistent';

/** A kind of work that may have to wait. */
type Work =
  /** Freeing expired things; sealing sessions whose lease has lapsed. */
  | 'reap'
  /** Freeing contents that nothing refers to. */
  | 'collect'
  /** Freeing files that no user asked to delete. */
  | 'orphans';

/** One reason for which maintenance waits. */
export interface Pause {
  /** The id of this pause, and of no other one of the same cause. */
  readonly id: string;
  readonly cause: PauseCause;
  /** Milliseconds since the Unix epoch. */
  readonly startTime: number;
  /** The subject of the pause, for people. */
  readonly message: string;
  /** The objects that wait to be removed; absent for causes that are not about objects. */
  readonly objects?: { readonly count: number; readonly bytes: number };
  /** Credentials that are not good before the pause has ended. An operator has to end it; no repair does. */
  readonly credentials?: { readonly keys: number; readonly links: number };
}

/** The causes that are written down: they outlast the process. */
const causes: readonly PauseCause[] = ['imported', 'manyOrphans', 'inconsistent'];

const waitsFor: Readonly<Record<Work, readonly PauseCause[]>> = {
  reap: ['clockSuspect', 'longGap', 'imported'],
  collect: ['clockSuspect', 'imported', 'inconsistent'],
  orphans: ['clockSuspect', 'imported', 'inconsistent', 'manyOrphans'],
};

/** Returns the refusal for a call that resumes another pause than the present one. */
export function anotherPause(id: string): Failure {
  return new Failure(
    'ETAG_MISMATCH',
    `pause_id: must be ${id}, the id of the current pause of maintenance; read the cause first ("artifacta fsck")`,
  );
}

/** Returns the name of the setting with a pause. */
export function pauseSetting(cause: PauseCause): string {
  return cause === 'imported' ? importPauseSetting : `pause/${cause}`;
}

/** Returns the id of a pause that begins. */
export function pauseIdOf(cause: PauseCause, startTime: number): string {
  return `${cause}-${startTime}`;
}

/** Returns the row of a pause that begins. */
export function pauseRow(
  cause: PauseCause,
  startTime: number,
  message: string,
  credentials?: Pause['credentials'],
): Entry {
  const pause: Pause = {
    id: pauseIdOf(cause, startTime),
    cause,
    startTime,
    message,
    ...(credentials === undefined ? {} : { credentials }),
  };
  const { key } = keys.store.setting.put([pauseSetting(cause)], pause);
  return [key, keys.store.setting.encode(pause)];
}

/** Returns the row of a pause for credentials that a restore has brought. Undefined: none of them waits. */
export function restoredPause(
  startTime: number,
  message: string,
  credentials: NonNullable<Pause['credentials']>,
): Entry | undefined {
  const { keys: apiKeys, links } = credentials;
  if (apiKeys + links === 0) return undefined;
  const what = [counted(apiKeys, 'API key'), counted(links, 'share link')].filter((text) => text !== '');
  const id = pauseIdOf('imported', startTime);
  return pauseRow(
    'imported',
    startTime,
    `${message}; ${what.join(' and ')} that came with it do not work yet, because they may have been ` +
      `revoked since: revoke those that must not work, then run \`artifacta fsck --resume ${id}\``,
    credentials,
  );
}

function counted(count: number, noun: string): string {
  return count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Returns the pauses that have not ended. */
export async function readPauses(reader: Reader): Promise<Pause[]> {
  const values = await reader.getMany(causes.map((cause) => keys.store.setting.key(pauseSetting(cause))));
  return values.flatMap((value) => (value === undefined ? [] : [keys.store.setting.decode(value) as Pause]));
}

/**
 * The time for which a pause counts that this process cannot write down, because another one owns the settings of the
 * store. If the cause still exists then, the pause begins again.
 */
const unwrittenMs = 3_600_000;

/** The pauses, which maintenance asks before it does anything that cannot be undone. */
export class Pauses {
  private readonly index: Index;
  private readonly ofTheClock: () => readonly Pause[];
  /** The pauses of this process alone, by their causes. */
  private readonly unwritten = new Map<PauseCause, Pause>();

  /** @param ofTheClock returns the pauses that end with the process. */
  constructor(index: Index, ofTheClock: () => readonly Pause[] = () => []) {
    this.index = index;
    this.ofTheClock = ofTheClock;
  }

  /** Returns all pauses that have not ended. */
  async current(): Promise<Pause[]> {
    const written = [...this.ofTheClock(), ...(await readPauses(this.index))];
    const since = this.index.now() - unwrittenMs;
    for (const { cause, startTime } of this.unwritten.values())
      if (startTime <= since || written.some((one) => one.cause === cause)) this.unwritten.delete(cause);
    return [...written, ...this.unwritten.values()];
  }

  /** True while time may be wrong. This is a pause of the clock, which is not written down. */
  get isClockSuspect(): boolean {
    return this.ofTheClock().some(({ cause }) => cause === 'clockSuspect');
  }

  /** Returns the pauses for which a kind of work waits. */
  async stopping(work: Work): Promise<Pause[]> {
    return (await this.current()).filter(({ cause }) => waitsFor[work].includes(cause));
  }

  /**
   * Begins a pause that outlasts the process. It replaces an earlier pause of its cause, unless that says the same. If
   * another process owns the settings of the store, the pause is one of this process alone, for an hour.
   */
  async begin(cause: PauseCause, message: string): Promise<void> {
    const isWritten = await unlessElsewhere(() => this.write(cause, message));
    if (isWritten) return;
    const startTime = this.index.now();
    this.unwritten.set(cause, { id: pauseIdOf(cause, startTime), cause, startTime, message });
  }

  private write(cause: PauseCause, message: string): Promise<boolean> {
    return transact(this.index, {
      ns: '',
      reads: [keys.store.setting.key(pauseSetting(cause))],
      *decide(tx) {
        const current = tx.get(keys.store.setting, pauseSetting(cause)) as Pause | undefined;
        if (current?.message === message) return true;
        const pause: Pause = { id: pauseIdOf(cause, tx.now), cause, startTime: tx.now, message };
        tx.put(keys.store.setting, [pauseSetting(cause)], pause);
        return true;
      },
    });
  }
}
