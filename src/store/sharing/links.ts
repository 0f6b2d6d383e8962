/** Share links: anyone who has the token may GET one version of an artifact, until the link ends. */
import { createHash, randomBytes } from 'node:crypto';
import type { ArtifactTarget } from '../../domain/artifact.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import { type ExpiryRequest, effectiveExpiry, expiryField, resolveExpiry } from '../../domain/expiry.ts';
import type { ArtifactId } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import type { SessionId } from '../../domain/names.ts';
import { canRead, type Principal, seesArtifact } from '../../domain/principal.ts';
import type { Asking, CachedReader, Index, Reader, Tx } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { ShareLinkRecord } from '../../index/records.ts';
import type { Entry, Key, Range } from '../../index/row.ts';
import { liveArtifact, readRecord } from '../look/artifact.ts';
import { chargedRows, type Page, type PageRequest, page } from '../look/page.ts';
import type { Paging } from '../look/paging.ts';
import { readSession } from '../look/session.ts';
import { artifactNotFound } from '../rows/failures.ts';
import { isEnded, putLink } from '../rows/link-rows.ts';
import { transact } from '../rows/transaction.ts';
import type { Namespaces } from '../tenants/namespaces.ts';

/** A link, as it is visible to those who may share. Times are milliseconds since the Unix epoch. */
export interface ShareLink {
  readonly id: string;
  readonly artifact: ArtifactId;
  readonly session: string;
  readonly name: string;
  readonly version: number;
  readonly createTime: number;
  readonly expireTime: number;
  readonly revokeTime: number | undefined;
  readonly creator: string;
}

/** The extent: the links of one version of an artifact, of a session, or of the whole namespace. */
export type LinkScope =
  | { readonly of: 'artifact'; readonly target: ArtifactTarget }
  | { readonly of: 'session'; readonly session: SessionId }
  | { readonly of: 'namespace' };

interface LinkQuery extends PageRequest {
  readonly scope: LinkScope;
  /** True: show also links that are revoked or expired. */
  readonly showEnded: boolean;
}

const linksTogether = 100;
const tokenBytes = 32;

/** The links of the caller’s namespace. */
export class Links {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly paging: Paging;

  constructor(index: Index, namespaces: Namespaces, paging: Paging) {
    this.index = index;
    this.namespaces = namespaces;
    this.paging = paging;
  }

  /**
   * Makes a link. Only this answer contains the token; the store keeps only its hash.
   *
   * @param expiry undefined: a day.
   * @throws Failure the failures of reading the artifact; PERMISSION_DENIED for a caller that may not read;
   * INVALID_ARGUMENT for an expiry that is past or beyond 30 days.
   */
  async create(
    by: Principal,
    target: ArtifactTarget,
    expiry: ExpiryRequest | undefined,
  ): Promise<{ link: ShareLink; token: string }> {
    const { namespace: ns } = by;
    await this.namespaces.require(ns);
    // Anyone who has the link can read.
    if (!by.scopes.has('read'))
      throw new Failure(
        'PERMISSION_DENIED',
        'these credentials lack the scope "read"; use a key or token that has it',
        { metadata: { scope: 'read' } },
      );
    const { record } = await readRecord(this.index, by, target, this.index.now());
    const token = randomBytes(tokenBytes).toString('base64url');
    const hash = hashOf(token);
    const link = await transact(this.index, {
      ns,
      by,
      reads: [keys.artifacts.record.key(ns, record.id), keys.sessions.record.key(ns, record.uid)],
      decide: (tx) => decideCreate(tx, by, record.id, hash, expiry),
    });
    return { link: toLink(hash, link), token };
  }

  /** Lists links in a stable order. @throws Failure ARTIFACT_NOT_FOUND, SESSION_NOT_FOUND, PAGE_TOKEN_INVALID. */
  async list(by: Principal, { scope, showEnded, pageSize, pageToken }: LinkQuery): Promise<Page<ShareLink>> {
    const { namespace: ns } = by;
    await this.namespaces.require(ns);
    await using reader = this.index.snapshot();
    const range = await this.rangeOf(reader, by, scope);
    const bound = [by.subject, ns, 'links', scope, showEnded];
    const position = this.paging.open(bound, pageToken);
    const walked = position.after === undefined ? range : rangeAfter(range, position.after);
    const now = position.time;
    const budget = this.paging.budget();
    const isShown = ({ record }: Link) => seesArtifact(by, record) && (showEnded || !isEnded(record, now));
    const source = {
      entries: () => chargedRows(reader, { ...walked, firstBlock: linksTogether }, budget),
      look: async (entries: readonly Entry[]) => {
        const targets = entries.slice(0, linksTogether).map(([key]) => key);
        budget.spend('records', targets.length);
        return (await readLinks(reader, targets)).map((link) =>
          link !== undefined && isShown(link)
            ? { item: toLink(link.hash, link.record), bytes: 0 }
            : undefined,
        );
      },
    };
    const { items, last } = await page(source, { itemsMax: pageSize, budget });
    return { items, nextPageToken: this.paging.token(bound, position, last?.[0]) };
  }

