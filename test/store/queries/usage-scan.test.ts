/** What a namespace holds, read page by page, is what is in it. */
import { expect, it, onTestFinished } from 'vitest';
import { parseNamespace, parseSessionId } from '../../../src/domain/names.ts';
import type { UsagePart, UsageScope } from '../../../src/store/queries/usage-scan.ts';
import { openTestStore, startOfTime, type TestStore } from '../../support/service.ts';
import { principalOf, specOf, target, tester } from '../../support/specs.ts';

const ns = parseNamespace('namespace', 'default');
const hour = 3_600_000;

async function filled(): Promise<TestStore> {
  const opened = await openTestStore();
  onTestFinished(() => opened[Symbol.asyncDispose]());
  const push = (session: string, name: string, agent: string, content: string, ttlMs?: number) =>
    opened.store.uploads.create(
      tester,
      specOf({ session, name, metadata: { agent }, ttlMs }),
      Buffer.from(content),
    );
  await push('one', 'a', 'billing', 'same');
  await push('one', 'b', 'billing', 'same', hour);
  await push('one', 'b', 'billing', 'other', 3 * 24 * hour);
  await push('two', 'a', 'support', 'same', 60 * 24 * hour);
  await push('two', 'b', 'support', 'four', 1);
  opened.clock.now += 10;
  return opened;
}

async function partsOf(opened: TestStore, scope: UsageScope): Promise<readonly UsagePart[]> {
  const page = await opened.store.usage.page(tester, ns, scope, '');
  expect(page.nextPageToken).toBe('');
  return page.parts;
}

it('all of it, also what is superseded or expired', async () => {
  const opened = await filled();
  const now = startOfTime + 10;
  expect(await partsOf(opened, { of: 'namespace' })).toEqual([
    {
      value: '',
      artifacts: 5,
      bytes: 21,
      storedBytes: 13,
      byExpiry: [
        { before: now, artifacts: 1, bytes: 4 },
        { before: now + 24 * hour, artifacts: 1, bytes: 4 },
        { before: now + 7 * 24 * hour, artifacts: 1, bytes: 5 },
        { before: 253_402_300_799_999, artifacts: 1, bytes: 4 },
        { before: undefined, artifacts: 1, bytes: 4 },
      ],
    },
  ]);
});

it('a session', async () => {
  const opened = await filled();
  const session = parseSessionId('session', 'one');
  expect(await partsOf(opened, { of: 'session', session })).toMatchObject([
    { value: 'one', artifacts: 3, bytes: 13, storedBytes: 9 },
  ]);
  const none = partsOf(opened, { of: 'session', session: parseSessionId('session', 'none') });
  await expect(none).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
});

it('each value of a metadata key, its latest versions; what is on hold never expires', async () => {
  const opened = await filled();
  await opened.store.artifacts.update(tester, target('two', 'a'), { hold: true });
  const parts = await partsOf(opened, { of: 'metadata', key: 'agent' });
  expect(parts).toMatchObject([
    { value: 'billing', artifacts: 2, bytes: 9, storedBytes: 9 },
    { value: 'support', artifacts: 2, bytes: 8, storedBytes: 8 },
  ]);
  expect(parts[1]!.byExpiry.at(-1)).toEqual({ before: undefined, artifacts: 1, bytes: 4 });
  expect(await partsOf(opened, { of: 'metadata', key: 'none' })).toEqual([]);
});

it('page by page the same, with a token that is good for nothing else', async () => {
  const opened = await openTestStore({ queryTouchesMax: 240 });
  onTestFinished(() => opened[Symbol.asyncDispose]());
  // More than one call may touch, at two touches each.
  for (let at = 0; at < 210; at += 10)
    await Promise.all(
      Array.from({ length: 10 }, (_, more) =>
        opened.store.uploads.create(
          tester,
          specOf({ session: `s${at}`, name: `n${more}`, metadata: { k: `v${at % 40}` } }),
          Buffer.from(String(more % 7)),
        ),
      ),
    );
  const scope = { of: 'metadata', key: 'k' } as const;
  const first = await opened.store.usage.page(tester, ns, scope, '');
  expect(first.nextPageToken).not.toBe('');
  const second = await opened.store.usage.page(tester, ns, scope, first.nextPageToken);
  expect(second.nextPageToken).toBe('');
  const all = [...first.parts, ...second.parts];
  expect(all.reduce((sum, part) => sum + part.artifacts, 0)).toBe(210);
  expect(new Set(all.map(({ value }) => value))).toEqual(new Set(['v0', 'v10', 'v20', 'v30']));
  const refused = { reason: 'PAGE_TOKEN_INVALID' };
  const { nextPageToken } = first;
  await expect(opened.store.usage.page(tester, ns, { of: 'namespace' }, nextPageToken)).rejects.toMatchObject(
    refused,
  );
  await expect(
    opened.store.usage.page(principalOf({ subject: 'other' }), ns, scope, nextPageToken),
  ).rejects.toMatchObject(refused);
});
