import type { ShareLink as LinkMessage } from '../../../gen/artifacta/v1/share_link_pb.ts';
import { ArtifactaError } from '../errors.ts';
import { type CallSettings, type Calls, onceIf, unary } from '../wire/calls.ts';
import { type PageOptions, paged } from '../wire/pages.ts';
import { dateOf } from '../wire/times.ts';
import { type ArtifactRef, refMessage } from './artifact.ts';
import { type Expiry, expiryMessage } from './push-spec.ts';

/** A share link, whose token lets anyone who has it GET one version of an artifact. */
export interface ShareLink {
  /** `lnk_…`: names the link and opens nothing. */
  readonly id: string;
  readonly artifactId: string;
  readonly session: string;
  readonly name: string;
  readonly version: number;
  readonly createTime: Date | undefined;
  readonly expireTime: Date | undefined;
  /** Undefined: the link was not revoked. */
  readonly revokeTime: Date | undefined;
  readonly creator: string;
}

/** A new link, with its token, which is in this answer only. */
export interface NewShareLink {
  readonly link: ShareLink;
  readonly token: string;
  /** The path to append to the address of the HTTP listener. */
  readonly path: string;
  /** Undefined: the service does not know its public address. */
  readonly url: string | undefined;
  /**
   * The URL below the address at which the service itself listens for HTTP. Undefined: the service has no HTTP
   * listener, or does not report it.
   */
  readonly localUrl: string | undefined;
}

/** How long a link opens its artifact. */
export interface ShareOptions extends CallSettings {
  /** At most 30 days. Default 24 hours. The artifact's own expiry ends it earlier. */
  readonly expiry?: Expiry | undefined;
  /** Fail, and make nothing, if no URL is known. Default false. */
  readonly requireUrl?: boolean;
}

/** The links to list: one artifact's, one session's, or (default) the namespace's. */
export interface LinkQuery extends Omit<PageOptions, 'order'> {
  readonly artifact?: ArtifactRef | undefined;
  readonly session?: string | undefined;
  /** Include links that are revoked or expired. Default false. */
  readonly showEnded?: boolean;
}

/** Makes a link. The call is not retried when its answer is lost: a second link would be left behind. */
export async function createShareLink(
  calls: Calls,
  artifact: ArtifactRef,
  options: ShareOptions,
): Promise<NewShareLink> {
  const request = {
    artifact: refMessage(artifact),
    requireUrl: options.requireUrl ?? false,
    ...(options.expiry === undefined ? {} : { expiry: expiryMessage(options.expiry) }),
  };
  const answer = await onceIf(true, calls, options, (call) => calls.artifacts.createShareLink(request, call));
  const { token, path, url, localUrl } = answer;
  const known = (text: string) => (text === '' ? undefined : text);
  return { link: linkFrom(answer.shareLink), token, path, url: known(url), localUrl: known(localUrl) };
}

/** The share links of a namespace, which `share` makes. All methods throw ArtifactaError. */
export class Links {
  private readonly calls: Calls;

  /** @internal */
  constructor(calls: Calls) {
    this.calls = calls;
  }

  /** Lists links, one page in memory at a time. */
  list(query: LinkQuery = {}): AsyncGenerator<ShareLink, void, void> {
    return paged(query, async (pageSize, pageToken) => {
      const request = { ...scopeOf(query), showEnded: query.showEnded ?? false, pageSize, pageToken };
      const answer = await unary(this.calls, query, (call) =>
        this.calls.artifacts.listShareLinks(request, call),
      );
      return { items: answer.shareLinks.map(linkFrom), nextPageToken: answer.nextPageToken };
    });
  }

  /** Ends links forever: one, an artifact's or a session's. Returns how many were in force. */
  async revoke(
    target: { readonly id: string } | { readonly artifact: ArtifactRef } | { readonly session: string },
    settings: CallSettings = {},
  ): Promise<number> {
    const request =
      'id' in target
        ? { target: { case: 'shareLinkId' as const, value: target.id } }
        : { target: scopeOf(target).scope! };
    const answer = await unary(this.calls, settings, (call) =>
      this.calls.artifacts.revokeShareLinks(request, call),
    );
    return Number(answer.revokedCount);
  }
}

function scopeOf({ artifact, session }: Pick<LinkQuery, 'artifact' | 'session'>) {
  if (artifact !== undefined) return { scope: { case: 'artifact' as const, value: refMessage(artifact) } };
  return session === undefined ? {} : { scope: { case: 'session' as const, value: session } };
}

function linkFrom(message: LinkMessage | undefined): ShareLink {
  if (message === undefined) throw new ArtifactaError('the answer has no link', { code: 'INTERNAL' });
  const { id, artifactId, session, name, version, creator } = message;
  return {
    id,
    artifactId,
    session,
    name,
    version: Number(version),
    createTime: dateOf(message.createTime),
    expireTime: dateOf(message.expireTime),
    revokeTime: dateOf(message.revokeTime),
    creator,
  };
}
