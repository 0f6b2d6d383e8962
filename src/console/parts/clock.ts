/** The present time, for what is shown relative to it. */
import { signal } from '@preact/signals';
import { after } from '../base/timer.ts';

/** The time in milliseconds, renewed once a second while the page is visible. */
export const now = signal(Date.now());

/** Keeps the time of the page. Called once. */
export function startClock(): void {
  const tick = () => {
    if (document.visibilityState === 'visible') now.value = Date.now();
    after(1_000, tick);
  };
  tick();
}
