/**
 * `Host`, `authorization` and `content-type`, of which a request may have one each. If a request has two, Node takes
 * the first one without a report, and a proxy in front may have taken the second. Such a request is refused.
 */

type SingleHeader = 'host' | 'authorization' | 'content-type';

/**
 * @param rawHeaders names and values in turn, as they were sent. @returns the header that occurs twice, if one does.
 */
export function repeatedHeader(rawHeaders: readonly string[]): SingleHeader | undefined {
  const seen: { host?: string; authority?: string; authorization?: string; type?: string } = {};
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const value = rawHeaders[at + 1]!;
    switch (rawHeaders[at]!.toLowerCase()) {
      case 'host':
        if (seen.host !== undefined) return 'host';
        seen.host = value;
        break;
      case ':authority':
        seen.authority = value;
        break;
      case 'authorization':
        if (seen.authorization !== undefined) return 'authorization';
        seen.authorization = value;
        break;
      case 'content-type':
        if (seen.type !== undefined) return 'content-type';
        seen.type = value;
    }
  }
  // HTTP/2 may send the host in both headers (RFC 9113, 8.3.1), if it is the same.
  const { host, authority } = seen;
  const differ =
    host !== undefined && authority !== undefined && host.toLowerCase() !== authority.toLowerCase();
  return differ ? 'host' : undefined;
}

/** The answer of every transport. */
export const occursTwice = 'must be given only once';
