/**
 * An index that checks every transaction: it writes rows of one owner only, the one that its `ns` names, and reads rows
 * of other owners only in the families that `keys.ts` lists for that. Stores of tests are opened over it.
 */
import type { Index, Transaction, Tx } from '../../src/index/door.ts';
import type { Family } from '../../src/index/family.ts';
import { keys } from '../../src/index/keys.ts';
import type { Key, Value, Write } from '../../src/index/row.ts';
import { rowOwner } from '../../src/index/row-owner.ts';
import { openStore, type Store, type StoreOptions } from '../../src/store/open.ts';

/** The codes of the families whose rows decisions read although another owner may write them: see `keys.ts`. */
const readByOthers: ReadonlySet<number> = new Set([keys.credentials.apiKey.code, keys.links.record.code]);

/** Opens a store whose transactions are checked. */
export function openCheckedStore(options: StoreOptions): Promise<Store> {
  return openStore({ ...options, index: checkingOwners(options.index) });
}

/** @param onFault called with each fault, before the transaction fails with it. Default: the run of the tests fails. */
export function checkingOwners(index: Index, onFault: (fault: Error) => void = failRun): Index {
  // Not over the index itself: a test may have frozen it.
  return new Proxy({} as Index, {
    get(_target, property) {
      const value = Reflect.get(index, property, index);
      if (property === 'transact')
        return (transaction: Transaction<unknown>) => index.transact(checked(transaction, onFault));
      return typeof value === 'function' ? value.bind(index) : value;
    },
  });
}

/** The store may swallow the failure of the transaction; an error that nobody catches ends the run. */
function failRun(fault: Error): void {
  setImmediate(() => {
    throw fault;
  });
}

function checked<T>(transaction: Transaction<T>, onFault: (fault: Error) => void): Transaction<T> {
  return {
    ...transaction,
    *decide(tx) {
      return yield* transaction.decide(new CheckedTx(tx, onFault));
    },
  };
}

class CheckedTx implements Tx {
  private readonly tx: Tx;
  private readonly onFault: (fault: Error) => void;

  constructor(tx: Tx, onFault: (fault: Error) => void) {
    this.tx = tx;
    this.onFault = onFault;
  }

  get ns() {
    return this.tx.ns;
  }

  get now() {
    return this.tx.now;
  }

  get written() {
    return this.tx.written;
  }

  random(length: number) {
    return this.tx.random(length);
  }

  mintId() {
    return this.tx.mintId();
  }

  dryRun() {
    return this.tx.dryRun();
  }

  get<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): V | undefined {
    const key = family.key(...parts);
    this.requireReadable(key, this.tx.value(key));
    return this.tx.get(family, ...parts);
  }

  value(key: Key): Value | undefined {
    const value = this.tx.value(key);
    this.requireReadable(key, value);
    return value;
  }

  put<P extends readonly unknown[], V>(family: Family<P, V>, parts: P, value: V): void {
    this.write(family.put(parts, value));
  }

  del<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): void {
    this.write(family.del(...parts));
  }

  write(write: Write): void {
    const known = rowOwner(write.key, write.type === 'put' ? write.value : undefined);
    // Only the row itself says to whom it belonged; a decision that removes it has read it.
    const owner = known ?? rowOwner(write.key, this.tx.value(write.key));
    if (owner !== undefined && owner !== this.ns) this.fail('writes', write.key, owner);
    this.tx.write(write);
  }

  private requireReadable(key: Key, value: Value | undefined): void {
    const owner = rowOwner(key, value);
    if (owner === undefined || owner === this.ns || readByOthers.has(key[0]!)) return;
    this.fail('reads', key, owner);
  }

  private fail(does: string, key: Key, owner: string): never {
    const name = (ns: string) => (ns === '' ? 'the store as a whole' : `the namespace ${ns}`);
    const row = Buffer.from(key).toString('hex');
    const fault = new Error(`a transaction of ${name(this.ns)} ${does} the row ${row} of ${name(owner)}`);
    this.onFault(fault);
    throw fault;
  }
}
