/** The part of ArtifactService for share links. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import type {
  ListShareLinksRequest,
  RevokeShareLinksRequest,
} from '../../../gen/artifacta/v1/share_link_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { parseSessionId } from '../../domain/names.ts';
import type { LinkScope, Links, ShareLink } from '../../store/sharing/links.ts';
import type { Handlers } from '../handlers.ts';
import { parseExpiry, parsePageSize, parseRef } from '../parse.ts';
import { below, requireUrl, type WebAddresses } from '../web-addresses.ts';

type ShareHandlers = Pick<
  Handlers<typeof ArtifactService>,
  'createShareLink' | 'listShareLinks' | 'revokeShareLinks'
>;

/** Returns the methods of ArtifactService for share links. */
export function shareHandlers(links: Links, { publicUrl, localUrl }: WebAddresses): ShareHandlers {
  return {
    createShareLink: async (request, { principal }) => {
      const target = parseRef('artifact', request.artifact);
      const expiry = parseExpiry('', request.expiry);
      if (request.requireUrl) requireUrl(publicUrl, 'link');
      const { link, token } = await links.create(principal, target, expiry);
      const path = `/s/${token}`;
      return {
        shareLink: toLinkMessage(link),
        token,
        path,
        url: below(publicUrl, path),
        localUrl: below(localUrl(), path),
      };
    },
    listShareLinks: async (request, { principal }) => {
      const page = await links.list(principal, {
        scope: scopeOf(request.scope),
        showEnded: request.showEnded,
        pageSize: parsePageSize(request.pageSize),
        pageToken: request.pageToken,
      });
      return { shareLinks: page.items.map(toLinkMessage), nextPageToken: page.nextPageToken };
    },
    revokeShareLinks: async ({ target }, { principal }) => {
      if (target.case === undefined) throw invalid('target', 'is required: a link, an artifact or a session');
      const count =
        target.case === 'shareLinkId'
          ? await links.revokeOne(principal, parseLinkId(target.value))
          : await links.revoke(principal, scopeOf(target));
      return { revokedCount: BigInt(count) };
    },
  };
}

function parseLinkId(id: string): string {
  if (!/^lnk_[A-Za-z0-9_-]{1,64}$/.test(id))
    throw invalid('share_link_id', 'must be the id of a link: lnk_…');
  return id;
}

function scopeOf(
  scope: ListShareLinksRequest['scope'] | Exclude<RevokeShareLinksRequest['target'], { case: 'shareLinkId' }>,
): LinkScope {
  if (scope.case === 'artifact') return { of: 'artifact', target: parseRef('artifact', scope.value) };
  if (scope.case === 'session') return { of: 'session', session: parseSessionId('session', scope.value) };
  return { of: 'namespace' };
}

function toLinkMessage({ id, artifact, version, createTime, expireTime, revokeTime, ...rest }: ShareLink) {
  return {
    ...rest,
    id,
    artifactId: artifact,
    version: BigInt(version),
    createTime: timestampFromMs(createTime),
    expireTime: timestampFromMs(expireTime),
    ...(revokeTime === undefined ? {} : { revokeTime: timestampFromMs(revokeTime) }),
  };
}
