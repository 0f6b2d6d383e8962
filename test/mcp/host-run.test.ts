/** The run of an agent as hooks report it, and the directories that a host names. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { newDirectory } from '../support/command.ts';
import { openServed } from './support.ts';

async function openRun(options: { session?: string; signal?: AbortSignal } = {}) {
  const directory = await newDirectory();
  writeFileSync(join(directory, 'a.txt'), 'a');
  const served = await openServed('2025', { hooks: true, allowedPaths: [directory], ...options });
  const { agent } = served;
  const tell = (event: string, host_session = 'h1') => agent.call('host_event', { event, host_session });
  const record = (host_session = 'h1') => agent.call('record_file', { path: 'a.txt', host_session });
  const outcomes = async () => {
    const all = await Array.fromAsync(served.client.sessions.list());
    return Object.fromEntries(all.map(({ id, outcome }) => [id, outcome ?? 'open']));
  };
  return { ...served, directory, tell, record, outcomes };
}

describe('the session of a run', () => {
  it('is opened once by calls at the same time, under the lease of the server', async () => {
    const { tell, record, client } = await openRun();
    const answers = await Promise.all([tell('SessionStart'), record(), tell('UserPromptSubmit'), record()]);
    expect(answers[0]).toEqual({ session: 'h1' });
    expect(await client.sessions.get('h1')).toMatchObject({
      metadata: { host_session: 'h1', mcp_client: 'test-agent' },
      lease: { durationMs: 600_000 },
      artifactCount: 1,
    });
  });

  it('gets a valid id, also for an id of the host that is none', async () => {
    const { tell, client } = await openRun();
    expect(await tell('SessionStart', 'a b/ü')).toEqual({ session: 'a-b--' });
    expect((await client.sessions.get('a-b--')).metadata.host_session).toBe('a b/ü');
  });

  it('is another one where that of the same id was sealed or deleted', async () => {
    const { tell, client } = await openRun();
    await client.sessions.open('h1');
    await client.sessions.seal('h1', 'failed');
    await client.push('x', { session: 'h1.2', name: 'x' });
    await client.sessions.delete('h1.2');
    expect(await tell('SessionStart')).toEqual({ session: 'h1.3' });
  });

  it('is taken over from a process that has died, and then sealed', async () => {
    const { tell, client, agent, served, outcomes } = await openRun();
    await client.sessions.open('h1', { leaseMs: 600_000, metadata: { host_session: 'h1' } });
    expect(await tell('SessionStart')).toEqual({ session: 'h1' });
    await agent.client.close();
    await served;
    expect(await outcomes()).toEqual({ h1: 'succeeded' });
  });

  it('stays the one that was given to the server', async () => {
    const { tell, record, agent, served, outcomes } = await openRun({ session: 'outer' });
    expect(await tell('SessionStart')).toEqual({ session: 'outer' });
    await record('h2');
    await agent.client.close();
    await served;
    expect(await outcomes()).toEqual({ outer: 'succeeded' });
  });

  it('is the one that the agent has opened itself, from then on', async () => {
    const { tell, record, agent } = await openRun();
    await tell('SessionStart');
    await agent.call('open_session', { session: 'own' });
    expect((await record()).artifact.session).toBe('own');
    expect(await tell('UserPromptSubmit')).toEqual({ session: 'own' });
  });

  it('is sealed when the run ends, and the next run has another', async () => {
    const { tell, record, agent, served, outcomes } = await openRun();
    await record();
    await tell('Stop');
    // The end of a run that is not this one.
    await tell('SessionEnd', 'h2');
    await tell('SessionEnd');
    await record('h3');
    await tell('SessionEnd', 'h3');
    expect((await agent.call('push', { text: 'a', name: 'a' })).artifact.session).toMatch(/^run_/);
    await agent.client.close();
    await served;
    const { h1, h3, ...others } = await outcomes();
    expect([h1, h3, Object.values(others)]).toEqual(['succeeded', 'cancelled', ['succeeded']]);
  });

  it.each([
    [['Stop'], 'succeeded'],
    [['Stop', 'UserPromptSubmit'], 'open'],
    [[], 'open'],
  ])('after %j and a signal is %s', async (events, expected) => {
    const stop = new AbortController();
    const { tell, record, served, outcomes } = await openRun({ signal: stop.signal });
    await record();
    for (const event of events) await tell(event);
    stop.abort();
    await served;
    expect(await outcomes()).toEqual({ h1: expected });
  });

  it('opens although the first attempt has failed', async () => {
    const { tell, client } = await openRun();
    const { open } = client.sessions;
    client.sessions.open = async () => {
      throw new Error('away');
    };
    await expect(tell('SessionStart')).rejects.toThrow(/away/);
    client.sessions.open = open;
    expect(await tell('UserPromptSubmit')).toEqual({ session: 'h1' });
  });
});

describe('tools for hooks', () => {
  it('are offered only if they are wanted', async () => {
    const namesOf = async (hooks: boolean) => {
      const { agent } = await openServed('2026', { hooks });
      return (await agent.client.listTools()).tools.map(({ name }) => name);
    };
    expect((await namesOf(true)).slice(-3)).toEqual(['record_file', 'record_patch', 'host_event']);
    expect((await namesOf(false)).at(-1)).toBe('record_file');
    const { agent } = await openServed('2026', { allowedPaths: [import.meta.dirname] });
    expect(await agent.refused('record_file', { path: 'x', host_session: 'h' })).toMatch(
      /host_session.*must be left out/,
    );
  });

  it('refuse wrong arguments', async () => {
    const { agent } = await openRun();
    expect(await agent.refused('host_event', { event: 'Notification', host_session: 'h' })).toMatch(
      /event: must be "SessionStart" or/,
    );
    expect(await agent.refused('host_event', { event: 'Stop', host_session: '' })).toMatch(
      /host_session: must have at least 1 characters/,
    );
    expect(await agent.refused('record_file', { path: 'a.txt', session: 's', host_session: 'h' })).toMatch(
      /^host_session: must be left out with session/,
    );
    const patch = Array.from({ length: 257 }, (_, at) => `*** Add File: f${at}\n`).join('');
    expect(await agent.refused('record_patch', { patch, directory: '.', host_session: 'h' })).toMatch(
      /^patch: must name at most 256 files, not 257/,
    );
  });

  it('record the files of a patch, and say which not', async () => {
    const { agent, directory } = await openRun();
    writeFileSync(join(directory, 'key.pem'), 'x');
    const patch = '*** Update File: a.txt\n*** Add File: key.pem\n*** Add File: ../b\n*** Add File: gone\n';
    const done = await agent.call('record_patch', { patch, directory, host_session: 'h1' });
    expect(done).toMatchObject({ recorded: 1, left_alone: 3, files: [{ path: 'a.txt' }, {}, {}, {}] });
    expect(await agent.call('query', { session: 'h1' })).toMatchObject({ artifacts: [{ name: 'a.txt' }] });
  });
});

describe('the roots of a host', () => {
  it('are allowed, and others after a change; none of another kind', async () => {
    const directory = await newDirectory();
    for (const name of ['one', 'two']) {
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, 'a.txt'), name);
    }
    const at = (name: string) => pathToFileURL(join(directory, name)).href;
    let uris = [at('one'), 'file://elsewhere/x', at('absent')];
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const { agent } = await openServed('2025', { allowRoots: true, roots: () => uris, warn });
    const allowed = async () => (await agent.call('whoami')).allowed_directories;
    expect(await allowed()).toEqual([join(directory, 'one')]);
    expect((await agent.call('push', { path: 'a.txt' })).artifact.name).toBe('a.txt');
    expect(await agent.refused('push', { path: join(directory, 'two/a.txt') })).toMatch(
      /must lead to a file/,
    );
    uris = [at('two')];
    await agent.client.sendRootsListChanged();
    expect(await allowed()).toEqual([join(directory, 'two')]);
    expect(await agent.refused('push', { path: join(directory, 'one/a.txt') })).toMatch(
      /must lead to a file/,
    );
  });

  it('are not asked for unless they are allowed, and a host without any names none', async () => {
    let asked = 0;
    const { agent } = await openServed('2025', { roots: () => [String(asked++)] });
    expect((await agent.call('whoami')).allowed_directories).toEqual([]);
    expect(asked).toBe(0);
    const { agent: without } = await openServed('2025', { allowRoots: true });
    expect(await without.refused('push', { path: 'a.txt' })).toMatch(/the host has named no directory/);
  });
});
