/** What every program of Node here does around its action: see README.md of `bench/clients`. */
import { once } from 'node:events';

/** What an action is given. */
export interface Given {
  /** `push`, `stream` or `pull`. */
  readonly action: string;
  /** Of the artifact, in the session `bench`. */
  readonly name: string;
  readonly path: string;
}

/** Says that the program is ready, waits for its turn, and acts; then waits until nobody looks at it any more. */
export async function turn(act: (given: Given) => Promise<void>): Promise<void> {
  const [action, name, path] = process.argv.slice(2) as [string, string, string];
  console.log('ready');
  await once(process.stdin, 'data');
  await act({ action, name, path });
  console.log('done');
  await once(process.stdin, 'end');
}
