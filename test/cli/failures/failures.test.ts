/**
 * Every command against what can go wrong outside of it: each ends with one sentence and a documented exit code, with no
 * stack and no words of a library. What is wrong with an artifact or a flag is tested with the command.
 */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { Transport } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../../src/cli/exit.ts';
import type { ConnectOptions, Io } from '../../../src/cli/io.ts';
import { ArtifactaClient } from '../../../src/client/client.ts';
import { openClientSettings } from '../../../src/programs/client-settings.ts';
import { openConnection } from '../../../src/programs/connect.ts';
import { keptNames } from '../../../src/settings/kept-file.ts';
import { Authority, hasOpenssl } from '../../support/certificates.ts';
import { removeDirectory } from '../../support/directories.ts';
import { openTestStore, transportTo } from '../support.ts';
import { argvAt, argvOf, faultsOfTelling, lines, runLine } from './commands.ts';
import { listenOdd, odd, silent } from './servers.ts';

const directory = mkdtempSync(join(tmpdir(), 'artifacta-failures-'));
afterAll(() => removeDirectory(directory));
let outs = 0;
const paths = () => ({
  file: join(directory, 'file'),
  export: join(directory, 'export'),
  out: join(directory, `out-${outs++}`),
});
writeFileSync(join(directory, 'file'), 'a content');
const isTlsThere = hasOpenssl();
const pair = isTlsThere ? newPair() : undefined;

function newPair() {
  const { key, cert } = new Authority(directory).issue('odd');
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

/** As `src/main.ts` gives it, with fewer tries. */
const overNetwork: Pick<Io, 'connect'> & Partial<Io> = {
  connect: (options) => openConnection({ ...options, dataDir: join(directory, 'none') }, () => undefined),
  calls: { retry: { attemptsMax: 2, delayMsFirst: 1, delayMsMax: 1 } },
  keptSettings: keptNames,
  settings: async () => openClientSettings(),
};

beforeAll(async () => {
  const own = {
    ...overNetwork,
    connect: (options: ConnectOptions) => openConnection(options, () => undefined),
  };
  const at = ['--data-dir', join(directory, 'data')];
  for (const argv of [
    ['push', paths().file, '--session', 's'],
    ['export', paths().export],
  ])
    expect(await runLine([...argv, ...at], own)).toMatchObject({ code: exitCodes.done });
});

const calling = Object.entries(lines).filter(([, { calls }]) => calls);

/** Runs all of them at once, and says which did not end as they should. */
async function faultsOfAll(
  url: string,
  code: number | ((code: number) => boolean),
  io: Partial<Io> = {},
  chosen = calling,
): Promise<string[]> {
  const all = chosen.map(async ([name, line]) => {
    const ran = await runLine(argvAt(url, line, paths()), { ...overNetwork, ...io });
    const isRight = typeof code === 'number' ? ran.code === code : code(ran.code);
    const faults = [...(isRight ? [] : [`code ${ran.code}`]), ...faultsOfTelling(ran.stderr)];
    if (ran.stdout !== '') faults.push(`printed ${ran.stdout}`);
    return faults.map((fault) => `${name} ${url}: ${fault}`);
  });
  return (await Promise.all(all)).flat();
}

it('the table has every command that the help has', async () => {
  const named = async (words: readonly string[]) => {
    const { stdout } = await runLine([...words, '--help'], overNetwork);
    const part = /^Commands:\n((?: .*\n)*)/m.exec(stdout)?.[1] ?? '';
    return [...part.matchAll(/^ {2}([a-z]+)/gm)].map((found) => found[1]!).filter((name) => name !== 'help');
  };
  const found: string[] = [];
  for (const name of await named([])) {
    const below = await named([name]);
    // Of these the command itself does something, too.
    if (below.length === 0 || name === 'share') found.push(name);
    found.push(...below.map((sub) => `${name} ${sub}`));
  }
  expect(found.sort()).toEqual(Object.keys(lines).sort());
});

describe('nothing there', () => {
  it.each([
    'grpc://127.0.0.1:1',
    'grpcs://127.0.0.1:1',
    'http://127.0.0.1:1',
    'https://127.0.0.1:1',
    'unix:/nowhere/at/all/sock',
    'unix:/etc/hostname',
    // Longer than the names of hosts can be: no resolver is asked, which may take its time.
    `grpc://${'a'.repeat(64)}.invalid:1`,
  ])('%s', async (url) => {
    expect(await faultsOfAll(url, exitCodes.unavailable)).toEqual([]);
  });
});

describe('something else there', () => {
  const refused = ['a proxy that asks for a password', 'a proxy that takes no such size'];
  it.each(Object.entries(odd(pair)))('%s', { timeout: 60_000 }, async (name, make) => {
    const server = await listenOdd(make());
    try {
      for (const scheme of ['grpc', 'http', ...(isTlsThere ? ['grpcs', 'https'] : [])]) {
        const isRight = (code: number) =>
          code === exitCodes.unavailable ||
          (scheme === 'http' &&
            refused.includes(name) &&
            (code === exitCodes.forbidden || code === exitCodes.failed)) ||
          // Nobody has signed its certificate.
          (scheme.endsWith('s') && name.endsWith('over TLS') && code === exitCodes.failed);
        expect(await faultsOfAll(`${scheme}://${server.address}`, isRight)).toEqual([]);
      }
    } finally {
      await server.close();
    }
  });
});

describe('a server that hangs', () => {
  it.each(['grpc', 'http', 'grpcs', 'https'])('%s', { timeout: 60_000 }, async (scheme) => {
    const server = await listenOdd(silent());
    try {
      const url = `${scheme}://${server.address}`;
      const io = { calls: { timeoutMs: 50, retry: { attemptsMax: 1 } } };
      const prompt = calling.filter(([, { waits }]) => !waits);
      expect(await faultsOfAll(url, exitCodes.unavailable, io, prompt)).toEqual([]);
    } finally {
      await server.close();
    }
  });

  it.each(['grpc', 'http'])('%s, and an interruption', { timeout: 60_000 }, async (scheme) => {
    const server = await listenOdd(silent());
    try {
      for (const [, line] of calling) {
        const interruption = new AbortController();
        const ran = runLine(argvAt(`${scheme}://${server.address}`, line, paths()), {
          ...overNetwork,
          signal: interruption.signal,
        });
        interruption.abort();
        expect(await ran).toEqual({ code: exitCodes.interrupted, stdout: '', stderr: '' });
      }
    } finally {
      await server.close();
    }
  });
});

/** Takes so many bytes, then fails as the system does. */
function failing(code: string, bytesMax: number): Writable {
  let bytes = 0;
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      const error = Object.assign(new Error(`${code}: write`), { code, syscall: 'write' });
      done(bytes > bytesMax ? error : null);
    },
  });
}

