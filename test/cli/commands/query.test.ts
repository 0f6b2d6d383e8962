import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FilterFlags, filterText } from '../../../src/cli/flags/filter-text.ts';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import { artifactFields, readFilter } from '../../../src/query/filter.ts';
import type { Store } from '../../../src/store/open.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

describe('flags as a filter', () => {
  it.each<[FilterFlags, string, string]>([
    [{}, '', ''],
    [{}, ' name = a', ' name = a'],
    [
      { where: ['agent=billing', 'gen_ai.request.model=x=y'] },
      '',
      'metadata."agent" = "billing" AND metadata."gen_ai.request.model" = "x=y"',
    ],
    [{ label: ['empty='] }, '', 'labels."empty" = ""'],
    [{ type: 'json', since: '7d' }, '', 'content_type = "application/json" AND create_time >= now-7d'],
    [{ type: 'Image' }, '', 'content_type = "image/*"'],
    [{ type: 'text/x-log' }, '', 'content_type = "text/x-log"'],
    [{ type: 'Text/CSV; header=absent' }, '', 'content_type = "Text/CSV; header=absent"'],
    [{ name: 'reports/*', session: 'run*1' }, '', 'name = "reports/*" AND session = "run\\*1"'],
    [{ name: 'say "\\"' }, '', 'name = "say \\"\\\\\\""'],
    [{ outcome: 'failed', state: 'sealed' }, '', 'session.outcome = "FAILED" AND session.state = "SEALED"'],
    [{ until: '2026-01-31' }, '', 'create_time < 2026-01-31T00:00:00.000Z'],
    [{ since: '2026-11-27 23:00' }, '', 'create_time >= 2026-11-27T23:00:00.000Z'],
    [{ since: '2026-11-27T23:00:05.25' }, '', 'create_time >= 2026-11-27T23:00:05.250Z'],
    [{ since: '2026-11-27T23:00:05+02:00' }, '', 'create_time >= 2026-11-27T21:00:05.000Z'],
    [{ since: '2028-02-29T23:00-0130' }, '', 'create_time >= 2028-03-01T00:30:00.000Z'],
    [{ type: 'csv' }, 'name = a OR name = b', 'content_type = "text/csv" AND (name = a OR name = b)'],
  ])('%j with %j', (flags, filter, expected) => {
    const text = filterText(flags, filter);
    expect(text).toBe(expected);
    readFilter(text, artifactFields, 0);
  });
});

