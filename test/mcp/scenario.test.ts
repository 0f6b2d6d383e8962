/** Two agents hand over work, each with an `artifacta mcp` of its own. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newDirectory } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { eras, messageBytesMax, startAgent } from './support.ts';

const rows = 4_000_000;

/** 50 MB of a table. */
function table(): Buffer {
  const lines = Array.from({ length: 1_000 }, (_, at) => `${at},value ${at}\n`).join('');
  return Buffer.from(`id,value\n${lines.repeat(rows / 1_000)}`);
}

describe.each(eras)('two agents of %s', { timeout: 240_000 }, (era) => {
  it('hand over a table of 50 MB, and no message is long', async () => {
    const directory = await newDirectory();
    const data = join(directory, 'data');
    const bytes = table();
    expect(bytes.length).toBeGreaterThan(50_000_000);
    writeFileSync(join(directory, 'table.csv'), bytes);
    const flags = ['--data-dir', data, '--allow-path', directory];
    const { agent: producer } = await startAgent(era, flags);
    const opened = await producer.call('open_session', {
      session: 'handover',
      metadata: { agent: 'producer' },
    });
    expect(opened).toMatchObject({ created: true, session: { state: 'open' } });
    const { artifact } = await producer.call('push', { path: 'table.csv', metadata: { step: 'extract' } });
    expect(artifact).toMatchObject({ session: 'handover', name: 'table.csv', size_bytes: bytes.length });
    await producer.call('push', { text: 'all rows', name: 'note.md', inputs: [artifact.id] });

    const { agent: consumer } = await startAgent(era, flags);
    const early = await consumer.call('wait_session', { session: 'handover', timeout_seconds: 0.1 });
    expect(early).toMatchObject({ sealed: false, session: { state: 'open' } });
    const waiting = consumer.call('wait_session', { session: 'handover' });
    await producer.call('seal_session', { outcome: 'succeeded' });
    expect(await waiting).toMatchObject({ sealed: true, session: { outcome: 'succeeded' } });

    const found = await consumer.call('query', { filter: 'metadata.step = "extract"' });
    expect(found.artifacts).toMatchObject([{ id: artifact.id, metadata: { agent: 'producer' } }]);
    const first = await consumer.call('read', { artifact: artifact.id, csv: { columns: ['value'] } });
    expect(first.content).toMatch(/^value\nvalue 0\nvalue 1\n/);
    const second = await consumer.call('read', { cursor: first.next_cursor });
    expect(second.first_line).toBe(first.content.split('\n').length - 1);
    const matches = await consumer.call('read', {
      artifact: artifact.id,
      grep: { pattern: ',value 7$', max_matches: 2 },
    });
    expect(matches).toMatchObject({ content: '7,value 7\n--\n7,value 7\n', match_lines: [9, 1_009] });
    const edges = await consumer.call('lineage', { artifact: artifact.id, direction: 'derived' });
    expect(edges.edges).toMatchObject([{ name: 'note.md', session: 'handover' }]);

    const pulled = await consumer.call('pull', { artifact: 'handover/table.csv', to: 'copy/table.csv' });
    expect(pulled).toMatchObject({ effect: 'new' });
    expect(digestOf(readFileSync(pulled.path))).toBe(artifact.sha256);
    expect(digestOf(bytes)).toBe(artifact.sha256);
    expect(await producer.refused('push', { text: 'late', name: 'late.md' })).toMatch(/^SESSION_SEALED: /);
    expect(producer.longest).toBeLessThan(messageBytesMax);
    expect(consumer.longest).toBeLessThan(messageBytesMax);
    expect(consumer.longest).toBeGreaterThan(8 * 1024);
  });

  it('leave sessions that are sealed in order, and one whose process died to its lease', async () => {
    const directory = await newDirectory();
    const flags = ['--data-dir', join(directory, 'data')];
    const { agent } = await startAgent(era, flags);
    const { artifact } = await agent.call('push', { text: 'a', name: 'a.txt' });
    await agent.client.close();
    const { agent: other, pid } = await startAgent(era, flags);
    const { artifact: lost } = await other.call('push', { text: 'b', name: 'b.txt' });
    expect(lost.session).not.toBe(artifact.session);
    process.kill(pid, 'SIGKILL');
    const { stdout } = await artifacta('session', 'ls', '--json', ...flags);
    const sessions = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(sessions).toMatchObject([
      { id: lost.session, state: 'open', metadata: { mcp_client: 'test-agent' } },
      { id: artifact.session, outcome: 'succeeded' },
    ]);
  });
});

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
