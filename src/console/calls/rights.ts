/** What the reader may do: it decides which actions are shown. */
import { signal } from '@preact/signals';
import type { Rights } from './rights-of.ts';

const unknown: Rights = { canWrite: false, canWriteSessions: false, canShare: undefined, isGuest: false };

/** The rights of the present credentials. None, until they are known. */
export const rights = signal<Rights>(unknown);

let asked: Promise<void> | undefined;

/** Learns the rights, once for each credentials. A call that fails is made again by the next screen. */
export function learnRights(): Promise<void> {
  asked ??= learn();
  return asked;
}

/** Forgets the rights of the credentials before. */
export function forgetRights(): void {
  asked = undefined;
  rights.value = unknown;
}

async function learn(): Promise<void> {
  try {
    const { askRights } = await import('./caller.ts');
    rights.value = await askRights();
  } catch {
    asked = undefined;
    rights.value = { ...unknown, canShare: false };
  }
}
