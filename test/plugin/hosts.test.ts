/** Hosts that run the plugin: the server as they start it, and their hooks with what they give to these. */
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { newDirectory } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { type HostKind, hostKinds, PlayedHost } from './host.ts';
import { contextEvents } from './rules.ts';

const root = resolve(import.meta.dirname, '../..');
const claudeRun = '00893aaf-19fa-41d2-8238-13269b9b3ca0';
const timeout = 120_000;

interface RoomOptions {
  readonly transcripts?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** A project, the plugin as it was installed, and what the host has given to hooks. */
async function openRoom(kind: HostKind, { transcripts = false, env = {} }: RoomOptions = {}) {
  const home = await newDirectory();
  const at = (...path: string[]) => join(home, ...path);
  for (const name of ['project/notes', 'project/src', '.claude/projects/p', '.codex/sessions', 'plugin-data'])
    mkdirSync(at(name), { recursive: true });
  symlinkSync(join(root, 'plugin'), at('plugin'));
  const data = at('data');
  const kept = at(kind === 'codex' ? '.codex/sessions' : '.claude/projects');
  const hostEnv = {
    PATH: `${join(root, 'bin')}:${process.env.PATH}`,
    HOME: home,
    ARTIFACTA_DATA_DIR: data,
    ...(transcripts && kind === 'codex' && { ARTIFACTA_TRANSCRIPTS: kept }),
    ...env,
  };
  const place = {
    plugin: at('plugin'),
    project: at('project'),
    env: hostEnv,
    userConfig: transcripts ? { transcripts: kept } : {},
  };
  const recorded = (name: string): Record<string, unknown> => {
    const file = join(import.meta.dirname, 'inputs', `${kind}.json`);
    const text = readFileSync(file, 'utf8').replaceAll('/PROJECT', at('project')).replaceAll('/HOME', home);
    return JSON.parse(text)[name];
  };
  const startHost = async () => {
    const host = new PlayedHost(kind, place);
    onTestFinished(() => host[Symbol.asyncDispose]());
    expect(await host.connect()).toBeUndefined();
    return host;
  };
  const shown = async (...args: string[]) => {
    const { stdout, stderr } = await artifacta(...args, '--json', '--data-dir', data);
    expect(stderr).toBe('');
    return stdout
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  };
  return { at, place, recorded, startHost, shown };
}

/** Fires the hooks of an event that must go well, and say nothing to the model. */
async function fired(host: PlayedHost, input: Record<string, unknown>) {
  const all = await host.fire(input);
  for (const { error, text } of all) {
    expect(error).toBeUndefined();
    if (contextEvents.includes(input.hook_event_name as string) || input.hook_event_name === 'Stop')
      expect(JSON.parse(text)).toEqual({});
  }
  return all.map(({ tool, data }) => ({ tool, ...data }));
}

const write = (path: string) => ({ tool_name: 'Write', tool_input: { file_path: path, content: '' } });

test('Claude Code records what the agent writes, and seals at the end of the run', { timeout }, async () => {
  const { at, recorded, startHost, shown } = await openRoom('claude-code');
  const host = await startHost();
  expect(await fired(host, recorded('SessionStart'))).toEqual([{ tool: 'host_event', session: claudeRun }]);
  await fired(host, recorded('UserPromptSubmit'));
  writeFileSync(at('project/report.md'), '# Report\n');
  expect(await fired(host, recorded('Write'))).toMatchObject([
    {
      tool: 'record_file',
      recorded: true,
      effect: 'new',
      artifact: { session: claudeRun, name: 'report.md' },
    },
  ]);
  writeFileSync(at('project/report.md'), '# Results\n');
  expect(await fired(host, recorded('Edit'))).toMatchObject([{ recorded: true, effect: 'version' }]);
  writeFileSync(at('project/notes/plot.ipynb'), '{}');
  expect(await fired(host, recorded('NotebookEdit'))).toMatchObject([
    { recorded: true, artifact: { name: 'notes/plot.ipynb' } },
  ]);
  expect(await fired(host, recorded('Read'))).toEqual([]);
  // What the model stores itself goes to the same session.
  expect(await host.call('push', { text: 'done', name: 'summary.md' })).toMatchObject({
    artifact: { session: claudeRun },
  });
  await fired(host, recorded('Stop'));
  expect(await fired(host, recorded('SessionEnd'))).toEqual([{ tool: 'host_event' }]);
  await host.quit('signals');
  expect(await shown('session', 'ls')).toMatchObject([
    { id: claudeRun, state: 'sealed', outcome: 'succeeded' },
  ]);
  const names = (await shown('ls', claudeRun)).map(({ name }) => name);
  expect(names.sort()).toEqual(['notes/plot.ipynb', 'report.md', 'summary.md']);
});

test('files that are none of the run are left alone, and the agent goes on', { timeout }, async () => {
  const { at, recorded, startHost, shown } = await openRoom('claude-code');
  const host = await startHost();
  writeFileSync(at('outside.txt'), 'x');
  writeFileSync(at('project/.env'), 'KEY=1');
  symlinkSync(at('outside.txt'), at('project/link.txt'));
  const reasons: unknown[] = [];
  for (const path of [
    at('outside.txt'),
    at('project/.env'),
    at('project/gone.txt'),
    at('project/link.txt'),
    at('project/notes'),
    at('data/LOCK'),
    '',
  ]) {
    const [answer] = await fired(host, { ...recorded('Write'), ...write(path) });
    expect(answer).toMatchObject({ tool: 'record_file', recorded: false });
    reasons.push((answer as { reason?: unknown }).reason);
  }
  expect(reasons).toEqual([
    expect.stringMatching(/^path: must lead to a file below an allowed directory/),
    'its name looks like that of a secret',
    expect.stringMatching(/^path: must be a file that exists/),
    expect.stringMatching(/^path: must lead to a file below/),
    'path: must be a regular file, not a directory',
    expect.stringMatching(/^path: must lead to a file below/),
    'path: must be the path of a file',
  ]);
  await host.quit('closing');
  expect(await shown('session', 'ls')).toEqual([]);
});

test('a run that is ended while the agent works is cancelled; one that is killed is left to its lease', {
  timeout,
}, async () => {
  const { at, recorded, startHost, shown } = await openRoom('claude-code');
  writeFileSync(at('project/report.md'), '# Report\n');
  const run = (session_id: string, name: string) => ({ ...recorded(name), session_id });
  const first = await startHost();
  await fired(first, run('left', 'UserPromptSubmit'));
  await fired(first, run('left', 'Write'));
  await fired(first, run('left', 'SessionEnd'));
  // The host goes on with another run, in the same process of the server.
  await fired(first, run('idle', 'SessionStart'));
  await fired(first, run('idle', 'Write'));
  await fired(first, run('idle', 'Stop'));
  await first.quit('signals');
  const second = await startHost();
  await fired(second, run('working', 'UserPromptSubmit'));
  await fired(second, run('working', 'Write'));
  await second.quit('signals');
  const third = await startHost();
  await fired(third, run('killed', 'SessionStart'));
  await fired(third, run('killed', 'Stop'));
  await third.quit('killing');
  const sessions = await shown('session', 'ls');
  expect(Object.fromEntries(sessions.map(({ id, outcome }) => [id, outcome ?? 'open']))).toEqual({
    left: 'cancelled',
    idle: 'succeeded',
    working: 'open',
    killed: 'open',
  });
  for (const { id, lease } of sessions)
    if (id === 'working' || id === 'killed') expect(lease).toMatchObject({ duration_seconds: 600 });
});

test('a run that is resumed goes on in a session of its own', { timeout }, async () => {
  const { at, recorded, startHost, shown } = await openRoom('claude-code');
  writeFileSync(at('project/report.md'), '# Report\n');
  const first = await startHost();
  await fired(first, recorded('Write'));
  await first.call('seal_session', { outcome: 'failed' });
  writeFileSync(at('project/report.md'), '# More\n');
  expect(await fired(first, recorded('Edit'))).toMatchObject([{ artifact: { session: `${claudeRun}.2` } }]);
  await fired(first, recorded('Stop'));
  await fired(first, recorded('SessionEnd'));
  await first.quit('closing');
  const second = await startHost();
  expect(await fired(second, { ...recorded('SessionStart'), source: 'resume' })).toMatchObject([
    { session: `${claudeRun}.3` },
  ]);
  await second.quit('closing');
  const sessions = await shown('session', 'ls');
  expect(sessions.map(({ id, outcome }) => [id, outcome]).sort()).toEqual([
    [claudeRun, 'failed'],
    [`${claudeRun}.2`, 'succeeded'],
    [`${claudeRun}.3`, 'succeeded'],
  ]);
});

test('Codex records what patches leave, and its runs end with the server', { timeout }, async () => {
  const { at, recorded, startHost, shown } = await openRoom('codex', { transcripts: true });
  const host = await startHost();
  expect(await fired(host, recorded('SessionStart'))).toEqual([{ tool: 'host_event', session: 'thr_123' }]);
  await fired(host, recorded('UserPromptSubmit'));
  writeFileSync(at('project/report.md'), '# Report\n');
  writeFileSync(at('project/src/new name.py'), 'b');
  writeFileSync(at('project/.env'), 'KEY=1');
  expect(await fired(host, recorded('apply_patch'))).toEqual([
    {
      tool: 'record_patch',
      recorded: 2,
      left_alone: 1,
      files: [
        { path: 'report.md' },
        { path: 'src/new name.py' },
        { path: '.env', reason: 'its name looks like that of a secret' },
      ],
    },
  ]);
  expect(await fired(host, recorded('Bash'))).toEqual([]);
  writeFileSync(at('.codex/sessions/rollout.jsonl'), '{"type":"session"}\n');
  await fired(host, recorded('Stop'));
  await host.quit('signals');
  expect(await shown('session', 'ls')).toMatchObject([{ id: 'thr_123', outcome: 'succeeded' }]);
  const names = (await shown('ls', 'thr_123')).map(({ name }) => name);
  expect(names.sort()).toEqual(['.host/transcript.jsonl', 'report.md', 'src/new name.py']);
});

test('a transcript is stored only if the user wants it, and only from where the host keeps them', {
  timeout,
}, async () => {
  for (const transcripts of [true, false]) {
    const { at, recorded, startHost, shown } = await openRoom('claude-code', { transcripts });
    writeFileSync(at(`.claude/projects/p/${claudeRun}.jsonl`), '{"type":"user"}\n');
    writeFileSync(at('elsewhere.jsonl'), 'x');
    const host = await startHost();
    await fired(host, recorded('SessionStart'));
    await fired(host, recorded('SessionEnd'));
    const other = { session_id: 'other', transcript_path: at('elsewhere.jsonl') };
    await fired(host, { ...recorded('SessionStart'), ...other });
    await fired(host, { ...recorded('SessionEnd'), ...other });
    await host.quit('signals');
    expect(await shown('session', 'ls')).toMatchObject([{ outcome: 'succeeded' }, { outcome: 'succeeded' }]);
    const names = (await shown('ls', claudeRun)).map(({ name }) => name);
    expect(names).toEqual(transcripts ? ['.host/transcript.jsonl'] : []);
    expect(await shown('ls', 'other')).toEqual([]);
  }
});

test('a host of Agent Plugins has the tools, for files below its roots', { timeout }, async () => {
  // As it is in the manifest of another host.
  const env = { ARTIFACTA_TRANSCRIPTS: '$' + '{user_config.transcripts}' };
  const { at, startHost, shown } = await openRoom('agent-plugins', { env });
  const host = await startHost();
  writeFileSync(at('project/report.md'), '# Report\n');
  expect(await host.call('push', { path: 'report.md' })).toMatchObject({ artifact: { name: 'report.md' } });
  expect(await host.call('whoami')).toMatchObject({ allowed_directories: [at('project')] });
  await expect(host.call('push', { path: at('plugin/plugin.json') })).rejects.toThrow(/must lead to a file/);
  await host.quit('closing');
  expect(await shown('session', 'ls')).toMatchObject([{ outcome: 'succeeded' }]);
});

test.each(hostKinds)('%s goes on where no server can be started', { timeout }, async (kind) => {
  const { place, recorded } = await openRoom(kind);
  await using host = new PlayedHost(kind, { ...place, env: { ...place.env, PATH: '/nowhere' } });
  expect(String(await host.connect())).toMatch(/ENOENT/);
  if (kind === 'agent-plugins') return;
  for (const name of ['SessionStart', kind === 'codex' ? 'apply_patch' : 'Write', 'Stop'])
    expect(await host.fire(recorded(name))).toMatchObject([
      { error: expect.stringMatching(/is not connected/) },
    ]);
});

test('hooks of a server that reaches no service report that, and end without delay', {
  timeout,
}, async () => {
  const env = { ARTIFACTA_URL: 'grpc://127.0.0.1:1' };
  const { at, recorded, startHost } = await openRoom('claude-code', { env });
  writeFileSync(at('project/report.md'), '# Report\n');
  const host = await startHost();
  for (const name of ['SessionStart', 'UserPromptSubmit', 'Write'])
    expect(await host.fire(recorded(name))).toMatchObject([{ error: expect.stringMatching(/UNAVAILABLE/) }]);
  for (const name of ['Stop', 'SessionEnd']) expect(await fired(host, recorded(name))).toHaveLength(1);
  await host.quit('signals');
  rmSync(at('data'), { recursive: true, force: true });
});
