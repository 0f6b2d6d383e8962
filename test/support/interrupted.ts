/** Something that happens between what was read before a transaction and the transaction. */
import type { Index } from '../../src/index/door.ts';

/** The index; what `next` gives is called before the next transaction is handed to it, and waited for. */
export function interrupted(index: Index, next: () => (() => Promise<unknown>) | undefined): Index {
  return new Proxy(index, {
    get(real, property) {
      const value = Reflect.get(real, property, real);
      if (property === 'transact')
        return async (transaction: Parameters<Index['transact']>[0]) => {
          await next()?.();
          return await real.transact(transaction);
        };
      return typeof value === 'function' ? value.bind(real) : value;
    },
  });
}
