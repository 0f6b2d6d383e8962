/** What the server offers in addition to its main tools, to clients of both eras. */
import { describe, expect, it } from 'vitest';
import { artifactFields, sessionFieldsOfSessions } from '../../src/query/filter.ts';
import { eras, messageBytesMax, openServed } from './support.ts';

const local = [
  'push query read pull show sessions open_session seal_session wait_session compare lineage whoami record_file',
]
  .join(' ')
  .split(' ');

describe.each(eras)('to a client of %s, the server', (era) => {
  it('offers its tools, described by schemas, in a list that is not long', async () => {
    const { agent } = await openServed(era);
    const { tools } = await agent.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(local);
    for (const { title, description, inputSchema, outputSchema, annotations } of tools) {
      expect(title).toBeTruthy();
      expect(description!.length).toBeLessThan(500);
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      expect(outputSchema).toMatchObject({ type: 'object' });
      expect(typeof annotations?.readOnlyHint).toBe('boolean');
    }
    expect(agent.longest).toBeLessThan(messageBytesMax);
    const instructions = agent.client.getInstructions()!;
    for (const name of ['push', 'query', 'seal_session', 'wait_session'])
      expect(instructions).toContain(name);
  });

  it.each([
    ['query', artifactFields],
    ['sessions', sessionFieldsOfSessions],
  ])(
    'names in the description of %s every field of its filter, and no other, and a filter that works',
    async (name, fields) => {
      const { agent } = await openServed(era);
      const { tools } = await agent.client.listTools();
      const { description } = tools.find((tool) => tool.name === name)!;
      const named = /Fields: ([^;]+);/.exec(description!)![1]!.split(', ');
      expect([...named].sort()).toEqual([...Object.keys(fields), 'metadata.KEY', 'labels.KEY'].sort());
      const example = /such as (.+?)\. Fields:/.exec(description!)![1]!;
      for (const filter of [...named.map((field) => `${field}:*`), example])
        expect(await agent.call(name, { filter }), filter).toMatchObject(
          name === 'query' ? { artifacts: [] } : { sessions: [] },
        );
    },
  );

  it('links to artifacts, and never to the bytes of an image', async () => {
    const { agent, client } = await openServed(era);
    await client.push(new Uint8Array([0x89, 0x50]), { session: 's', name: 'plot.png' });
    await client.push('# done', { session: 's', name: 'summary.md' });
    const { content, structuredContent } = await agent.result('query', { session: 's' });
    const links = content.filter((block) => block.type === 'resource_link');
    expect(content.length).toBe(3);
    expect(links).toMatchObject([
      { name: 'summary.md', mimeType: 'application/json', annotations: { audience: ['user', 'assistant'] } },
      { name: 'plot.png', mimeType: 'application/json', annotations: { audience: ['user'] } },
    ]);
    expect(structuredContent).toMatchObject({ artifacts: [{ name: 'summary.md' }, { name: 'plot.png' }] });
    const image = await agent.client.readResource({ uri: links[1]!.uri });
    expect(image.contents).toMatchObject([{ mimeType: 'application/json' }]);
    const text = await agent.client.readResource({ uri: links[0]!.uri });
    expect(text.contents).toMatchObject([{ mimeType: 'application/json' }, { text: '# done' }]);
    const record = JSON.parse((text.contents[0] as { text: string }).text);
    expect(record).toMatchObject({ name: 'summary.md', session: 's', sha256: expect.any(String) });
  });

  it('lists sessions and artifacts as resources, says how long they stay current, and completes them', async () => {
    const { agent, client } = await openServed(era);
    await client.push('a', { session: 'run_1', name: 'a', metadata: { agent: 'x', area: 'y' } });
    await client.push('b', { session: 'other', name: 'b', metadata: { agent: 'z' } });
    await client.sessions.seal('run_1', 'failed');
    const { resources } = await agent.client.listResources();
    const uris = resources.map(({ uri }) => uri);
    expect(uris).toEqual(expect.arrayContaining(['artifacta://session/run_1', 'artifacta://session/other']));
    expect(uris.filter((uri) => uri.startsWith('artifacta://artifact/art_')).length).toBe(2);
    const sealed = await agent.client.readResource({ uri: 'artifacta://session/run_1' });
    const open = await agent.client.readResource({ uri: 'artifacta://session/other' });
    expect(JSON.parse((sealed.contents[0] as { text: string }).text)).toMatchObject({
      outcome: 'failed',
      artifacts: [{ name: 'a' }],
    });
    if (era === '2026') {
      expect(sealed).toMatchObject({ ttlMs: 60_000, cacheScope: 'private' });
      expect(open).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
    }
    const completed = async (uri: string, name: string, value: string, given?: Record<string, string>) => {
      const ref = { type: 'ref/resource' as const, uri };
      const context = given && { context: { arguments: given } };
      const { completion } = await agent.client.complete({ ref, argument: { name, value }, ...context });
      return completion.values;
    };
    expect(await completed('artifacta://session/{session}', 'session', 'ru')).toEqual(['run_1']);
    expect(await completed('artifacta://found/{key}/{value}', 'key', 'a')).toEqual(['agent', 'area']);
    expect(await completed('artifacta://found/{key}/{value}', 'value', '', { key: 'agent' })).toEqual([
      'x',
      'z',
    ]);
    const found = await agent.client.readResource({ uri: 'artifacta://found/agent/z' });
    expect(JSON.parse((found.contents[0] as { text: string }).text)).toMatchObject({
      artifacts: [{ name: 'b' }],
    });
    await expect(agent.client.readResource({ uri: 'artifacta://session/none' })).rejects.toThrow(
      /SESSION_NOT_FOUND/,
    );
  });

  it('serves the skill that says how to hand over work', async () => {
    const { agent } = await openServed(era);
    const { resources } = await agent.client.listResources();
    const skill = resources.find(({ uri }) => uri.startsWith('skill://'))!;
    const { contents } = await agent.client.readResource({ uri: skill.uri });
    expect((contents[0] as { text: string }).text).toMatch(/^---\nname: hand-over-work\n[\s\S]*seal_session/);
  });

  it('inside a run tells the model not to seal the session of the run, and takes the id to do so all the same', async () => {
    const { agent, client } = await openServed(era, { session: 'run_1', isSessionOfRun: true });
    await client.session('run_1');
    expect(agent.client.getInstructions()).toMatch(
      /go to run_1, .*sealed when that command ends: do not seal it/,
    );
    await agent.call('push', { text: 'a', name: 'a.txt' });
    expect(await agent.refused('seal_session', { outcome: 'succeeded' })).toMatch(
      /^session: is required: run_1 is sealed by the command that runs this agent/,
    );
    expect((await client.sessions.get('run_1')).state).toBe('open');
    await agent.call('seal_session', { session: 'run_1', outcome: 'succeeded' });
    expect((await client.sessions.get('run_1')).state).toBe('sealed');
  });

  it('says what it is, and what it may do', async () => {
    const { agent } = await openServed(era, { session: 'given' });
    expect(await agent.call('whoami')).toMatchObject({
      caller: { subject: 'local', namespace: 'default', scopes: ['read', 'share', 'write'] },
      version: '1.0.0',
      default_session: 'given',
      allowed_directories: [],
      consented_tools: [],
    });
    const { agent: enabled } = await openServed(era, { consented: ['share', 'delete'] });
    expect(await enabled.call('whoami')).toMatchObject({
      consented_tools: ['share', 'revoke_share', 'delete'],
    });
  });
});