describe('standard output that takes nothing', () => {
  it.each(Object.entries(lines))('%s', async (_name, line) => {
    for (const [code, expected] of [
      ['ENOSPC', [exitCodes.failed]],
      ['EIO', [exitCodes.failed]],
      ['EPIPE', [exitCodes.done]],
    ] as const) {
      await using store = await openTestStore();
      const transport = transportTo(store);
      await fill(new ArtifactaClient({ transport, close: async () => {} }));
      const ran = await runLine(argvOf(line, paths()), {
        ...overNetwork,
        stdout: failing(code, 0),
        connect: async () => ({ transport, description: 'a store in memory', close: async () => {} }),
      });
      // Some have nothing to print, and some fail for a reason of their own.
      if (ran.stderr === '') expect(ran.code).toBe(exitCodes.done);
      else expect(faultsOfTelling(ran.stderr)).toEqual([]);
      if (/standard output/.test(ran.stderr)) expect(expected).toContain(ran.code);
      if (code === 'EPIPE') expect(ran.stderr).not.toMatch(/standard output/);
    }
  });
});

async function fill(client: ArtifactaClient): Promise<void> {
  for (const session of ['s', 't']) await client.push('a content', { session, name: 'a' });
  await client.sessions.seal('t', 'succeeded');
}

const numbers = [
  '0',
  '1',
  '3',
  '101',
  '-1',
  '1.5',
  '2147483648',
  '9007199254740993',
  '99999999999999999999',
  '1e400',
  '0x10',
  '',
];
const units = ['s', 'h', 'w', 'B', 'GiB', 'PB'];

/** The same, and how many calls went over it. */
function counting(transport: Transport): { readonly transport: Transport; calls: number } {
  const counted = {
    calls: 0,
    transport: {
      unary: (...call) => {
        counted.calls++;
        return transport.unary(...call);
      },
      stream: (...call) => {
        counted.calls++;
        return transport.stream(...call);
      },
    } satisfies Transport as Transport,
  };
  return counted;
}

describe('numbers at their limits and beyond', () => {
  it.each(Object.entries(lines))('%s', { timeout: 60_000 }, async (name, line) => {
    const { stdout: help } = await runLine([...name.split(' '), '--help'], overNetwork);
    const flags = [...help.matchAll(/ (--[a-z-]+) <(n|bytes|size|time|duration|age\|time|first:last)>/g)];
    await using store = await openTestStore();
    const counted = counting(transportTo(store));
    const { transport } = counted;
    await fill(new ArtifactaClient({ transport, close: async () => {} }));
    for (const [, flag = '', kind = ''] of flags) {
      const hasUnit = !['n', 'first:last'].includes(kind) || /bytes/.test(flag);
      const values = [
        ...numbers,
        ...(hasUnit ? units.flatMap((unit) => numbers.map((one) => one + unit)) : []),
      ];
      for (const value of values) {
        counted.calls = 0;
        const ran = await runLine([...argvOf(line, paths()), `${flag}=${value}`], {
          ...overNetwork,
          connect: async () => ({ transport, description: 'a store in memory', close: async () => {} }),
        });
        const told = `${flag}=${value}: ${ran.code} ${ran.stderr}`;
        if (ran.code === exitCodes.done) continue;
        expect({ told, faults: faultsOfTelling(ran.stderr) }).toEqual({ told, faults: [] });
        expect({ told, code: ran.code }).not.toEqual({ told, code: exitCodes.interrupted });
        // What is wrong with a flag alone is known before anything is asked; this is wrong with what is there.
        const isOfContent = /(offset: must not be past|after_sequence: must be at most)/.test(ran.stderr);
        if (ran.code === exitCodes.usage && !isOfContent)
          expect({ told, calls: counted.calls }).toEqual({ told, calls: 0 });
      }
    }
  });
});

it('leaves no file behind of what failed', () => {
  expect(readdirSync(directory).filter((name) => name.endsWith('.part'))).toEqual([]);
});
