/** DownloadArtifact: the bytes of an artifact, or the place where the client gets them. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type {
  DownloadArtifactRequest,
  DownloadArtifactResponseSchema,
} from '../../../gen/artifacta/v1/content_pb.ts';
import type { Downloads } from '../../store/artifacts/downloads.ts';
import type { Call } from '../handlers.ts';
import { toArtifactMessage } from '../messages.ts';
import { parseRef, parseSize } from '../parse.ts';
import { elsewhereBy, type RedirectPolicy } from './redirects.ts';

/** Yields the messages of a download. @param redirects undefined: the client always gets the bytes here. */
export async function* download(
  downloads: Downloads,
  redirects: RedirectPolicy | undefined,
  request: DownloadArtifactRequest,
  call: Call,
): AsyncIterable<MessageInitShape<typeof DownloadArtifactResponseSchema>> {
  const range = {
    offset: parseSize('offset', request.offset),
    limit: request.limit === undefined ? undefined : parseSize('limit', request.limit),
  };
  const target = parseRef('artifact', request.artifact);
  const { principal, signal } = call;
  if (request.allowRedirect && redirects !== undefined) {
    const found = await downloads.elsewhere(principal, target, range, elsewhereBy(redirects), signal);
    if (found !== undefined) {
      const { url: uri, expireTimeMs } = found.url;
      call.noteRedirect();
      yield { part: { case: 'artifact', value: toArtifactMessage(found.of) } };
      yield { part: { case: 'redirect', value: { uri, expireTime: timestampFromMs(expireTimeMs) } } };
      return;
    }
  }
  const { of, bytes } = await downloads.artifact(principal, target, range, signal);
  yield { part: { case: 'artifact', value: toArtifactMessage(of) } };
  for await (const chunk of bytes) yield { part: { case: 'chunk', value: chunk } };
}
