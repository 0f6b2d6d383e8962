/** Runs reads that are written as {@link Asking}, over durable rows. */
import type { Asking, Reader, Rows } from './door.ts';
import { LoadedRows } from './loaded-rows.ts';

/** Runs a look-up to its end. Each round is one read of all its keys. Throws the errors of the look-up. */
export async function lookUp<T>(reader: Pick<Reader, 'getMany'>, ask: (rows: Rows) => Asking<T>): Promise<T> {
  const rows = new LoadedRows();
  const run = ask(rows);
  for (;;) {
    const next = run.next();
    if (next.done) return next.value;
    const lacking = rows.lacking(next.value);
    if (lacking.size === 0) continue;
    const values = await reader.getMany([...lacking.values()]);
    let at = 0;
    for (const text of lacking.keys()) rows.give(text, values[at++]);
  }
}
