/** Pulling where something goes wrong on the way, by chance or on purpose; and what people see of it. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Collected, commandLine } from '../support.ts';
import { lying } from './hostile.ts';
import { openPullRig, type PullRig } from './pull-rig.ts';

const mebibyte = 1024 * 1024;

let rig: PullRig;
let { directory, target, transport, cli, push, pull } = {} as PullRig;

beforeEach(async () => {
  rig = await openPullRig();
  ({ directory, target, transport, cli, push, pull } = rig);
});

afterEach(() => rig[Symbol.asyncDispose]());

describe('a service that lies', () => {
  it('cannot make it write outside, or where names mean something else', async () => {
    const names = ['../up', '/abs', 'a/../../up', '..', 'a\\b', 'nul\0', 'a//b', '', 'fine', '\u001b[31mred'];
    for (const at of names.keys()) await push({ [`n${at}`]: `${at}` });
    const list = (artifact: { name: string }) => {
      artifact.name = names[Number(artifact.name.slice(1))]!;
    };
    const through = commandLine(lying(transport, { list }));
    const { code, json, stderr } = await through(['pull', 'run', '--to', target, '--json']);
    expect(code).toBe(1);
    expect(json.filter(({ status }) => status === 'new').map(({ name }) => name)).toEqual(['fine']);
    expect(json.filter(({ path }) => path === null)).toHaveLength(9);
    expect(stderr.match(/cannot be the name of a file/g)).toHaveLength(9);
    expect(stderr).not.toContain('\u001b');
    expect(await readdir(directory)).toEqual(['target']);
    expect(await readdir(target)).toEqual(['fine']);
  });

  it('is found out when it sends other bytes, or more than there are', async () => {
    await push({
      flipped: randomBytes(2 * mebibyte),
      more: randomBytes(2 * mebibyte),
      less: 'less',
      fine: 'fine',
    });
    let sent = 0;
    async function* chunks(name: string, chunk: Uint8Array) {
      if (name === 'flipped') {
        const wrong = Buffer.from(chunk);
        wrong[0]! ^= 1;
        yield wrong;
      } else if (name === 'more') {
        for (let at = 0; at < 50; at++) {
          sent++;
          yield chunk;
        }
      } else if (name !== 'less') yield chunk;
    }
    const through = commandLine(lying(transport, { chunks }));
    const { code, stderr, text } = await through(['pull', 'run', '--to', target]);
    expect(code).toBe(1);
    for (const words of [/flipped: .*SHA-256/, /more: received/, /less: received 0 of 4/])
      expect(stderr).toMatch(words);
    expect(sent).toBeLessThan(5);
    expect(text).toBe('1 file, 4 B\n');
    expect(await readdir(target)).toEqual(['fine']);
    expect((await pull()).code).toBe(0);
  });

  it('is found out when it lists something else than it sends', async () => {
    await push({ digest: 'digest', size: 'size' });
    const list = (artifact: { name: string; sha256: string; sizeBytes: bigint }) => {
      if (artifact.name === 'digest') artifact.sha256 = 'a'.repeat(64);
      else artifact.sizeBytes++;
    };
    const { code, stderr } = await commandLine(lying(transport, { list }))(['pull', 'run', '--to', target]);
    expect(code).toBe(1);
    expect(stderr.match(/the service sent other content/g)).toHaveLength(2);
    expect(await readdir(target)).toEqual([]);
  });
});

it('a pull that is interrupted leaves only whole files, and the next one finishes it', async () => {
  const contents = Object.fromEntries(
    Array.from({ length: 8 }, (_, at) => [`f${at}`, randomBytes(3 * mebibyte)]),
  );
  await push(contents);
  const stop = new AbortController();
  async function* chunks(name: string, chunk: Uint8Array) {
    if (name === 'f5') stop.abort();
    yield chunk;
  }
  const through = commandLine(lying(transport, { chunks }));
  const ran = await through(['pull', 'run', '--to', target], { io: { signal: stop.signal } });
  expect(ran.code).toBe(130);
  const left = await readdir(target);
  expect(left.length).toBeGreaterThan(0);
  expect(left.length).toBeLessThan(8);
  for (const name of left)
    expect(Buffer.compare(await readFile(join(target, name)), contents[name]!)).toBe(0);
  const again = await pull('--json');
  expect(again.code).toBe(0);
  expect(again.json.filter(({ status }) => status === 'unchanged')).toHaveLength(left.length);
  expect(await readdir(target)).toEqual(Object.keys(contents));
});

describe('on a terminal', () => {
  const run = async (argv: string[], isTTY: boolean, columns = 60) => {
    const stderr = Object.assign(new Collected(), { isTTY, columns });
    const { code } = await cli(argv, { io: { stderr } });
    expect(code).toBe(0);
    return stderr.bytes.toString();
  };

  it('pull and push rewrite one line, and clear it in the end', async () => {
    await push({ 'a-rather-long-name-that-does-not-fit-on-a-narrow-terminal': randomBytes(3 * mebibyte) });
    const shown = await run(['pull', 'run', '--to', target], true);
    expect(shown).toMatch(/^\r\u001b\[Kfetching 33% of 3.0 MiB: a-rather/);
    expect(shown.endsWith('\r\u001b[K')).toBe(true);
    expect(shown).not.toContain('\n');
    for (const line of shown.split('\r\u001b[K')) expect(line.length).toBeLessThan(60);
    const path = join(directory, 'large.bin');
    await writeFile(path, randomBytes(9 * mebibyte));
    const pushed = await run(['push', path, '--session', 'other'], true);
    expect(pushed).toMatch(/^\r\u001b\[Khashing \d+% of 9.0 MiB: /);
    expect(pushed.endsWith('\r\u001b[K')).toBe(true);
  });

  it('say nothing of it elsewhere, or if they are not asked to', async () => {
    await push({ a: randomBytes(3 * mebibyte) });
    for (const [flags, isTTY] of [
      [[], false],
      [['--json'], true],
      [['--quiet'], true],
    ] as const) {
      await rm(target, { recursive: true, force: true });
      expect(await run(['pull', 'run', '--to', target, ...flags], isTTY)).toBe('');
    }
  });
});

it('a file that is pushed again while the session is pulled is told of', async () => {
  await push({ a: 'one', b: 'b' });
  const list = (artifact: { name: string }) => {
    if (artifact.name === 'b') artifact.name = 'a';
  };
  const through = commandLine(lying(transport, { list }));
  const { code, stderr, text } = await through(['pull', 'run', '--to', target]);
  expect({ code, text }).toEqual({ code: 0, text: '1 file, 3 B\n' });
  expect(stderr).toMatch(
    /a was pushed again during the pull, so the pulled version is older than its version 1/,
  );
  expect(await readFile(join(target, 'a'), 'utf8')).toBe('one');
});
