/** Every screen, on a full store and on an empty one, in several sizes and colours: what it shows, axe, and a picture. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { axe } from './axe.ts';
import { open, type Results, type Service } from './rig.ts';

/** A screen, and a text that is on it when it is complete. */
type Screen = readonly [name: string, path: string, text: string];

const sizes: readonly (readonly [name: string, options: BrowserContextOptions])[] = [
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['320', { viewport: { width: 320, height: 640 } }],
  ['4k', { viewport: { width: 3_840, height: 2_160 } }],
];

/** The screens of a store with samples. @param ids of one artifact of each kind. */
function fullScreens(ids: Readonly<Record<string, string>>, report: string): Screen[] {
  const artifact = (kind: string, text: string): Screen => [
    `artifact-${kind}`,
    `/artifacts/${ids[kind]}`,
    text,
  ];
  return [
    ['sessions', '/', 'billing_2.1'],
    ['sessions-why', '/?why=1&filter=metadata.agent%20%3D%20%22planner%22', 'understood as'],
    ['sessions-fault', '/?filter=metadata.agent%20%3D%20%22a%22%20AN%20x', 'column'],
    ['session', '/sessions/billing_2', 'Failed first:'],
    ['session-agents', '/sessions/billing_2?view=agent', 'writer'],
    ['session-live', '/sessions/kinds', 'lease ends'],
    artifact('text', 'line 5 of the log'),
    artifact('ansi', 'step 4 of 7 failed'),
    artifact('json', '900 items'),
    artifact('lines', 'I look at the sums.'),
    artifact('csv', 'name 7'),
    artifact('wide', 'of 1,000 columns'),
    artifact('markdown', 'Notes on the run'),
    artifact('png', '320 × 200 pixels'),
    artifact('bomb', '60,000 × 60,000'),
    artifact('svg', 'drawing.svg'),
    artifact('html', 'has an origin of its own'),
    artifact('notebook', 'A study'),
    artifact('patch', '+new'),
    artifact('zip', 'dir/b.txt'),
    artifact('hex', '00000000'),
    artifact('pdf', 'The text of the page'),
    artifact('source', 'Checks invoices.'),
    artifact('empty', 'The artifact is empty.'),
    ['lineage', `/lineage/${report}`, 'billing_2 v1'],
    ['compare', '/compare?base=billing_1&session=billing_2', 'missing here'],
    ['compare-text', '/compare?base=billing_1&session=billing_2&name=report.json', '"total": -17'],
    ['links', '/links', 'No links'],
    ['usage', '/usage', 'For operators'],
    ['store', '/store', 'For operators'],
    ['nowhere', '/sessions/no-such-session', 'SESSION_NOT_FOUND'],
    ['gone', '/artifacts/art_01m8k9q4pbev7sj1nv809a43e4', 'NOT_FOUND'],
  ];
}

const emptyScreens: readonly Screen[] = [
  ['empty-sessions', '/', 'No sessions yet'],
  ['empty-filter', '/?filter=session.outcome%20%3D%20%22FAILED%22', 'No session matches'],
  ['empty-links', '/links', 'No links'],
  ['empty-compare', '/compare', 'Name two sessions'],
];

interface Looked {
  readonly browser: Browser;
  readonly full: Service;
  readonly empty: Service;
  readonly ids: Readonly<Record<string, string>>;
  readonly report: string;
  /** Where the pictures go. */
  readonly pictures: string;
  /** Whether to look at one size alone. */
  readonly isQuick: boolean;
}

/** Looks at every screen. */
export async function checkScreens(results: Results, looked: Looked): Promise<void> {
  const { browser, full, empty, ids, report, pictures, isQuick } = looked;
  const all = [
    ...fullScreens(ids, report).map((screen) => ({ service: full, screen })),
    ...emptyScreens.map((screen) => ({ service: empty, screen })),
  ];
  for (const { service, screen } of all)
    for (const [size, options] of isQuick ? sizes.slice(0, 1) : sizes) {
      const [name, path, text] = screen;
      await results.check(`${name}, ${size}`, async () => {
        await using watched = await open(browser, service, path, options);
        const { page, faults } = watched;
        await page.getByText(text).first().waitFor();
        await page.screenshot({ path: join(pictures, `${name}-${size}.png`) });
        assert.deepEqual(faults, []);
        assert.deepEqual(await axe(page), []);
        const width = await page.evaluate(() => {
          const { document, innerWidth } = globalThis as unknown as {
            document: { documentElement: { scrollWidth: number } };
            innerWidth: number;
          };
          return document.documentElement.scrollWidth - innerWidth;
        });
        assert.ok(width <= 0, `the page is ${width} pixels wider than the screen`);
      });
    }
}
