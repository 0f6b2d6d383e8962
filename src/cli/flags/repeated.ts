import { Option } from 'commander';

/**
 * Returns a flag with several values, e.g. `--meta a=1 b=2 --meta c=3`. `spreadValues` in `argv.ts` has put the flag
 * before each of its values, so here it takes one at a time; the help shows the form in which it may be written.
 */
export function repeated(flags: string, description: string): Option {
  const option = new Option(flags, description);
  option.variadic = false;
  return option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
}