describe('query', () => {
  let store: Store;
  let client: ArtifactaClient;
  let cli: ReturnType<typeof commandLine>;

  beforeEach(async () => {
    store = await openTestStore();
    client = await connect(transportTo(store));
    cli = commandLine(transportTo(store));
    for (const session of ['run_1', 'run_2'])
      for (const name of ['a.json', 'b.txt'])
        await client.push(`${session}\n${name}\u001b[0m\n`, {
          session,
          name,
          metadata: { agent: session === 'run_1' ? 'billing' : 'support' },
        });
    await client.sessions.seal('run_1', 'failed');
  });
  afterEach(() => store[Symbol.asyncDispose]());

  it('finds artifacts wherever they are', async () => {
    const names = async (...argv: string[]) =>
      (await cli(['query', '--json', ...argv])).json.map(({ session, name }) => `${session}/${name}`);
    expect(await names()).toEqual(['run_2/b.txt', 'run_2/a.json', 'run_1/b.txt', 'run_1/a.json']);
    expect(await names('--where', 'agent=billing', '--type', 'json', '--since', '7d')).toEqual([
      'run_1/a.json',
    ]);
    expect(await names('--outcome', 'failed', '--oldest-first')).toEqual(['run_1/a.json', 'run_1/b.txt']);
    expect(await names('name = a.json OR name = c', '--session', 'run_2')).toEqual(['run_2/a.json']);
    expect(await names('--limit', '1')).toEqual(['run_2/b.txt']);
    expect(await names('--until', '1d')).toEqual([]);
    const table = (await cli(['query', '--where', 'agent=billing'])).text.trimEnd().split('\n');
    expect(table[0]).toMatch(/^ID +VERSION +SIZE +TYPE +CREATED +SESSION +NAME$/);
    expect(table[2]).toMatch(/run_1 +a\.json$/);
  });

  it('finds a type with and without its parameters', async () => {
    const names = async (type: string) =>
      (await cli(['query', '--json', '--type', type])).json.map(({ session, name }) => `${session}/${name}`);
    const contentType = 'Application/JSON; charset=UTF-8';
    await client.push('{}', { session: 'run_3', name: 'c', contentType });
    const all = ['run_3/c', 'run_2/a.json', 'run_1/a.json'];
    for (const type of ['json', 'JSON', 'application/json', 'Application/Json', 'application'])
      expect(await names(type)).toEqual(all);
    for (const type of ['application/json;charset=utf-8', 'application/json; Charset=UTF-8'])
      expect(await names(type)).toEqual(['run_3/c']);
    expect(await names('application/json;')).toEqual(all.slice(1));
  });

  it('says when there are more, and when there is nothing', async () => {
    expect(await cli(['query', '--limit', '3'])).toMatchObject({
      code: 0,
      stderr: 'artifacta: more than 3 exist; --limit 0 shows all\n',
    });
    expect((await cli(['query', '--limit', '4'])).stderr).toBe('');
    expect((await cli(['query', '--limit', '0', '--json'])).json).toHaveLength(4);
    expect(await cli(['query', 'name = none'])).toMatchObject({
      code: 0,
      text: '',
      stderr: 'artifacta: nothing matches\n',
    });
  });

  it('finds sessions', async () => {
    expect((await cli(['query', '--sessions', '--outcome', 'failed', '--quiet'])).text).toBe('run_1\n');
    expect((await cli(['query', '--sessions', 'seal_time:*', '--json'])).json).toMatchObject([
      { id: 'run_1', outcome: 'failed' },
    ]);
  });

  it('tells how many there are', async () => {
    expect((await cli(['query', '--count', '--name', 'a*'])).text).toBe('2\n');
    expect((await cli(['query', '--count', '--json', '--name', 'c'])).json).toEqual([
      { count: 0, exact: true },
    ]);
  });

  it('shows how texts begin, and nothing that steers a terminal', async () => {
    const { text } = await cli(['query', '--preview', '--session', 'run_1', '--name', 'b*']);
    expect(text).toMatch(/^run_1\/b\.txt \(text\/plain, 16 B, .*\)\n {4}run_1\n {4}b\.txt\\u001b\[0m\n$/);
    expect((await cli(['query', '--preview', '--json', '--limit', '1'])).json).toMatchObject([
      { name: 'b.txt', preview: 'run_2\nb.txt\u001b[0m\n' },
    ]);
  });

  it('tells how it is answered', async () => {
    const { json } = await cli(['query', '--explain', '--json', '--where', 'agent=billing']);
    expect(json).toMatchObject([
      { driver: 'metadata."agent" = "billing"', tests: [], entries_read: 2, probes: 0, records_read: 3 },
    ]);
    const { text } = await cli(['query', '--explain', '--sessions', '--where', 'agent=x']);
    expect(text).toMatch(
      /^filter: +metadata\."agent" = "x"\nindex used: +metadata\."agent" = "x"\nalso checks: +nothing\n/,
    );
  });

  it.each<[string[], RegExp]>([
    [['craete_time > now'], /column 1: no field is named craete_time; did you mean create_time\?/],
    [['--where', 'agent'], /--where takes KEY=VALUE/],
    [['--type', 'jsno'], /--type takes a media type/],
    [['--since', 'yesterday'], /--since takes an age/],
    [['--since', '2027-02-29'], /--since takes an age.* a valid time/],
    [['--until', '2027-04-31T00:00:00Z'], /--until takes an age/],
    [['--since', '2027-01-01T24:00'], /--since takes an age/],
    [['--since', '2027-01-01T00:00:00+24:00'], /--since takes an age/],
    [['--since', '2027-1-1'], /--since takes an age/],
    [['--outcome', 'fine'], /Allowed choices are succeeded/],
    [['--sessions', '--type', 'json'], /cannot be given with --sessions/],
    [['--count', '--explain'], /only one of/],
    [['--limit', '-1'], /--limit/],
  ])('%j is refused', async (argv, why) => {
    const ran = await cli(['query', ...argv]);
    expect(ran).toMatchObject({ code: 2, text: '' });
    expect(ran.stderr).toMatch(why);
  });
});
