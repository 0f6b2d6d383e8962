/** For what maintenance that cannot be undone waits: written with what caused it, removed when somebody has looked. */
import { Failure } from '../../domain/errors.ts';
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Entry } from '../../index/row.ts';
import { transact } from '../rows/transaction.ts';
import { importPauseSetting } from '../rows/waiting.ts';

/** Why maintenance waits. */
export type PauseCause = 'clockSuspect' | 'longGap' | 'imported' | 'manyOrphans' | 'inconsistent';

/** What may have to wait. */
type Work =
  /** Freeing what has expired; sealing what has lapsed. */
  | 'reap'
  /** Freeing contents that nothing refers to. */
  | 'collect'
  /** Freeing what nobody asked to delete. */
  | 'orphans';

/** One thing that maintenance waits for. */
export interface Pause {
  /** Names this pause, and no other one of the same cause. */
  readonly id: string;
  readonly cause: PauseCause;
  /** Milliseconds since the Unix epoch. */
  readonly startTime: number;
  /** What it is about, for people. */
  readonly message: string;
  /** What waits to be removed; absent for causes that are not about objects. */
  readonly objects?: { readonly count: number; readonly bytes: number };
  /** Credentials that do not answer before it has ended: an operator has to say so, no repair does. */
  readonly credentials?: { readonly keys: number; readonly links: number };
}

/** Causes that are written down: they outlast the process. */
const causes: readonly PauseCause[] = ['imported', 'manyOrphans', 'inconsistent'];

const heldBy: Readonly<Record<Work, readonly PauseCause[]>> = {
  reap: ['clockSuspect', 'longGap', 'imported'],
  collect: ['clockSuspect', 'imported', 'inconsistent'],
  orphans: ['clockSuspect', 'imported', 'inconsistent', 'manyOrphans'],
};

/** What is answered to whoever resumes another pause than there is. */
export function anotherPause(id: string): Failure {
  return new Failure('ETAG_MISMATCH', `pause_id: maintenance waits for another reason now: ${id}`);
}

/** The setting that holds a pause. */
export function pauseSetting(cause: PauseCause): string {
  return cause === 'imported' ? importPauseSetting : `pause/${cause}`;
}

/** Names a pause that begins. */
export function pauseIdOf(cause: PauseCause, startTime: number): string {
  return `${cause}-${startTime}`;
}

/** The row of a pause that begins. */
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

/** The row of a pause for credentials that a restore has brought; undefined: none of them waits. */
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
    `${message}; ${what.join(' and ')} that came with it may have been revoked since and wait: revoke what must not answer, then \`artifacta fsck --resume ${id}\``,
    credentials,
  );
}

function counted(count: number, noun: string): string {
  return count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The pauses that have not ended. */
export async function readPauses(reader: Reader): Promise<Pause[]> {
  const values = await reader.getMany(causes.map((cause) => keys.store.setting.key(pauseSetting(cause))));
  return values.flatMap((value) => (value === undefined ? [] : [keys.store.setting.decode(value) as Pause]));
}

/** What maintenance has to ask before it does anything that cannot be undone. */
export class Pauses {
  private readonly index: Index;
  private readonly ofTheClock: () => readonly Pause[];

  /** @param ofTheClock those that end with the process. */
  constructor(index: Index, ofTheClock: () => readonly Pause[] = () => []) {
    this.index = index;
    this.ofTheClock = ofTheClock;
  }

  /** All that have not ended. */
  async current(): Promise<Pause[]> {
    return [...this.ofTheClock(), ...(await readPauses(this.index))];
  }

  /** True while time may be wrong; it is a pause of the clock, which is not written down. */
  get isClockSuspect(): boolean {
    return this.ofTheClock().some(({ cause }) => cause === 'clockSuspect');
  }

  /** Those for which a kind of work waits. */
  async holding(work: Work): Promise<Pause[]> {
    return (await this.current()).filter(({ cause }) => heldBy[work].includes(cause));
  }

  /** Begins one that outlasts the process; in the place of an earlier one of its cause, unless that says the same. */
  async begin(cause: PauseCause, message: string, objects?: Pause['objects']): Promise<void> {
    await transact(this.index, {
      ns: '',
      reads: [keys.store.setting.key(pauseSetting(cause))],
      *decide(tx) {
        const held = tx.get(keys.store.setting, pauseSetting(cause)) as Pause | undefined;
        if (held?.message === message) return;
        const pause: Pause = { id: pauseIdOf(cause, tx.now), cause, startTime: tx.now, message };
        tx.put(
          keys.store.setting,
          [pauseSetting(cause)],
          objects === undefined ? pause : { ...pause, objects },
        );
      },
    });
  }
}
