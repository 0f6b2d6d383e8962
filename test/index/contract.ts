/** The contract of `src/index/door.ts`, which every engine keeps. The clauses are numbered as there. */
import { describe } from 'vitest';
import { backgroundContract } from './contract-background.ts';
import { cacheContract } from './contract-cache.ts';
import { durabilityContract } from './contract-durability.ts';
import { limitsContract } from './contract-limits.ts';
import { listContract } from './contract-lists.ts';
import { readsContract } from './contract-reads.ts';
import { reopeningContract } from './contract-reopening.ts';
import { transactionsContract } from './contract-transactions.ts';
import type { OpenRig } from './support.ts';

export function indexContract(name: string, open: OpenRig): void {
  describe(`the index contract: ${name}`, () => {
    transactionsContract(open);
    durabilityContract(open);
    reopeningContract(open);
    readsContract(open);
    limitsContract(open);
    backgroundContract(open);
    cacheContract(open);
    listContract(open);
  });
}
