/** For what maintenance that cannot be undone waits: written with what caused it, removed when somebody has looked. */
import type { Entry, Reader } from '../index/door.ts';
import { store as keys } from '../index/keys.ts';

/** Why maintenance waits. */
export type PauseCause = 'imported' | 'inconsistent';

export interface Pause {
  /** Names this pause, and no other one of the same cause. */
  readonly id: string;
  readonly cause: PauseCause;
  /** Milliseconds since the Unix epoch. */
  readonly startTime: number;
  /** What it is about, for people. */
  readonly message: string;
}

const causes: readonly PauseCause[] = ['imported', 'inconsistent'];

/** The setting that holds a pause. */
export function pauseSetting(cause: PauseCause): string {
  return `pause/${cause}`;
}

/** The row of a pause that begins. */
export function pauseRow(cause: PauseCause, startTime: number, message: string): Entry {
  const pause: Pause = { id: `${cause}-${startTime}`, cause, startTime, message };
  const { key } = keys.setting.put([pauseSetting(cause)], pause);
  return [key, keys.setting.encode(pause)];
}

/** The pauses that have not ended. */
export async function readPauses(reader: Reader): Promise<Pause[]> {
  const values = await reader.getMany(causes.map((cause) => keys.setting.key(pauseSetting(cause))));
  return values.flatMap((value) => (value === undefined ? [] : [keys.setting.decode(value) as Pause]));
}
