import { isArtifactId } from './parse.ts';

/** The flags with several values. Each has a test that distinguishes a further value from a file after it. */
const spreading: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['--meta', looksLikePair],
  ['--where', looksLikePair],
  ['--label', looksLikePair],
  ['--retain', looksLikePair],
  ['--input', isArtifactId],
]);

/** Whether a text is an allowed key and a `=`. A file with such a name is written `./a=b`, or after `--`. */
function looksLikePair(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._:/@-]*=/.test(text);
}

/**
 * Repeats a flag before each further value of it, so that `--meta a=1 b=2 file` has the intended meaning: a parser that
 * takes everything up to the next flag would take the file as well. Arguments after `--` stay.
 */
export function spreadValues(argv: readonly string[]): string[] {
  const spread: string[] = [];
  let at = 0;
  while (at < argv.length) {
    const argument = argv[at++]!;
    spread.push(argument);
    if (argument === '--') break;
    const belongs = spreading.get(argument);
    if (belongs === undefined || at >= argv.length) continue;
    spread.push(argv[at++]!);
    while (at < argv.length && belongs(argv[at]!)) spread.push(argument, argv[at++]!);
  }
  return [...spread, ...argv.slice(at)];
}
