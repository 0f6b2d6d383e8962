import type { Content } from '../artifacts/content.ts';
import { type DigestOptions, digestOf } from '../artifacts/digest.ts';
import { nodePlatform } from '../wire/node-platform.ts';

/** Returns the SHA-256 of a content; see {@link digestOf}. */
export function sha256Of(content: Content, options: DigestOptions = {}): Promise<string | undefined> {
  return digestOf(content, nodePlatform.sha256(), options);
}
