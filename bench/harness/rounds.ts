/** The order of measurements. */
import type { Context } from './target.ts';

interface Round<A, B> {
  readonly ours: A;
  readonly control: B;
}

/**
 * Measures ours and the control once a run, in the order A B B A A B …, so that what drifts slowly (heat, neighbours,
 * how full the disk is) weighs on both. Results of one run belong together: ratios are formed within it.
 */
export async function interleaved<A, B>(
  { runs, say }: Context,
  ours: (run: number) => Promise<A>,
  control: (run: number) => Promise<B>,
): Promise<Round<A, B>[]> {
  const rounds: Round<A, B>[] = [];
  for (let run = 1; run <= runs; run++) {
    say(`run ${run} of ${runs}`);
    if (run % 2 === 1) {
      const first = await ours(run);
      rounds.push({ ours: first, control: await control(run) });
    } else {
      const first = await control(run);
      rounds.push({ ours: await ours(run), control: first });
    }
  }
  return rounds;
}

/**
 * Measures every contestant once a run, forwards and backwards in turn. @returns what each had, in the order of the runs.
 */
export async function inTurns<R extends Readonly<Record<string, unknown>>>(
  { runs, say }: Context,
  contestants: { readonly [K in keyof R]: (run: number) => Promise<R[K]> },
): Promise<{ readonly [K in keyof R]: readonly R[K][] }> {
  const names = Object.keys(contestants) as (keyof R & string)[];
  const results = Object.fromEntries(names.map((name): [string, unknown[]] => [name, []])) as {
    [K in keyof R]: R[K][];
  };
  for (let run = 1; run <= runs; run++)
    for (const name of run % 2 === 1 ? names : names.toReversed()) {
      say(`run ${run} of ${runs}: ${name}`);
      results[name].push(await contestants[name](run));
    }
  return results;
}
