/** API keys: long-lived credentials, of which the store keeps only a hash. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Failure } from '../../domain/errors.ts';
import { type Namespace, parseNamespace } from '../../domain/names.ts';
import { scopes as allScopes, type Principal, type Scope } from '../../domain/principal.ts';
import { tokenPrefixes } from '../../domain/tokens.ts';
import type { Index } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { ApiKeyRecord } from '../../index/records.ts';
import type { Entry } from '../../index/row.ts';
import type { Found } from '../../query/search.ts';
import { chargedRows, type Page, type PageRequest, page } from '../look/page.ts';
import type { Paging } from '../look/paging.ts';
import { isEnded, isForgotten, putKey } from '../rows/key-rows.ts';
import { transact } from '../rows/transaction.ts';
import { isWaiting } from '../rows/waiting.ts';

/** A key as operators see it. */
export interface ApiKey extends Omit<ApiKeyRecord, 'secretHash'> {
  /** `key_…` */
  readonly id: string;
}

/** The settings of a new key. */
export interface NewApiKey {
  readonly namespace: Namespace;
  readonly description: string;
  readonly scopes: readonly Scope[];
  readonly operator: boolean;
  /** Undefined: never. */
  readonly expireTime: number | undefined;
}

interface KeyQuery extends PageRequest {
  readonly namespace: Namespace | undefined;
  readonly showEnded: boolean;
}

/** `ark_<id>_<secret>`: the id finds the record, the secret is 256 random bits. */
const pattern = /^ark_([a-z2-7]{16})_([A-Za-z0-9_-]{43})$/;

/** The API keys of all namespaces. */
export class ApiKeys {
  private readonly index: Index;
  private readonly paging: Paging;

  constructor(index: Index, paging: Paging) {
    this.index = index;
    this.paging = paging;
  }

  /** Makes a key. Only this answer contains its secret. @throws Failure NAMESPACE_NOT_FOUND. */
  async create(wanted: NewApiKey): Promise<{ key: ApiKey; secret: string }> {
    const id = base32(randomBytes(10));
    const secret = randomBytes(32).toString('base64url');
    const { namespace, description, operator, expireTime } = wanted;
    const record = await transact(this.index, {
      ns: namespace,
      reads: [keys.store.namespace.key(namespace), keys.credentials.apiKey.key(`key_${id}`)],
      *decide(tx) {
        if (tx.get(keys.store.namespace, namespace) === undefined)
          throw new Failure('NAMESPACE_NOT_FOUND', `namespace ${namespace} does not exist`, {
            metadata: { namespace },
          });
        const created: ApiKeyRecord = {
          ns: namespace,
          secretHash: hashOf(secret).toString('base64url'),
          description,
          scopes: operator ? allScopes : [...new Set(wanted.scopes)].sort(),
          operator,
          createTime: tx.now,
          ...(expireTime === undefined ? {} : { expireTime }),
        };
        putKey(tx, `key_${id}`, created);
        return created;
      },
    });
    return { key: toApiKey(`key_${id}`, record), secret: `${tokenPrefixes.apiKey}${id}_${secret}` };
  }

  /** Ends a key for good; a second call changes nothing. @throws Failure API_KEY_NOT_FOUND. */
  async revoke(id: string): Promise<ApiKey> {
    const record = await transact(this.index, {
      ns: await this.namespaceOf(id),
      reads: [keys.credentials.apiKey.key(id)],
      *decide(tx) {
        const found = tx.get(keys.credentials.apiKey, id);
        if (found === undefined || isForgotten(found, tx.now)) throw keyNotFound(id);
        if (found.revokeTime !== undefined) return found;
        const revoked: ApiKeyRecord = { ...found, revokeTime: tx.now };
        putKey(tx, id, revoked, found);
        return revoked;
      },
    });
    return toApiKey(id, record);
  }

  /**
   * Returns the namespace of a key, which never changes: its owner decides about the key.
   *
   * @throws Failure API_KEY_NOT_FOUND.
   */
  async namespaceOf(id: string): Promise<string> {
    const value = await this.index.get(keys.credentials.apiKey.key(id));
    if (value === undefined) throw keyNotFound(id);
    return keys.credentials.apiKey.decode(value).ns;
  }

