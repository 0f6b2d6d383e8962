/** The tokens of every listing: who may use them, for what, and how long. */
import { createHash, createHmac } from 'node:crypto';
import { createRouterTransport } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../../../src/api/routes.ts';
import { keys } from '../../../src/index/keys.ts';
import { refusal } from '../../support/calls.ts';
import { principalOf } from '../../support/specs.ts';
import { type Clients, clientsOver, type Listing, listings } from './listings.ts';
import { openWorld, type World } from './world.ts';

const hour = 3_600_000;
/** Their answers are a page each, whatever a call may touch. */
const single = ['inputs', 'the latest of a name', 'versions of a name', 'links of an artifact'];
const invalid = { code: 'InvalidArgument', reason: 'PAGE_TOKEN_INVALID' };
const unaltered =
  'must be one that an earlier response to the same request had, unaltered; start again without one';

let world: World;
let clients: Clients;
let all: readonly Listing[];
let tokens: ReadonlyMap<string, string>;

/** Each call may touch so little that every listing has a second page. */
beforeAll(async () => {
  world = await openWorld(1, { queryTouchesMax: 60 });
  clients = clientsOver(world.service.transport);
  all = listings(world).filter(({ what }) => !single.includes(what));
  const issued = new Map<string, string>();
  for (const listing of all) issued.set(listing.what, (await listing.page(clients, 2, '')).next);
  tokens = issued;
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

it('every listing has tokens', () => {
  expect(all.filter(({ what }) => tokens.get(what) === '').map(({ what }) => what)).toEqual([]);
  expect(all.length).toBeGreaterThan(35);
});

describe('a token that is', () => {
  it.each([
    ['empty but for its mark', () => '~'],
    ['cut', (token: string) => token.slice(0, -1)],
    ['longer', (token: string) => `${token}A`],
    ['in other letters', (token: string) => `${token}=`],
    ['altered at its beginning', (token: string) => flipped(token, 1)],
    ['altered at the time of its issue', (token: string) => flipped(token, 16 + 5)],
    ['altered at the time of the first page', (token: string) => flipped(token, 24 + 5)],
    ['altered at its end', (token: string) => flipped(token, -1)],
    ['some text', () => 'bm9uc2Vuc2U'],
    ['huge', () => 'A'.repeat(5_000)],
  ])('%s is refused by every listing', async (_what, alter) => {
    for (const listing of all) {
      const call = () => listing.page(clients, 2, alter(tokens.get(listing.what)!));
      expect({ what: listing.what, ...(await refusal(call)) }).toMatchObject({
        ...invalid,
        fields: [listing.field],
        message: `${listing.field}: ${unaltered}`,
      });
    }
  });

  it('that of another listing is refused', async () => {
    // Previews, and the size of a page, may change from page to page.
    const isSame = (a: string, b: string) =>
      a.replace(' with previews', '') === b.replace(' with previews', '');
    const issued = [...tokens];
    for (const [at, listing] of all.entries())
      for (const distance of [1, 2, 3, 5, 8, 13]) {
        const [what, token] = issued[(at + distance) % issued.length]!;
        if (isSame(what, listing.what)) continue;
        const told = await refusal(() => listing.page(clients, 2, token));
        expect({ listing: listing.what, what, ...told }).toMatchObject(invalid);
      }
  });

  it('that of another caller is refused', async () => {
    const { store } = world.service;
    const authenticate = async () => principalOf({ subject: 'somebody' });
    const transport = createRouterTransport(
      routes({ store: () => store, onCall: () => {}, elapsed: () => 0, authenticate }),
    );
    for (const listing of all) {
      const token = tokens.get(listing.what)!;
      const told = await refusal(() => listing.page(clientsOver(transport), 2, token));
      expect({ what: listing.what, ...told }).toMatchObject(invalid);
      expect(await listing.page(clientsOver(transport), 2, '')).toHaveProperty('next');
    }
  });
});

describe('a token of a release without an end', () => {
  it('is refused in words', async () => {
    const key = await world.service.index.get(keys.store.setting.key('pageTokenKey'));
    const secret = Buffer.from(keys.store.setting.decode(key!) as string, 'base64url');
    const before = (query: readonly unknown[], last: Uint8Array) => {
      const hash = createHash('sha256').update(JSON.stringify(query)).digest();
      const signature = createHmac('sha256', secret).update(hash).update(last).digest().subarray(0, 16);
      return Buffer.concat([signature, last]).toString('base64url');
    };
    const now = Buffer.alloc(8);
    now.writeBigUInt64BE(BigInt(world.service.clock.now));
    const old = {
      'all sessions': before(
        ['local', 'default', 'sessions', false, '', null],
        Buffer.concat([now, Buffer.alloc(16, 7)]),
      ),
      'usage of a namespace': before(
        ['local', 'default', 'usage', { of: 'namespace' }],
        Buffer.concat([now, keys.artifacts.record.range('default').gte]),
      ),
      links: before(['local', 'default', 'links', { of: 'namespace' }, false], Buffer.alloc(40, 7)),
      quarantined: before(['quarantined', null], keys.blobs.quarantine.range().gte),
      namespaces: Buffer.from('default').toString('base64url'),
      keys: Buffer.from(`key_${'a'.repeat(16)}`).toString('base64url'),
    };
    for (const [what, token] of Object.entries(old)) {
      const listing = all.find((one) => one.what === what)!;
      const told = await refusal(() => listing.page(clients, 2, token));
      expect({ what, ...told }).toMatchObject({ ...invalid, message: `page_token: ${unaltered}` });
    }
  });
});

describe('a token ends', () => {
  it('after 24 hours, on every listing', async () => {
    const { clock } = world.service;
    clock.now += 24 * hour - 1;
    const next = new Map<string, string>();
    for (const listing of all) {
      const page = await listing.page(clients, 2, tokens.get(listing.what)!);
      if (page.next !== '') next.set(listing.what, page.next);
    }
    expect(next.size).toBeGreaterThan(25);
    clock.now += 1;
    for (const listing of all) {
      const told = await refusal(() => listing.page(clients, 2, tokens.get(listing.what)!));
      expect({ what: listing.what, ...told }).toMatchObject({
        ...invalid,
        fields: [listing.field],
        message: `${listing.field}: must be less than 24 hours old; start again without one`,
      });
    }
    // The tokens of the pages that were read meanwhile have a day of their own.
    for (const listing of all) {
      const token = next.get(listing.what);
      if (token !== undefined) expect(await listing.page(clients, 2, token)).toHaveProperty('items');
    }
  });
});

function flipped(token: string, at: number): string {
  const mark = token.startsWith('~') ? '~' : '';
  const bytes = Buffer.from(token.slice(mark.length), 'base64url');
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = bytes[place]! ^ 1;
  return mark + bytes.toString('base64url');
}
