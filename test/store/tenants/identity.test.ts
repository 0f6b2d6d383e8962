/** What callers may do in the store: API keys, limited tokens, quotas. */
import { describe, expect, it } from 'vitest';
import { failedWith } from '../../../src/domain/errors.ts';
import { parseNamespace, parseSessionId } from '../../../src/domain/names.ts';
import type { Principal, Restriction } from '../../../src/domain/principal.ts';
import type { UsageRecord } from '../../../src/index/records.ts';
import type { Store } from '../../../src/store/open.ts';
import { plus } from '../../../src/store/rows/usage.ts';
import type { NewApiKey } from '../../../src/store/tenants/api-keys.ts';
import { openTestStore } from '../../support/service.ts';
import { digestOf, principalOf, queryOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

const bytes = Buffer.from('some bytes');

async function reasonOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'OK';
  } catch (error) {
    return failedWith(error, (error as { reason: never }).reason) ? error.reason : String(error);
  }
}

const keyOf = (more: Partial<NewApiKey> = {}): NewApiKey => ({
  namespace: tester.namespace,
  description: '',
  scopes: ['read', 'write'],
  operator: false,
  expireTime: undefined,
  ...more,
});

function limited(restriction: Restriction, more: Partial<Principal> = {}): Principal {
  const credentials = { operator: false, subject: 'tok_a', expireTime: 9_999_999_999_999 };
  return { ...tester, ...credentials, restriction, ...more };
}

const inSession = (id: string) => ({ sessions: new Set([parseSessionId('session', id)]) });

