/**
 * The API keys and share links of an export, as they are restored. A credential that was revoked since stays revoked.
 * If the index that is replaced cannot be read, or is of another store, this cannot be known. Then all of them wait for
 * an operator.
 */
import type { Index } from '../../index/door.ts';
import type { Replacement } from '../../index/home.ts';
import { keys } from '../../index/keys.ts';
import type { ApiKeyRecord, ShareLinkRecord } from '../../index/records.ts';
import type { Entry } from '../../index/row.ts';
import { isEnded as isEndedKey, putKey } from '../rows/key-rows.ts';
import { isEnded as isEndedLink } from '../rows/link-rows.ts';
import { Draft, transact } from '../rows/transaction.ts';
import { importPauseId } from '../rows/waiting.ts';

/** The numbers of credentials that wait. */
export interface WaitingCredentials {
  readonly keys: number;
  readonly links: number;
}

/** The fields that keys and links have in common. */
interface Credential {
  readonly revokeTime?: number;
  readonly waits?: string;
}

const { apiKey } = keys.credentials;
const link = keys.links.record;

/** Decides for each credential of an export what it becomes when it is restored, and counts those that wait. */
export class RestoredCredentials {
  private readonly present: Index | undefined;
  private readonly pauseId: string;
  private readonly now: number;
  /** The pause for which credentials of the present index wait. */
  private waitsFor: string | undefined;
  private readonly count = { keys: 0, links: 0 };

  private constructor(present: Index | undefined, pauseId: string, now: number) {
    this.present = present;
    this.pauseId = pauseId;
    this.now = now;
  }

  /**
   * @param present the index that is replaced, if it is of the same store. @param pauseId the pause for credentials
   * that have to wait.
   * @param now milliseconds since the Unix epoch.
   */
  static async over(present: Index | undefined, pauseId: string, now: number): Promise<RestoredCredentials> {
    const credentials = new RestoredCredentials(present, pauseId, present?.now() ?? now);
    credentials.waitsFor = present && (await importPauseId(present));
    return credentials;
  }

  /** The waiting credentials of the rows so far. */
  get waiting(): WaitingCredentials {
    return this.count;
  }

  /**
   * Returns the rows, with those of credentials changed. The place of a key in its queue is derived again, since its
   * end may be another.
   */
  async of(rows: readonly Entry[]): Promise<Entry[]> {
    const others: Entry[] = [];
    const found: Entry[] = [];
    for (const row of rows) {
      const [key] = row;
      if (key[0] === apiKey.code || key[0] === link.code) found.push(row);
      else if (key[0] !== keys.calls.expiry.code || keys.calls.expiry.parse(key)[2] !== 'key')
        others.push(row);
    }
    const present = (await this.present?.getMany(found.map(([key]) => key))) ?? [];
    for (const [at, [key, value]] of found.entries()) {
      const draft = new Draft('');
      if (key[0] === apiKey.code) {
        const now = present[at] && apiKey.decode(present[at]);
        const [id] = apiKey.parse(key);
        const record = this.restored(apiKey.decode(value), now, isEndedKey, 'keys');
        putKey(draft, id, record);
      } else {
        const exported = link.decode(value);
        const now = (await this.isOpen(exported)) ? present[at] && link.decode(present[at]) : undefined;
        draft.put(link, link.parse(key), this.restored(exported, now, isEndedLink, 'links'));
      }
      others.push(...entriesOf(draft));
    }
    return others;
  }

  /** Returns false if the artifact that a link opens was deleted since: the link was as good as revoked. */
  private async isOpen({ ns, artifact, uid }: ShareLinkRecord): Promise<boolean> {
    const [record, sessionValue] = (await this.present?.getMany([
      keys.artifacts.record.key(ns, artifact),
      keys.sessions.record.key(ns, uid),
    ])) ?? [undefined, undefined];
    const session = sessionValue && keys.sessions.record.decode(sessionValue);
    return record !== undefined && session !== undefined && session.deleteTime === undefined;
  }

  private restored<R extends ApiKeyRecord | ShareLinkRecord>(
    exported: R & Credential,
    present: (R & Credential) | undefined,
    isEnded: (record: R, now: number) => boolean,
    kind: keyof WaitingCredentials,
  ): R {
    const { waits: _waits, ...rest } = exported;
    const record = rest as unknown as R;
    if (isEnded(record, this.now)) return record;
    if (this.present !== undefined) {
      // A credential that does not exist any more has ended. No list shows it, so no user could revoke it.
      const revokeTime = present === undefined ? this.now : present.revokeTime;
      if (revokeTime !== undefined) return { ...record, revokeTime };
      if (present?.waits === undefined || present.waits !== this.waitsFor) return record;
    }
    this.count[kind]++;
    return { ...record, waits: this.pauseId };
  }
}

/**
 * Revokes in the restored index the credentials that were revoked in the replaced one while the restored one was
 * filled.
 *
 * @param since the time of the replaced index when the filling began. @param exportTime younger credentials are not
 * restored.
 */
export async function putRevokedSince(
  replacement: Replacement,
  present: Index,
  since: number,
  exportTime: number,
): Promise<void> {
  // Transactions follow one another: a transaction that began before this one is visible to reads after it.
  await transact(present, { ns: '', reads: [], *decide() {} });
  const isLate = ({ createTime, revokeTime }: ApiKeyRecord | ShareLinkRecord) =>
    createTime <= exportTime && revokeTime !== undefined && revokeTime >= since;
  await using snapshot = present.snapshot();
  for await (const block of snapshot.scan(apiKey.range())) {
    const draft = new Draft('');
    for (const [key, value] of block)
      if (isLate(apiKey.decode(value))) putKey(draft, apiKey.parse(key)[0], apiKey.decode(value));
    await replacement.put(entriesOf(draft));
  }
  for await (const block of snapshot.scan(link.range()))
    await replacement.put(block.filter(([, value]) => isLate(link.decode(value))));
}

function entriesOf({ writes }: Draft): Entry[] {
  return writes.flatMap((write): Entry[] => (write.type === 'put' ? [[write.key, write.value]] : []));
}
