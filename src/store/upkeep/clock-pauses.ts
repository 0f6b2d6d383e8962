/** The pauses because of the clock, and the parts of them that the store keeps. */
import type { Confirmation, LongGap, ServiceClock, Suspicion } from '../../index/clock/clock.ts';
import type { Index } from '../../index/door.ts';
import { newestOfRings } from '../../index/engine/commits.ts';
import { keys } from '../../index/keys.ts';
import { ifHere } from '../rows/here.ts';
import { transact } from '../rows/transaction.ts';
import { anotherPause, type Pause } from './pauses.ts';

/** The setting with a {@link Confirmation}. */
const confirmationSetting = 'clockConfirmed';
/** The setting with the last long gap. */
const gapSetting = 'longGap';

/** Returns the pauses that end with the process. */
export function clockPauses(clock: ServiceClock): Pause[] {
  const { suspicion, gap } = clock;
  return [
    ...(suspicion === undefined ? [] : [suspicionPause(suspicion)]),
    ...(gap === undefined ? [] : [gapPause(gap)]),
  ];
}

function suspicionPause(suspicion: Suspicion): Pause {
  const { startTime, cause, wall, time, agreedMs } = suspicion;
  const id = `clockSuspect-${suspicion.id}`;
  const [direction, difference] = [wall < time ? 'behind' : 'ahead of', inWords(Math.abs(wall - time))];
  const why =
    cause === 'behindMark'
      ? 'when the store was opened, the wall clock was behind the newest commit of the store'
      : 'the wall clock was set while the service ran';
  const good = cause === 'behindMark' ? 'the wall clock has not been behind' : 'both times have agreed';
  const agreement =
    agreedMs > 0
      ? `the pause ends when ${good} for 5 min (so far ${inWords(agreedMs)})`
      : `the pause ends when ${good} for 5 min`;
  return {
    id,
    cause: 'clockSuspect',
    startTime,
    message:
      `${why}. The wall clock shows ${iso(wall)}, ${difference} ${direction} ${iso(time)}, the time ` +
      'that the service uses. Pushes and reads continue, but work that cannot be undone is paused; ' +
      `${agreement}. If the wall clock is right, run artifacta fsck --resume ${id}`,
  };
}

function gapPause({ id, from, to, leftMs }: LongGap): Pause {
  return {
    id: `longGap-${id}`,
    cause: 'longGap',
    startTime: to,
    message:
      `by the clock, nothing was written for ${inWords(to - from)}, from ${iso(from)} to ${iso(to)}. Expired data is ` +
      `freed once the service has run for 5 min (${inWords(leftMs)} from now), or after a restart. If the clock is ` +
      `right, you need do nothing; to end the wait now, run artifacta fsck --resume longGap-${id}`,
  };
}

/**
 * Gives the clock an index that was opened.
 *
 * @returns a function to call when the index can be written to.
 */
export async function beginClock(
  index: Index,
  clock: ServiceClock | undefined,
): Promise<(warn: (message: string) => void) => Promise<void>> {
  if (clock === undefined) return async () => undefined;
  const confirmed = await index.get(keys.store.setting.key(confirmationSetting));
  const { time } = await newestOfRings(index);
  const isGap = clock.begin(time, confirmed && (keys.store.setting.decode(confirmed) as Confirmation));
  return async (warn) => {
    if (!isGap) return;
    // Without this row, the next start waits as this one does. The service serves all the same.
    await ifHere(index, '', () => noteGap(index)).catch((error: unknown) =>
      warn(
        'cannot record that the long gap without writes is over, so after a restart the service waits again before it ' +
          `frees expired data: ${String(error)}`,
      ),
    );
  };
}

/** Any commit ends the gap for the next start; this is one. */
async function noteGap(index: Index): Promise<void> {
  await transact(index, {
    ns: '',
    reads: [],
    *decide(tx) {
      tx.put(keys.store.setting, [gapSetting], tx.now);
    },
  });
}

/**
 * Ends a pause of the clock; other pauses are left alone. @throws Failure ETAG_MISMATCH for another pause of the same
 * cause.
 */
export async function resumeClock(
  index: Index,
  clock: ServiceClock | undefined,
  pauseId: string,
): Promise<void> {
  if (clock === undefined) return;
  for (const { id, cause } of clockPauses(clock)) {
    if (!pauseId.startsWith(`${cause}-`)) continue;
    if (id !== pauseId) throw anotherPause(id);
    if (cause === 'longGap') clock.endGap();
    else {
      const confirmation = clock.confirmation();
      await writeConfirmation(index, confirmation);
      clock.confirm(confirmation);
    }
  }
}

/** Keeps the confirmation of an operator. Undefined: earlier confirmations do not count any more. */
async function writeConfirmation(index: Index, confirmation: Confirmation | undefined): Promise<void> {
  await transact(index, {
    ns: '',
    reads: [keys.store.setting.key(confirmationSetting)],
    *decide(tx) {
      if (confirmation !== undefined) tx.put(keys.store.setting, [confirmationSetting], confirmation);
      else if (tx.get(keys.store.setting, confirmationSetting) !== undefined)
        tx.del(keys.store.setting, confirmationSetting);
    },
  });
}

function iso(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms since 1970` : date.toISOString();
}

/** Returns a length of time in its two largest units. */
function inWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
