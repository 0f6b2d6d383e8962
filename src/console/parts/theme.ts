/** Light or dark: as the system has it, unless the reader chooses. */
import { effect, signal } from '@preact/signals';

const themes = ['auto', 'light', 'dark'] as const;
const key = 'artifacta.theme';

function kept(): (typeof themes)[number] {
  try {
    return themes.find((theme) => theme === globalThis.localStorage?.getItem(key)) ?? 'auto';
  } catch {
    return 'auto';
  }
}

/** The choice of the reader. */
export const chosenTheme = signal(kept());

/** Goes on to the next choice. */
export function nextTheme(): void {
  const next = themes[(themes.indexOf(chosenTheme.peek()) + 1) % themes.length]!;
  chosenTheme.value = next;
  try {
    localStorage.setItem(key, next);
  } catch {
    // The choice lasts as long as the page.
  }
}

effect(() => {
  if (typeof document !== 'undefined') document.documentElement.dataset.theme = chosenTheme.value;
});