describe('an API key', () => {
  it('stands for its namespace and scopes, and its secret is stored nowhere', async () => {
    await using opened = await openTestStore();
    const { store, index } = opened;
    const { key, secret } = await store.apiKeys.create(keyOf({ scopes: ['write', 'read', 'read'] }));
    expect(secret).toMatch(/^ark_[a-z2-7]{16}_[A-Za-z0-9_-]{43}$/);
    expect(key.id).toBe(`key_${secret.split('_')[1]}`);
    expect(await store.apiKeys.authenticate(secret)).toEqual({
      subject: key.id,
      apiKey: key.id,
      namespace: 'default',
      scopes: new Set(['read', 'write']),
      operator: false,
    });
    const secretPart = secret.slice('ark_'.length + 17);
    for await (const block of index.scan({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }))
      for (const [, value] of block) expect(Buffer.from(value).includes(secretPart)).toBe(false);
  });

  it.each([
    ['cut', (secret: string) => secret.slice(0, -1)],
    [
      'with another last character',
      (secret: string) => secret.slice(0, -1) + (secret.endsWith('A') ? 'E' : 'A'),
    ],
    [
      'with another id',
      (secret: string) => secret.replace(/^ark_./, (head) => (head === 'ark_a' ? 'ark_b' : 'ark_a')),
    ],
    ['empty', () => ''],
    ['with NUL', (secret: string) => `${secret}\0`],
    ['ten megabytes long', (secret: string) => secret.repeat(125_000)],
  ])('%s is refused', async (_what, change) => {
    await using opened = await openTestStore();
    const { secret } = await opened.store.apiKeys.create(keyOf());
    expect(await reasonOf(opened.store.apiKeys.authenticate(change(secret)))).toBe('UNAUTHENTICATED');
    expect(await reasonOf(opened.store.apiKeys.authenticate(secret))).toBe('OK');
  });

  it('ends when it is revoked or expired, also for what is under way', async () => {
    await using opened = await openTestStore();
    const { store, clock } = opened;
    const revoked = await store.apiKeys.create(keyOf());
    const expiring = await store.apiKeys.create(keyOf({ expireTime: clock.now + 1_000 }));
    const uploads = await Promise.all(
      [revoked, expiring].map(async ({ secret }, at) => {
        const principal = await store.apiKeys.authenticate(secret);
        const upload = await store.uploads.begin(principal, specOf({ session: 's', name: `n${at}` }));
        if ('receipt' in upload) throw new Error('expected an upload');
        await upload.write(bytes);
        return upload;
      }),
    );
    const first = await store.apiKeys.revoke(revoked.key.id);
    clock.now += 1_000;
    expect(await store.apiKeys.revoke(revoked.key.id)).toEqual(first);
    for (const { secret } of [revoked, expiring])
      expect(await reasonOf(store.apiKeys.authenticate(secret))).toBe('UNAUTHENTICATED');
    for (const upload of uploads) {
      await using ending = upload;
      expect(await reasonOf(ending.finish({ sizeBytes: bytes.length, sha256: undefined }))).toBe(
        'UNAUTHENTICATED',
      );
    }
    expect(await reasonOf(store.sessions.get(tester, parseSessionId('session', 's')))).toBe(
      'SESSION_NOT_FOUND',
    );
    expect(await reasonOf(store.apiKeys.revoke('key_unknown'))).toBe('API_KEY_NOT_FOUND');
  });

  it('is listed by namespace, page by page, with those that ended only if asked', async () => {
    await using opened = await openTestStore();
    const { apiKeys, namespaces } = opened.store;
    const other = parseNamespace('namespace', 'other');
    await namespaces.ensure(other);
    const made = await Promise.all([1, 2, 3, 4].map(() => apiKeys.create(keyOf())));
    const elsewhere = await apiKeys.create(keyOf({ namespace: other }));
    await apiKeys.revoke(made[0]!.key.id);
    const listed = async (query: { namespace?: typeof other; showEnded?: boolean; pageSize: number }) => {
      const ids: string[] = [];
      let pageToken = '';
      do {
        const asked = { namespace: undefined, showEnded: false, ...query, pageToken };
        const page = await apiKeys.list(tester, asked);
        ids.push(...page.items.map(({ id }) => id));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      return ids;
    };
    const ids = made.map(({ key }) => key.id);
    expect(await listed({ pageSize: 2, namespace: tester.namespace })).toEqual(ids.slice(1).sort());
    expect(await listed({ pageSize: 1, showEnded: true })).toEqual([...ids, elsewhere.key.id].sort());
    expect(await listed({ pageSize: 9, namespace: other })).toEqual([elsewhere.key.id]);
    expect(await reasonOf(apiKeys.create(keyOf({ namespace: parseNamespace('n', 'nowhere') })))).toBe(
      'NAMESPACE_NOT_FOUND',
    );
  });
});

/** What a limited caller is told of what is there, and of what is not. */
async function answersAbout(store: Store, by: Principal, session: string, name: string, id: string) {
  const attempt = (work: Promise<unknown>) =>
    work.then(
      () => 'OK',
      (error: { reason: string; message: string; metadata: unknown }) =>
        JSON.stringify([error.reason, error.message, error.metadata])
          .replaceAll(id, 'ID')
          .replaceAll(session, 'SESSION')
          .replaceAll(name, 'NAME'),
    );
  const range = { offset: 0, limit: undefined };
  const known = target(session, name);
  const sessionId = parseSessionId('session', session);
  return Promise.all([
    attempt(store.artifacts.get(by, { id: id as never })),
    attempt(store.artifacts.get(by, known)),
    attempt(store.artifacts.get(by, target(session, name, 1))),
    attempt(store.downloads.artifact(by, { id: id as never }, range)),
    attempt(store.downloads.artifact(by, known, range)),
    attempt(store.artifacts.update(by, { id: id as never }, { hold: true })),
    attempt(store.artifacts.update(by, known, { hold: true })),
    attempt(store.artifacts.delete(by, { id: id as never }).then((deleted) => expect(deleted).toBe(false))),
    attempt(store.artifacts.delete(by, known).then((deleted) => expect(deleted).toBe(false))),
    attempt(store.listing.artifacts(by, queryOf(session))),
    attempt(store.listing.artifacts(by, queryOf(session, { name, allVersions: true }))),
    attempt(store.sessions.get(by, sessionId)),
    attempt(store.sessions.update(by, sessionId, { labels: [] })),
    attempt(store.sessions.open(by, sessionNamed(session))),
    attempt(store.seals.seal(by, sessionId, 'succeeded')),
    attempt(store.downloads.manifest(by, sessionId)),
    attempt(store.uploads.create(by, specOf({ session, name }), bytes)),
    attempt(store.uploads.createByDigest(by, specOf({ session, name }), digestOf(bytes))),
    attempt(store.uploads.create(by, specOf({ session: 'mine', name: 'new', inputs: [id as never] }), bytes)),
  ]);
}

describe('a token that is limited to a session', () => {
  it('is answered about others as about what is not there, whether it is or not', async () => {
    await using opened = await openTestStore();
    const { store } = opened;
    await store.uploads.create(tester, specOf({ session: 'mine', name: 'a' }), Buffer.from('mine'));
    const hidden = await store.uploads.create(
      tester,
      specOf({ session: 'secret', name: 'hidden-name' }),
      bytes,
    );
    const by = limited(inSession('mine'));
    const about = await answersAbout(store, by, 'secret', 'hidden-name', hidden.artifact.id);
    // Deleting what is not there is no failure.
    expect(about.filter((answer) => answer === 'OK')).toHaveLength(2);
    expect(about).toEqual(await answersAbout(store, by, 'nothing', 'absent-name', `art_${'0'.repeat(26)}`));
    const after = await store.artifacts.get(tester, target('secret', 'hidden-name'));
    expect(after).toEqual(hidden.artifact);
    const { items } = await store.listing.sessions(by, {
      pageSize: 10,
      pageToken: '',
      oldestFirst: false,
      filter: '',
    });
    expect(items.map(({ id }) => id)).toEqual(['mine']);
  });

  it('learns nothing of contents that others have', async () => {
    await using opened = await openTestStore();
    const { store } = opened;
    await store.uploads.create(tester, specOf({ session: 'secret', name: 'hidden-name' }), bytes);
    const by = limited(inSession('mine'));
    const spec = specOf({ session: 'mine', name: 'copy' });
    expect(await reasonOf(store.uploads.createByDigest(by, spec, digestOf(bytes)))).toBe('CONTENT_NOT_FOUND');
    const pushed = await store.uploads.create(by, spec, bytes);
    expect(pushed.receipt).toMatchObject({ bytesSaved: 0, deduplicated: false });
    expect(
      await reasonOf(store.uploads.createByDigest(by, { ...spec, name: 'again' as never }, digestOf(bytes))),
    ).toBe('OK');
  });

  it('may open, fill and seal its own', async () => {
    await using opened = await openTestStore();
    const { store } = opened;
    const by = limited(inSession('mine'));
    await store.sessions.open(by, sessionNamed('mine'));
    await store.uploads.create(by, specOf({ session: 'mine', name: 'a' }), bytes);
    expect((await store.seals.seal(by, parseSessionId('session', 'mine'), 'succeeded')).session.state).toBe(
      'sealed',
    );
    expect(await reasonOf(store.downloads.manifest(by, parseSessionId('session', 'mine')))).toBe('OK');
  });
});

describe('a token that is limited to some names', () => {
  it('sees and changes only those, and no session as a whole', async () => {
    await using opened = await openTestStore();
    const { store } = opened;
    for (const name of ['in/a', 'in/b', 'out/a'])
      await store.uploads.create(tester, specOf({ session: 's', name }), Buffer.from(name));
    const by = limited({ namePrefix: 'in/' });
    const { items } = await store.listing.artifacts(by, queryOf('s'));
    expect(items.map(({ name }) => name).sort()).toEqual(['in/a', 'in/b']);
    expect(await reasonOf(store.artifacts.get(by, target('s', 'out/a')))).toBe('ARTIFACT_NOT_FOUND');
    expect(await reasonOf(store.uploads.create(by, specOf({ session: 's', name: 'out/b' }), bytes))).toBe(
      'PERMISSION_DENIED',
    );
    expect(await reasonOf(store.uploads.create(by, specOf({ session: 's', name: 'in/c' }), bytes))).toBe(
      'OK',
    );
    const id = parseSessionId('session', 's');
    const whole = [
      store.sessions.get(by, id),
      store.sessions.open(by, sessionNamed('t')),
      store.sessions.update(by, id, { labels: [] }),
      store.seals.seal(by, id, 'succeeded'),
      store.downloads.manifest(by, id),
      store.listing.sessions(by, { pageSize: 10, pageToken: '', oldestFirst: false, filter: '' }),
      store.listing.artifacts(by, queryOf('s', { showGone: true })),
    ];
    for (const work of whole) expect(await reasonOf(work)).toBe('PERMISSION_DENIED');
  });
});

describe('a token that may push so many bytes', () => {
  it('is counted exactly, however many push at once, and duplicates are free', async () => {
    await using opened = await openTestStore();
    const { store } = opened;
    const by = limited({ pushBytesMax: 35 });
    const push = (at: number) =>
      reasonOf(store.uploads.create(by, specOf({ session: 's', name: `n${at}` }), bytes));
    const reasons = await Promise.all(Array.from({ length: 20 }, (_, at) => push(at)));
    expect(reasons.filter((reason) => reason === 'OK')).toHaveLength(3);
    expect(new Set(reasons)).toEqual(new Set(['OK', 'QUOTA_EXCEEDED']));
    const kept = (await store.listing.artifacts(tester, queryOf('s'))).items[0]!;
    expect(await reasonOf(store.uploads.create(by, specOf({ session: 's', name: kept.name }), bytes))).toBe(
      'OK',
    );
    expect(
      await reasonOf(store.uploads.begin(by, specOf({ session: 's', name: 'big', sizeBytes: 36 }))),
    ).toBe('QUOTA_EXCEEDED');
    const another = { ...by, subject: 'tok_b' };
    expect(await reasonOf(store.uploads.create(another, specOf({ session: 's', name: 'b' }), bytes))).toBe(
      'OK',
    );
  });

  it('ends with its time, also for what is under way', async () => {
    await using opened = await openTestStore();
    const { store, clock } = opened;
    const by = limited({ pushBytesMax: 100 }, { expireTime: clock.now + 10 });
    expect(await reasonOf(store.uploads.create(by, specOf({ session: 's', name: 'a' }), bytes))).toBe('OK');
    clock.now += 10;
    expect(await reasonOf(store.uploads.create(by, specOf({ session: 's', name: 'b' }), bytes))).toBe(
      'UNAUTHENTICATED',
    );
    expect(await reasonOf(store.artifacts.delete(by, target('s', 'a')))).toBe('UNAUTHENTICATED');
  });
});

describe('a quota', () => {
  const quota = { artifacts: 5, bytes: 45, sessions: 2 };

  it.each([
    ['artifacts', { artifacts: 5 }, 5],
    ['bytes', { bytes: 45 }, 4],
    ['sessions', { sessions: 2 }, 2],
    ['all three', quota, 2],
  ])(
    'of %s is never exceeded, with fifty pushes at once of which half are given up',
    async (_what, limits, fits) => {
      await using opened = await openTestStore();
      const { store } = opened;
      await store.namespaces.update(tester.namespace, { quota: limits });
      const sessionsAlone = _what === 'sessions' || _what === 'all three';
      const reasons = await Promise.all(
        Array.from({ length: 50 }, async (_, at) => {
          const spec = specOf({ session: sessionsAlone ? `s${at}` : 's', name: `n${at}` });
          const upload = await store.uploads.begin(tester, spec).catch((error: { reason: string }) => error);
          if ('reason' in upload) return upload.reason;
          if ('receipt' in upload) return 'OK';
          await using ending = upload;
          await ending.write(bytes);
          if (at % 2 === 1) return 'given up';
          return await reasonOf(ending.finish({ sizeBytes: bytes.length, sha256: undefined }));
        }),
      );
      expect(reasons.filter((reason) => reason === 'OK')).toHaveLength(fits);
      expect(new Set(reasons)).toEqual(new Set(['OK', 'QUOTA_EXCEEDED', 'given up']));
      const { usage } = await store.namespaces.usage(tester.namespace);
      expect(usage).toEqual({
        artifacts: fits,
        bytes: fits * bytes.length,
        sessions: sessionsAlone ? fits : 1,
      });
    },
  );

  it('does not refuse what adds nothing, and lets go when something is deleted or it is raised', async () => {
    await using opened = await openTestStore();
    const { store } = opened;
    const push = (name: string, size = bytes.length) =>
      reasonOf(
        store.uploads.create(tester, specOf({ session: 's', name, sizeBytes: size }), Buffer.alloc(size)),
      );
    expect(await push('a')).toBe('OK');
    await store.namespaces.update(tester.namespace, { quota: { bytes: 5 } });
    expect(await push('a')).toBe('OK');
    expect(await push('b')).toBe('QUOTA_EXCEEDED');
    expect(await reasonOf(store.sessions.open(tester, sessionNamed('empty')))).toBe('OK');
    await store.artifacts.delete(tester, target('s', 'a'));
    expect(await push('b', 5)).toBe('OK');
    expect(await push('c', 1)).toBe('QUOTA_EXCEEDED');
    await store.namespaces.update(tester.namespace, { quota: 'none' });
    expect(await push('c', 100)).toBe('OK');
  });

  it('holds for its namespace alone', async () => {
    await using opened = await openTestStore();
    const { store } = opened;
    const other = parseNamespace('namespace', 'other');
    await store.namespaces.create(other, { description: 'small', quota: { artifacts: 0 } });
    const elsewhere = principalOf({ namespace: 'other' });
    expect(await reasonOf(store.uploads.create(elsewhere, specOf({ session: 's', name: 'a' }), bytes))).toBe(
      'QUOTA_EXCEEDED',
    );
    expect(await reasonOf(store.uploads.create(tester, specOf({ session: 's', name: 'a' }), bytes))).toBe(
      'OK',
    );
  });
});

describe('a namespace', () => {
  it('is made once with its settings, changed by etag, and listed in order', async () => {
    await using opened = await openTestStore();
    const { namespaces } = opened.store;
    const name = parseNamespace('namespace', 'a-team');
    const settings = { description: 'the A team', quota: { bytes: 10 } };
    const made = await namespaces.create(name, settings);
    expect(await namespaces.create(name, settings)).toEqual(made);
    expect(await reasonOf(namespaces.create(name, { ...settings, description: 'B' }))).toBe(
      'NAMESPACE_EXISTS',
    );
    const changed = await namespaces.update(name, { description: 'A', etag: made.etag });
    expect(changed).toMatchObject({ description: 'A', quota: { bytes: 10 } });
    expect(await reasonOf(namespaces.update(name, { description: 'B', etag: made.etag }))).toBe(
      'ETAG_MISMATCH',
    );
    expect(await namespaces.get(name)).toEqual(changed);
    const page = await namespaces.list(tester, { pageSize: 1, pageToken: '' });
    expect(page.items.map((item) => item.name)).toEqual(['a-team']);
    const rest = await namespaces.list(tester, { pageSize: 5, pageToken: page.nextPageToken });
    expect(rest.items.map((item) => item.name)).toEqual(['default']);
    expect(rest.nextPageToken).toBe('');
    expect(await reasonOf(namespaces.get(parseNamespace('namespace', 'nowhere')))).toBe(
      'NAMESPACE_NOT_FOUND',
    );
  });
});

it('usage that was written before sessions were counted counts on from there', () => {
  const old = { artifacts: 1, bytes: 2 } as UsageRecord;
  expect(plus(old, { sessions: 1, bytes: 3 })).toEqual({ sessions: 1, artifacts: 1, bytes: 5 });
});
