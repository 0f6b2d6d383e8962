/** Who the reader is: a token, kept for this tab until it is closed, and never in the address of the page. */
import { signal } from '@preact/signals';

const tokenKey = 'artifacta.token';
const namespaceKey = 'artifacta.namespace';

function kept(key: string): string {
  try {
    return globalThis.sessionStorage?.getItem(key) ?? '';
  } catch {
    // A browser may refuse storage; the token then lasts as long as the page.
    return '';
  }
}

function keep(key: string, value: string): void {
  try {
    if (value === '') sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    // As above.
  }
}

/** The token of the reader. Empty: none. */
export const token = signal(kept(tokenKey));

/** The namespace that the reader chose. Empty: that of the credentials. */
export const namespace = signal(kept(namespaceKey));

/** True from the first call that was refused for want of credentials, until a token is given. */
export const isTokenWanted = signal(false);

/** Takes credentials for this tab. */
export function identify(newToken: string, newNamespace = namespace.peek()): void {
  keep(tokenKey, newToken);
  keep(namespaceKey, newNamespace);
  token.value = newToken;
  namespace.value = newNamespace;
  isTokenWanted.value = false;
}

/** Takes the token that `artifacta console` puts into the fragment, which browsers do not send, and removes it there. */
export function takeTokenOfFragment(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given === null) return;
  history.replaceState(undefined, '', location.pathname + location.search);
  if (/^[\x21-\x7e]{1,8192}$/.test(given)) identify(given);
}

/** The headers that say who calls, and that this page does: without that, a token which a proxy adds counts for nothing. */
export function credentials(): Record<string, string> {
  return {
    'artifacta-console': '1',
    ...(token.peek() === '' ? {} : { authorization: `Bearer ${token.peek()}` }),
    ...(namespace.peek() === '' ? {} : { 'artifacta-namespace': namespace.peek() }),
  };
}
