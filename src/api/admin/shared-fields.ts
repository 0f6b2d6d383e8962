/** Fields that several methods of AdminService have: descriptions, scopes, page tokens. */
import { Buffer } from 'node:buffer';
import { Scope as ScopeMessage } from '../../../gen/artifacta/v1/api_key_pb.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Scope } from '../../domain/principal.ts';
import { controlPattern, hasLoneSurrogate } from '../../domain/text.ts';

/** Parses a description of a namespace or a key. @throws Failure INVALID_ARGUMENT naming `field`. */
export function parseDescription(field: string, text: string): string {
  if (Buffer.byteLength(text) > limits.descriptionBytesMax)
    throw invalid(field, `has more than ${limits.descriptionBytesMax} bytes`);
  if (hasLoneSurrogate(text)) throw invalid(field, 'is not valid Unicode');
  if (controlPattern.test(text)) throw invalid(field, 'contains a control character');
  return text;
}

const scopesByNumber: Readonly<Partial<Record<ScopeMessage, Scope>>> = {
  [ScopeMessage.READ]: 'read',
  [ScopeMessage.WRITE]: 'write',
  [ScopeMessage.SHARE]: 'share',
};

/** The scopes in the form of the protocol. */
export const scopeMessages: Readonly<Record<Scope, ScopeMessage>> = {
  read: ScopeMessage.READ,
  write: ScopeMessage.WRITE,
  share: ScopeMessage.SHARE,
};

/** Parses the field `scopes`. @throws Failure INVALID_ARGUMENT. */
export function parseScopes(messages: readonly ScopeMessage[]): Scope[] {
  return messages.map((message, at) => {
    const scope = scopesByNumber[message];
    if (scope === undefined) throw invalid(`scopes[${at}]`, 'is not a scope: READ, WRITE or SHARE');
    return scope;
  });
}

/** Returns a page token. It only says where to continue: a caller who may list may list everything. */
export function toPageToken(last: string): string {
  return Buffer.from(last).toString('base64url');
}

/** Returns the item after which a page begins. @throws Failure PAGE_TOKEN_INVALID. */
export function parsePageToken(token: string, pattern: RegExp): string {
  const last = Buffer.from(token, 'base64url').toString();
  if (pattern.test(last)) return last;
  throw new Failure('PAGE_TOKEN_INVALID', 'page_token: is not a token of this listing', {
    violations: [{ field: 'page_token', description: 'is not a token of this listing' }],
  });
}
