/**
 * Ends watches whose credentials end, within a second. A key is read once for all watches with it, or with tokens that
 * were minted with it, however many they are.
 */
import type { Principal } from '../../domain/principal.ts';
import type { After } from '../../domain/timer.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { requireGood } from '../rows/transaction.ts';

/** A watch with its credentials, and the way to end it. */
interface Bearer {
  readonly by: Principal;
  readonly index: Index;
  /** Ends the watch; only the first call counts. */
  fail(error: unknown): void;
}

/** Together with the time that a look takes, this is less than a second. */
const lookEveryMs = 900;

/** The credentials of all watches. */
export class WatchedCredentials {
  private readonly after: After;
  private readonly bearers = new Set<Bearer>();
  private cancel: (() => void) | undefined;

  constructor(after: After) {
    this.after = after;
  }

  /** Follows the credentials of a bearer until {@link remove}. Resolves after they were looked at. */
  async add(bearer: Bearer): Promise<void> {
    const { apiKey, expireTime } = bearer.by;
    if (apiKey === undefined && expireTime === undefined) return;
    this.bearers.add(bearer);
    this.wait();
    // They may have ended since their bearer was let in.
    await look([bearer]);
  }

  remove(bearer: Bearer): void {
    this.bearers.delete(bearer);
    if (this.bearers.size > 0) return;
    this.cancel?.();
    this.cancel = undefined;
  }

  private wait(): void {
    this.cancel ??= this.after(lookEveryMs, () => {
      void look(this.bearers).then(() => {
        this.cancel = undefined;
        if (this.bearers.size > 0) this.wait();
      });
    });
  }
}

/** Ends the watches whose credentials are not good now. Does not reject: if a key cannot be read, its watches end. */
async function look(bearers: Iterable<Bearer>): Promise<void> {
  const byIndex = Map.groupBy(bearers, ({ index }) => index);
  for (const [index, some] of byIndex) {
    const ids = [...new Set(some.flatMap(({ by: { apiKey } }) => apiKey ?? []))];
    try {
      const values = await index.getMany(ids.map((id) => keys.credentials.apiKey.key(id)));
      const records = new Map(
        ids.map((id, at) => [id, values[at] && keys.credentials.apiKey.decode(values[at])]),
      );
      const now = index.now();
      for (const bearer of some)
        endUnless(bearer, () => requireGood(bearer.by, records.get(bearer.by.apiKey ?? ''), now));
    } catch (error) {
      for (const bearer of some) bearer.fail(error);
    }
  }
}

function endUnless(bearer: Bearer, requireIt: () => void): void {
  try {
    requireIt();
  } catch (error) {
    bearer.fail(error);
  }
}
