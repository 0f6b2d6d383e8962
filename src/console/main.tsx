/** The web console of Artifacta: starts the page. */
import { render } from 'preact';
import { App } from './app.tsx';
import { followLinks } from './base/place.ts';
import { takeTokenOfFragment } from './calls/token.ts';
import { startClock } from './parts/clock.ts';

takeTokenOfFragment();
followLinks();
startClock();
render(<App />, document.getElementById('app')!);
