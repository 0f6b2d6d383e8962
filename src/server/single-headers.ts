/**
 * Headers that say who is asked, or who asks. Of two Node hands over the first one without a word, a proxy in front may
 * have looked at the second: such a request is nobody's.
 */

/** @param rawHeaders names and values in turn, as they came. @returns the header that is there twice. */
export function repeatedHeader(rawHeaders: readonly string[]): 'host' | 'authorization' | undefined {
  const seen: { host?: string; authority?: string; authorization?: string } = {};
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
    }
  }
  // HTTP/2 may say the host in both (RFC 9113, 8.3.1), if it is the same.
  const { host, authority } = seen;
  const differ =
    host !== undefined && authority !== undefined && host.toLowerCase() !== authority.toLowerCase();
  return differ ? 'host' : undefined;
}

/** What is answered, on every door. */
export const isThereTwice = 'is there more than once';
