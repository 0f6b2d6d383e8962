/** The frame around every screen: where one is, where one can go, and who one is. */
import type { ComponentChildren, ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useKeys } from './base/keys.ts';
import { go, place } from './base/place.ts';
import { forgetRights } from './calls/rights.ts';
import { isTokenWanted, token } from './calls/token.ts';
import { Access, Identify } from './parts/access.tsx';
import { Help } from './parts/help.tsx';
import { Loading } from './parts/marks.tsx';
import { chosenTheme, nextTheme } from './parts/theme.ts';
import { SessionsScreen } from './sessions/screen.tsx';

type Screen = ComponentType<{ readonly subject: string }>;

/** Screens that most readers do not open at first are loaded when they are. */
const later = {
  sessions: () => import('./session/screen.tsx').then((found) => found.SessionScreen),
  artifacts: () => import('./artifact/screen.tsx').then((found) => found.ArtifactScreen),
  compare: () => import('./compare/screen.tsx').then((found) => found.CompareScreen),
  lineage: () => import('./lineage/screen.tsx').then((found) => found.LineageScreen),
  links: () => import('./operators/links.tsx').then((found) => found.LinksScreen),
  usage: () => import('./operators/usage.tsx').then((found) => found.UsageScreen),
  retention: () => import('./operators/retention.tsx').then((found) => found.RetentionScreen),
  store: () => import('./operators/store.tsx').then((found) => found.StoreScreen),
} satisfies Record<string, () => Promise<Screen>>;

const menu = [
  ['/', 'Sessions'],
  ['/compare', 'Compare'],
  ['/links', 'Links'],
  ['/usage', 'Usage'],
  ['/retention', 'Retention'],
  ['/store', 'Store'],
] as const;

/** The whole page. */
export function App() {
  const [isHelpShown, setHelpShown] = useState(false);
  const [isAccessShown, setAccessShown] = useState(false);
  useKeys({
    '?': () => setHelpShown(true),
    'g s': () => go('/'),
    'g c': () => go('/compare'),
    'g l': () => go('/links'),
    'g u': () => go('/usage'),
    'g r': () => go('/retention'),
    'g o': () => go('/store'),
    t: nextTheme,
  });
  const given = token.value;
  useEffect(forgetRights, [given]);
  // Most readers open a session next.
  useEffect(() => void later.sessions().catch(() => undefined), []);
  return (
    <div class="page">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="bar">
        <a class="home" href="/">
          Artifacta
        </a>
        <nav aria-label="Screens">
          {menu.map(([href, name]) => (
            <a key={href} href={href} aria-current={isHere(href) ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <div class="tools">
          <button type="button" class="small" onClick={nextTheme} title="Light, dark, or as the system (t)">
            {chosenTheme.value}
          </button>
          <button type="button" class="small" onClick={() => setAccessShown(true)}>
            {given === '' ? 'access' : 'token'}
          </button>
          <button type="button" class="small" onClick={() => setHelpShown(true)} title="Keys (?)">
            keys
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {isTokenWanted.value ? <Identify /> : <Current key={given} />}
      </main>
      {isHelpShown ? <Help close={() => setHelpShown(false)} /> : null}
      {isAccessShown ? <Access close={() => setAccessShown(false)} /> : null}
    </div>
  );
}

function isHere(href: string): boolean {
  const { path } = place.value;
  return path === href || (href === '/' && path.startsWith('/sessions/'));
}

function Current() {
  const { path } = place.value;
  const [, name = '', part = ''] = path.split('/');
  const subject = decoded(part);
  useEffect(() => {
    document.title = `${subject || menu.find(([href]) => href === path)?.[1] || name} · Artifacta`;
  }, [path]);
  if (name === '') return <SessionsScreen />;
  if (Object.hasOwn(later, name))
    return <Later key={path} load={later[name as keyof typeof later]} subject={subject} />;
  return (
    <section class="empty">
      <h1>No such screen</h1>
      <p>
        Nothing is at this address. <a href="/">All sessions</a>
      </p>
    </section>
  );
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function Later({ load, subject }: { load: () => Promise<Screen>; subject: string }): ComponentChildren {
  const [loaded, setLoaded] = useState<{ Screen: Screen } | { error: string }>();
  useEffect(() => {
    load().then(
      (Screen) => setLoaded({ Screen }),
      (error: unknown) => setLoaded({ error: String(error) }),
    );
  }, []);
  if (loaded === undefined) return <Loading what="the screen" />;
  if ('error' in loaded)
    return (
      <section class="empty">
        <h1>The screen could not be loaded</h1>
        <p>{loaded.error}. The service may be another version by now: reload the page.</p>
      </section>
    );
  return <loaded.Screen subject={subject} />;
}
