/** Warnings of Node, of this process and of those that tests start: a timer that overflows, listeners that leak. */

/** Beginnings of warnings that are known and harmless, each with the reason why it is here. */
const allowed: readonly string[] = [];

/** One list for the process: where modules are not shared between files, this one is loaded more than once. */
const place = Symbol.for('artifacta.test.warnings');
const kept = globalThis as { [place]?: string[] };

/** Begins to note what this process warns of; again it changes nothing. */
export function noteWarnings(): void {
  if (kept[place] !== undefined) return;
  kept[place] = [];
  process.on('warning', ({ name, message }) => note(`${name}: ${message}`));
}

/** Notes what a process that has ended has warned of. */
export function noteWarningsIn(stderr: string): void {
  for (const [, warning] of stderr.matchAll(/^\(node:\d+\) (.*Warning: .*)$/gm)) note(warning!);
}

function note(warning: string): void {
  if (!allowed.some((beginning) => warning.startsWith(beginning))) kept[place]?.push(warning);
}

/** What was noted since it was last asked. Node tells of a warning a moment after it was given. */
export async function takeWarnings(): Promise<string[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return kept[place]?.splice(0) ?? [];
}