  /** Ends one link. Returns 0 if it had ended. @throws Failure SHARE_LINK_NOT_FOUND. */
  async revokeOne(by: Principal, id: string): Promise<number> {
    const { namespace: ns } = by;
    await this.namespaces.require(ns);
    const hash = hashIn(id);
    const revoked = hash === undefined ? undefined : await this.revokeAll(by, [hash]);
    if (revoked === undefined || !revoked.found) throw linkNotFound(id);
    return revoked.count;
  }

  /** Ends the links that exist when this call begins. @throws Failure ARTIFACT_NOT_FOUND, SESSION_NOT_FOUND. */
  async revoke(by: Principal, scope: LinkScope): Promise<number> {
    await this.namespaces.require(by.namespace);
    await using reader = this.index.snapshot();
    const range = await this.rangeOf(reader, by, scope);
    let count = 0;
    for await (const block of reader.scan(range))
      for (let at = 0; at < block.length; at += linksTogether) {
        const hashes = block.slice(at, at + linksTogether).map(([key]) => keys.links.byTarget.parse(key)[3]);
        count += (await this.revokeAll(by, hashes)).count;
      }
    return count;
  }

  private revokeAll(by: Principal, hashes: readonly string[]): Promise<{ count: number; found: boolean }> {
    const { namespace: ns } = by;
    return transact(this.index, {
      ns,
      by,
      reads: hashes.map((hash) => keys.links.record.key(hash)),
      *decide(tx) {
        let count = 0;
        let found = false;
        for (const hash of hashes) {
          const record = tx.get(keys.links.record, hash);
          if (record === undefined || record.ns !== ns || !seesArtifact(by, record)) continue;
          found = true;
          if (isEnded(record, tx.now)) continue;
          tx.put(keys.links.record, [hash], { ...record, revokeTime: tx.now });
          count++;
        }
        return { count, found };
      },
    });
  }

  private async rangeOf(reader: CachedReader, by: Principal, scope: LinkScope): Promise<Range> {
    const { namespace: ns } = by;
    const now = this.index.now();
    switch (scope.of) {
      case 'namespace':
        return keys.links.byTarget.range(ns);
      case 'session':
        return keys.links.byTarget.range(ns, (await readSession(reader, by, scope.session, now)).uid);
      case 'artifact': {
        const { record } = await readRecord(reader, by, scope.target, now);
        return keys.links.byTarget.range(ns, record.uid, record.id);
      }
    }
  }
}

function* decideCreate(
  tx: Tx,
  by: Principal,
  id: ArtifactId,
  hash: string,
  expiry: ExpiryRequest | undefined,
): Asking<ShareLinkRecord> {
  const { ns, now } = tx;
  const { record: artifact, session } = yield* liveArtifact(tx, by, { id }, now);
  if (!canRead(by, artifact)) throw artifactNotFound({ id });
  const field = expiryField(expiry);
  const asked = resolveExpiry(field, expiry ?? { ttlMs: limits.shareLinkHoursDefault * 3_600_000 }, now)!;
  if (asked > now + limits.shareLinkDaysMax * 24 * 3_600_000)
    throw invalid(field, `must be at most ${limits.shareLinkDaysMax} days away`);
  const own = effectiveExpiry(artifact, session).expireTime ?? Number.POSITIVE_INFINITY;
  const record: ShareLinkRecord = {
    ns,
    artifact: id,
    uid: artifact.uid,
    session: artifact.session,
    name: artifact.name,
    version: artifact.version,
    createTime: now,
    expireTime: Math.min(asked, own),
    creator: by.subject,
  };
  putLink(tx, hash, record);
  return record;
}

interface Link {
  readonly hash: string;
  readonly record: ShareLinkRecord;
}

async function readLinks(reader: Reader, targets: readonly Key[]): Promise<(Link | undefined)[]> {
  const hashes = targets.map((key) => keys.links.byTarget.parse(key)[3]);
  const values = await reader.getMany(hashes.map((hash) => keys.links.record.key(hash)));
  return values.map((value, at) => value && { hash: hashes[at]!, record: keys.links.record.decode(value) });
}

/**
 * Returns the stored form of a token. The token is random and as long as the hash: a slow hash would not protect it any
 * better.
 */
export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** The id of a link is the hash of its token; the token cannot be found from the hash. */
const idPattern = /^lnk_([A-Za-z0-9_-]{43})$/;

function hashIn(id: string): string | undefined {
  return idPattern.exec(id)?.[1];
}

/** Returns the id of a link, from the hash of its token. */
export function linkId(hash: string): string {
  return `lnk_${hash}`;
}

function toLink(hash: string, record: ShareLinkRecord): ShareLink {
  const { ns: _ns, uid: _uid, waits: _waits, revokeTime, session, name, ...rest } = record;
  return { id: linkId(hash), ...rest, session, name, revokeTime };
}

/** SHARE_LINK_NOT_FOUND. */
function linkNotFound(id: string): Failure {
  return new Failure('SHARE_LINK_NOT_FOUND', `share link ${id} does not exist`, {
    metadata: { share_link: id },
  });
}
