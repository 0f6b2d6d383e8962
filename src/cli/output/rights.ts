/** What limits credentials, in words. */
import { humanTime } from './human.ts';

interface Limited {
  readonly sessions: readonly string[];
  readonly sessionPrefixes: readonly string[];
  readonly namePrefix: string;
  readonly pushBytesMax: number | undefined;
  readonly expireTime: Date | undefined;
}

/** Returns the limits of credentials as pairs of a word and its value. */
export function limitPairs(limited: Limited): [string, string][] {
  const { namePrefix, pushBytesMax, expireTime } = limited;
  return [
    ['sessions', sessionsOf(limited).join(', ') || 'all'],
    ['names', namePrefix === '' ? 'all' : `${namePrefix}…`],
    ['bytes', pushBytesMax === undefined ? 'no limit' : String(pushBytesMax)],
    ['ends', expireTime === undefined ? 'not by itself' : humanTime(expireTime)],
  ];
}

function sessionsOf({ sessions, sessionPrefixes }: Limited): string[] {
  return [...sessions, ...sessionPrefixes.map((prefix) => `${prefix}…`)];
}
