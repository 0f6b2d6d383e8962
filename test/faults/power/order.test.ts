/** The order of a push's system calls, read with strace: nothing is said before it is durable. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { removeDirectory } from '../../support/directories.ts';
import { openConnection } from '../connection.ts';
import { bytesOf } from '../seeded.ts';
import { ServerProcess } from '../server-process.ts';

const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (!hasStrace) console.warn('skipped: the order of the system calls of a push: there is no strace');

interface Call {
  readonly name: string;
  /** Everything in the line: arguments, paths of descriptors, the result. */
  readonly text: string;
}

/** The calls in the order in which they ended: one that is interrupted by others counts where it is resumed. */
async function callsIn(path: string): Promise<Call[]> {
  const begun = new Map<string, string>();
  const calls: Call[] = [];
  for (const line of (await readFile(path, 'latin1')).split('\n')) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (thread === undefined || rest === undefined) continue;
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (unfinished !== null) {
      begun.set(thread, unfinished[1]!);
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const text = resumed === null ? rest : `${begun.get(thread) ?? ''}${resumed[1]}`;
    const name = /^(\w+)\(/.exec(text)?.[1];
    if (name !== undefined) calls.push({ name, text });
  }
  return calls;
}

it.skipIf(!hasStrace)(
  'a push is answered when its file, its name, its directory and then its record are synced',
  async () => {
    const home = await mkdtemp(join(tmpdir(), 'artifacta-order-'));
    onTestFinished(() => removeDirectory(home));
    const trace = join(home, 'trace');
    const options = { dataDir: join(home, 'data'), indexDir: join(home, 'elsewhere'), inlineBytesMax: 4_096 };
    const traced = 'trace=fsync,fdatasync,link,linkat,unlink,unlinkat,write,writev,sendto,sendmsg';
    const strace = ['strace', '-f', '-yy', '-s', '4096', '-o', trace, '-e', traced];
    let id: string;
    {
      await using server = new ServerProcess(options, join(home, 'cache'), { under: strace });
      const ready = await server.whenReady();
      expect(server.stderr).toBe('');
      await using connection = await openConnection(ready!.address);
      // The first push opens the session; the second is looked at.
      await connection.client.push(bytesOf(1, 100), { session: 's', name: 'first' });
      const { artifact } = await connection.client.push(bytesOf(2, 100_000), {
        session: 's',
        name: 'second',
      });
      id = artifact.id;
      expect(await server.stop()).toBe('exit 0');
    }
    const calls = await callsIn(trace);
    const after = (from: number, what: string, isIt: (call: Call) => boolean): number => {
      const at = calls.findIndex((call, index) => index > from && isIt(call));
      expect(at, `${what}, after call ${from}: ${calls[from]?.text.slice(0, 200)}`).toBeGreaterThan(from);
      return at;
    };
    const isSync = ({ name }: Call) => name === 'fsync' || name === 'fdatasync';
    const file = after(
      -1,
      'the sync of the staging file',
      (call) => isSync(call) && call.text.includes('/data/tmp/'),
    );
    const named = after(
      file,
      'the name',
      ({ name, text }) => name.startsWith('link') && text.includes('/data/blobs/'),
    );
    const dropped = after(
      named,
      'the end of the staging name',
      ({ name, text }) => name.startsWith('unlink') && text.includes('/data/tmp/'),
    );
    const directory = after(
      dropped,
      'the sync of the directory',
      (call) => isSync(call) && /\/data\/blobs\/[^/]+\/[0-9a-f]{2}>/.test(call.text),
    );
    const record = after(
      directory,
      'the sync of the log',
      (call) => isSync(call) && /\/elsewhere\/\d+\.log>/.test(call.text),
    );
    const answer = calls.findIndex(
      ({ name, text }) => /^(write|send)/.test(name) && /TCP|socket/.test(text) && text.includes(id),
    );
    expect(answer, 'the answer').toBeGreaterThan(record);
    // And the record was not even written before its file was safe.
    const written = calls.findIndex(
      ({ name, text }) =>
        name.startsWith('write') && /\/elsewhere\/\d+\.log>/.test(text) && text.includes(id),
    );
    expect(written, 'the record').toBeGreaterThan(directory);
  },
  60_000,
);
