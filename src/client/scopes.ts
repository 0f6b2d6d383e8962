/** The rights of credentials, from protobuf and back. */
import { Scope as ScopeMessage } from '../../gen/artifacta/v1/api_key_pb.ts';

/** A right of credentials. */
export type Scope = 'read' | 'write' | 'share';

const scopeNames: Readonly<Record<ScopeMessage, Scope | undefined>> = {
  [ScopeMessage.UNSPECIFIED]: undefined,
  [ScopeMessage.READ]: 'read',
  [ScopeMessage.WRITE]: 'write',
  [ScopeMessage.SHARE]: 'share',
};

/** @internal A scope that is later than this client is left out. */
export function scopesFrom(messages: readonly ScopeMessage[]): Scope[] {
  return messages.map((message) => scopeNames[message]).filter((scope) => scope !== undefined);
}

/** @internal */
export function scopeMessage(scope: Scope): ScopeMessage {
  return { read: ScopeMessage.READ, write: ScopeMessage.WRITE, share: ScopeMessage.SHARE }[scope];
}
