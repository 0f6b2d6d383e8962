/** Fields that several methods of AdminService have: descriptions and scopes. */
import { Buffer } from 'node:buffer';
import { Scope as ScopeMessage } from '../../../gen/artifacta/v1/api_key_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Scope } from '../../domain/principal.ts';
import { controlPattern, hasLoneSurrogate } from '../../domain/text.ts';

/** Parses a description of a namespace or a key. @throws Failure INVALID_ARGUMENT naming `field`. */
export function parseDescription(field: string, text: string): string {
  if (Buffer.byteLength(text) > limits.descriptionBytesMax)
    throw invalid(field, `must have at most ${limits.descriptionBytesMax} bytes`);
  if (hasLoneSurrogate(text)) throw invalid(field, 'must be valid Unicode');
  if (controlPattern.test(text)) throw invalid(field, 'must not contain a control character');
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
    if (scope === undefined) throw invalid(`scopes[${at}]`, 'must be a scope: READ, WRITE or SHARE');
    return scope;
  });
}
