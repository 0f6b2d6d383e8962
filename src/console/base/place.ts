/** Where the reader is: the path and the parameters of the page, which restore every screen. */
import { signal } from '@preact/signals';

/** A place of the console. */
interface Place {
  readonly path: string;
  readonly params: URLSearchParams;
}

function read(): Place {
  const { pathname, search } = globalThis.location ?? { pathname: '/', search: '' };
  return { path: pathname, params: new URLSearchParams(search) };
}

/** The present place. */
export const place = signal<Place>(read());

/** Goes to another place of the console. @param how `replace`: the browser's way back leaves the present one out. */
export function go(href: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push') history.pushState(undefined, '', href);
  else history.replaceState(undefined, '', href);
  place.value = read();
}

/** Changes parameters of the present place. An empty value removes its parameter. */
export function setParams(
  changes: Readonly<Record<string, string>>,
  how: 'push' | 'replace' = 'replace',
): void {
  const { path, params } = place.peek();
  go(hrefOf(path, { ...Object.fromEntries(params), ...changes }), how);
}

/** An address within the console. Empty parameters are left out. */
export function hrefOf(path: string, params: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(params).filter(([, value]) => value !== '');
  const query = new URLSearchParams(given).toString();
  return query === '' ? path : `${path}?${query}`;
}

/** The address of a session's screen. */
export function sessionHref(session: string, params: Readonly<Record<string, string>> = {}): string {
  return hrefOf(`/sessions/${encodeURIComponent(session)}`, params);
}

/** The address of an artifact's screen. */
export function artifactHref(id: string, params: Readonly<Record<string, string>> = {}): string {
  return hrefOf(`/artifacts/${encodeURIComponent(id)}`, params);
}

const ours = /^\/(?!console\/|v1\/|s\/|t\/|artifacta\.)/;

/** Follows links of the console without loading the page again. */
export function followLinks(): void {
  globalThis.addEventListener('popstate', () => {
    place.value = read();
  });
  document.addEventListener('click', (event) => {
    const link = (event.target as Element | null)?.closest?.('a');
    const isPlain =
      event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const href = link?.getAttribute('href') ?? '';
    if (!isPlain || event.defaultPrevented || link?.target || link?.hasAttribute('download')) return;
    if (!ours.test(href)) return;
    event.preventDefault();
    go(href);
  });
}