  /**
   * Returns a page of keys, sorted by id.
   *
   * @param namespace undefined: the keys of all namespaces. @param showEnded true: also keys that have ended, until
   * they are forgotten.
   * @throws Failure PAGE_TOKEN_INVALID.
   */
  async list(by: Principal, { namespace, showEnded, pageSize, pageToken }: KeyQuery): Promise<Page<ApiKey>> {
    const bound = [by.subject, 'keys', namespace ?? null, showEnded];
    const position = this.paging.open(bound, pageToken);
    const all = keys.credentials.apiKey.range();
    const range = position.after === undefined ? all : rangeAfter(all, position.after);
    const now = position.time;
    const budget = this.paging.budget();
    const found = ([key, value]: Entry): Found<ApiKey> | undefined => {
      const record = keys.credentials.apiKey.decode(value);
      const isWanted = namespace === undefined || record.ns === namespace;
      const isShown = showEnded ? !isForgotten(record, now) : !isEnded(record, now);
      if (!isWanted || !isShown) return undefined;
      return { item: toApiKey(keys.credentials.apiKey.parse(key)[0], record), bytes: 0 };
    };
    const source = {
      entries: () => chargedRows(this.index, range, budget),
      look: async (entries: readonly Entry[]) => entries.map(found),
    };
    const { items, last } = await page(source, { itemsMax: pageSize, budget });
    return { items, nextPageToken: this.paging.token(bound, position, last?.[0]) };
  }

  /**
   * Returns the principal that a key stands for, as of now. Unknown, wrong, revoked and expired keys get the same
   * answer, except for facts that the owner of a key knows anyway.
   *
   * @throws Failure UNAUTHENTICATED.
   */
  async authenticate(token: string): Promise<Principal> {
    const match = pattern.exec(token);
    if (match === null) throw refused('the API key must have the form ark_<id>_<secret>');
    const [, idPart = '', secret = ''] = match;
    const id = `key_${idPart}`;
    const value = await this.index.get(keys.credentials.apiKey.key(id));
    const record = value && keys.credentials.apiKey.decode(value);
    const said = hashOf(secret);
    // The work is the same whether or not the key exists.
    const known = record === undefined ? hashOf('') : Buffer.from(record.secretHash, 'base64url');
    if (!timingSafeEqual(said, known) || record === undefined) throw refused('the API key is not valid');
    const now = this.index.now();
    if (isForgotten(record, now)) throw refused('the API key is not valid');
    if (record.revokeTime !== undefined) throw refused('the API key was revoked');
    if (isEnded(record, now)) throw refused('the API key has expired');
    if (await isWaiting(this.index, record)) throw refused(`the API key ${waitsForAnOperator}`);
    return {
      subject: id,
      namespace: parseNamespace('namespace', record.ns),
      scopes: new Set(record.scopes),
      operator: record.operator,
      apiKey: id,
      ...(record.expireTime === undefined ? {} : { expireTime: record.expireTime }),
    };
  }

  /** @throws Failure UNAUTHENTICATED unless the key is good now. */
  async requireGood(id: string): Promise<void> {
    const value = await this.index.get(keys.credentials.apiKey.key(id));
    const record = value && keys.credentials.apiKey.decode(value);
    if (record === undefined || isEnded(record, this.index.now()))
      throw refused('the key that the token was minted with is no longer valid');
    if (await isWaiting(this.index, record))
      throw refused(`the key that the token was minted with ${waitsForAnOperator}`);
  }
}

const waitsForAnOperator =
  'came with a restored export, and does not work until an operator runs "artifacta fsck --resume ID" ' +
  '("artifacta fsck" shows the ID)';

function keyNotFound(id: string): Failure {
  return new Failure('API_KEY_NOT_FOUND', 'this key does not exist', { metadata: { api_key: id } });
}

function refused(why: string): Failure {
  return new Failure('UNAUTHENTICATED', why);
}

/** The secret is random and as long as the hash: a slow hash would not protect it any better. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function toApiKey(id: string, { secretHash: _hash, ...record }: ApiKeyRecord): ApiKey {
  return { id, ...record };
}

/** Encodes as RFC 4648 in lower case, without padding; the input is a multiple of 5 bytes. */
function base32(bytes: Uint8Array): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => alphabet[Number.parseInt(five, 2)]).join('');
}