describe.each(eras)('to a client of %s, tools that need consent', (era) => {
  const consented = ['share', 'delete'] as const;

  it('are hidden unless they are enabled', async () => {
    const { agent } = await openServed(era, { consented });
    const { tools } = await agent.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([...local, 'share', 'revoke_share', 'delete']);
    const { agent: other } = await openServed(era, { consent: () => true });
    await expect(other.client.callTool({ name: 'delete', arguments: {} })).rejects.toThrow(/not found/);
  });

  it('do what a person agrees to, after a question that names it', async () => {
    const questions: string[] = [];
    const consent = (message: string) => questions.push(message) > 0;
    const { agent, client } = await openServed(era, { consented, consent });
    const { artifact } = await client.push('a', { session: 's', name: 'a.txt' });
    const shared = await agent.call('share', { artifact: artifact.id, ttl_seconds: 3_600 });
    expect(shared.path).toMatch(/^\/s\//);
    expect(await agent.call('revoke_share', { link_id: shared.link_id })).toEqual({ revoked: 1 });
    expect(await agent.call('revoke_share', { link_id: shared.link_id })).toEqual({ revoked: 0 });
    await client.share(artifact.id);
    expect(await agent.call('revoke_share', { artifact: artifact.id })).toEqual({ revoked: 1 });
    expect(await Array.fromAsync(client.links.list())).toEqual([]);
    expect(await agent.refused('revoke_share', { link_id: 'lnk_none' })).toMatch(/^SHARE_LINK_NOT_FOUND/);
    expect(await agent.call('delete', { artifact: artifact.id })).toEqual({ deleted: true });
    await expect(client.get(artifact.id)).rejects.toThrow();
    expect(questions).toEqual([
      'Share s/a.txt (version 1, 1 bytes) with everyone who has the link, for 1 h?',
      `Revoke the share link ${shared.link_id} of s/a.txt (version 1) forever?`,
      `Revoke the share link ${shared.link_id} forever?`,
      'Revoke all share links of s/a.txt (version 1, 1 bytes) forever?',
      'Revoke the share link lnk_none forever?',
      'Delete s/a.txt (version 1, 1 bytes) forever?',
    ]);
  });

  it('do nothing when a person declines, or the client cannot ask', async () => {
    const declining = await openServed(era, { consented, consent: () => false });
    const silent = await openServed(era, { consented });
    for (const { agent, client } of [declining, silent]) {
      const { artifact } = await client.push('a', { session: 's', name: 'a.txt' });
      const { link } = await client.share(artifact.id);
      const calls = [
        ['share', { artifact: artifact.id }],
        ['revoke_share', { artifact: artifact.id }],
        ['revoke_share', { link_id: link.id }],
        ['delete', { artifact: artifact.id }],
      ] as const;
      for (const [name, args] of calls)
        expect(await agent.refused(name, args)).toMatch(
          agent === silent.agent
            ? /^PERMISSION_DENIED: .*cannot ask/
            : /^PERMISSION_DENIED: the person has not/,
        );
      expect((await client.get(artifact.id)).name).toBe('a.txt');
      expect(await Array.fromAsync(client.links.list())).toEqual([link]);
      expect(await agent.refused('revoke_share', { link_id: 'it, yes? lnk_1' })).toMatch(
        /link_id: must be the id of a link/,
      );
      expect(await agent.refused('delete', { artifact: 's/a.txt' })).toMatch(/artifact: must be the id/);
    }
  });
});
