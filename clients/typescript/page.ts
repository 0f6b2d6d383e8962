/** The page on which the scenario runs in Chromium; `chromium.ts` opens it. */

import { webPlatform } from '../../src/client/web/platform.ts';
import { connect } from '../../src/client/web/published.ts';
import { runScenario } from './scenario.ts';

/** What the page is told. */
export interface Told {
  readonly text: string;
  readonly token: string;
  readonly urls: Readonly<Record<'service' | 'older' | 'newer', string>>;
}

const page = globalThis as unknown as { printLine(line: string): Promise<void> };

Object.assign(globalThis, {
  runScenario: async ({ text, token, urls }: Told) => {
    const platform = webPlatform({ baseUrl: urls.service, fetch: fetch.bind(globalThis) });
    await runScenario(text, {
      connect: (which, other = token) => connect(urls[which], { token: other }),
      compressing: async () => 'a browser does not compress requests',
      async *pull(store, ref) {
        yield* await store.open(ref);
      },
      sha256: platform.sha256,
      print: (line) => page.printLine(line),
    });
  },
});
