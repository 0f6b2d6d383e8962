/** Text in any encoding on the command line, and what a terminal is shown of it. */
import { Buffer } from 'node:buffer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Collected, openCommandLine } from '../support.ts';

let opened: Awaited<ReturnType<typeof openCommandLine>>;

beforeEach(async () => {
  opened = await openCommandLine();
});
afterEach(() => opened[Symbol.asyncDispose]());

const cli: typeof opened.cli = (...line) => opened.cli(...line);
const push = (name: string, content: string | Uint8Array, session = 'run') =>
  opened.client.push(content, { session, name });

const text = 'first é\nERROR 2\nthird 😀\n';
const encodings: Record<string, Buffer> = {
  'utf-8': Buffer.from(text),
  marked: Buffer.from(`\ufeff${text}`),
  le: Buffer.from(`\ufeff${text}`, 'utf16le'),
  be: Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
};

describe('cat', () => {
  it.each(Object.keys(encodings))('reads parts of text in any encoding (%s)', async (name) => {
    await push('log', encodings[name]!);
    for (const [flags, expected] of [
      [['--head', '1'], 'first é\n'],
      [['--tail', '1'], 'third 😀\n'],
      [['--lines', '2:'], 'ERROR 2\nthird 😀\n'],
      [['--grep', '^first'], 'first é\n'],
      [['--grep', '😀$', '-n', '-B', '1'], '2-ERROR 2\n3:third 😀\n'],
    ] as const)
      expect(await cli(['cat', 'run/log', ...flags])).toMatchObject({ code: 0, text: expected, stderr: '' });
    // Without a part they are bytes.
    expect((await cli(['cat', 'run/log'])).stdout.equals(encodings[name]!)).toBe(true);
  });

  it('shows lines with bytes that are no text, and says how many, if quiet too', async () => {
    const line = `${'x'.repeat(99)}\n`;
    const log = Buffer.from(`a\xe9\n${line.repeat(30_000)}\xffb\nlast\n`, 'latin1');
    await push('log', log);
    const two = 'artifacta: 2 lines have bytes that are not text; \ufffd stands for them\n';
    const whole = log.toString('utf8');
    for (const flags of [
      ['--head', '40000'],
      ['--tail', '40000'],
      ['--grep', '.'],
      ['--lines', '1:', '--quiet'],
    ]) {
      const ran = await cli(['cat', 'run/log', ...flags]);
      expect(ran).toMatchObject({ code: 0, stderr: two });
      // Not shown where it fails: it is long.
      expect(ran.text === whole).toBe(true);
    }
    const one = 'artifacta: 1 line has bytes that are not text; \ufffd stands for them\n';
    expect(await cli(['cat', 'run/log', '--head', '1'])).toMatchObject({ text: 'a\ufffd\n', stderr: one });
    expect(await cli(['cat', 'run/log', '--tail', '1'])).toMatchObject({ text: 'last\n', stderr: '' });
  });

  it('shows the last lines of a long text in UTF-16, of which all pieces come from the end', async () => {
    const lines = Array.from({ length: 300_000 }, (_, at) => `${at} €\n`);
    await push('log', Buffer.from(`\ufeff${lines.join('')}`, 'utf16le'));
    const ran = await cli(['cat', 'run/log', '--tail', '299999']);
    expect(ran.text === lines.slice(1).join('')).toBe(true);
  });

  it('shows the rows before one that is none, and then says what is wrong', async () => {
    await push('t.csv', Buffer.from('a;b\n\xe9;1,5\n3;4;5\n6;7\n', 'latin1'));
    const ran = await cli(['cat', 'run/t.csv', '--csv', '1:', '--columns', 'b']);
    expect(ran).toMatchObject({ code: 1, text: 'b\n1,5\n' });
    expect(ran.stderr).toMatch(
      /row 2 has 3 cells; the header has 2, with ";" between cells; the row begins at byte \d+/,
    );
  });
});

describe('diff', () => {
  it('compares text in any encoding, and says where its patch cannot be applied', async () => {
    await push('same', encodings['utf-8']!, 'a');
    await push('same', encodings.le!, 'b');
    await push('wide', encodings.be!, 'a');
    await push('wide', encodings.le!.subarray(0, -2 * 'third 😀\n'.length), 'b');
    await push('latin', Buffer.from('1\n\xe9\n', 'latin1'), 'a');
    await push('latin', Buffer.from('2\n\xe9\n', 'latin1'), 'b');
    const ran = await cli(['diff', 'a', 'b', '--patch']);
    expect(ran.code).toBe(0);
    expect(ran.text).toContain('-third 😀\n');
    expect(ran.text).toContain('-1\n+2\n \ufffd\n');
    expect(ran.text).toContain('same differs only in its encoding\n');
    expect(ran.stderr.split('\n')).toEqual([
      'artifacta: latin: 2 lines have bytes that are not text, and \ufffd stands for them; its patch cannot be applied',
      'artifacta: same: it is UTF-16; its patch cannot be applied',
      'artifacta: wide: it is UTF-16; its patch cannot be applied',
      '',
    ]);
  });
});

describe('a terminal', () => {
  /** What is printed there, and into a pipe. */
  async function both(argv: readonly string[]): Promise<{ readonly shown: string; readonly piped: Buffer }> {
    const stdout = Object.assign(new Collected(), { isTTY: true });
    const stderr = Object.assign(new Collected(), { isTTY: true, columns: 80 });
    await cli(argv, { io: { stdout, stderr } });
    // Ours are colours, and the beginning of a line that is written anew.
    const own = stderr.bytes.toString('utf8').replaceAll(/\u001b\[(31m|39m|K)|\r/g, '');
    return { shown: stdout.bytes.toString('utf8') + own, piped: (await cli(argv)).stdout };
  }

  const hostile = 'a\u001b]0;x\u0007\tb\r\nc\u009b2J\u202ed\re\u007f\n\u001b[31m';
  const steers = /[\0-\u0008\u000b-\u001f\u007f-\u009f\p{Bidi_Control}]/u;

  it('is not steered by what is printed, and a pipe has the bytes as they are', async () => {
    await push('evil', hostile);
    await push('evil', hostile.replace('a', 'b'), 'other');
    await push('evil.csv', `a,b\n"${hostile}",2\n`);
    await push('evil.json', JSON.stringify({ k: 'x\u009b2J\u202e\u007f' }));
    await opened.client.push('x', { session: 'run', name: 'labelled', metadata: { k: 'x\u009b2J\u202e' } });
    for (const argv of [
      ['cat', 'run/evil'],
      ['cat', 'run/evil', '--head', '5'],
      ['cat', 'run/evil', '--tail', '5'],
      ['cat', 'run/evil', '--grep', '.', '-n'],
      ['cat', 'run/evil', '--max-bytes', '100'],
      ['cat', 'run/evil.csv', '--csv', '1:'],
      ['cat', 'run/evil.json', '--pointer', '/k'],
      ['pull', 'run/evil', '--to', '-'],
      ['diff', 'run', 'other', '--patch'],
      ['ls', 'run', '--json'],
      ['show', 'run/labelled'],
      ['show', 'run/labelled', '--json'],
      ['query', 'session = "run"', '--preview'],
      ['query', 'session = "run"', '--preview', '--json'],
      ['query', 'name = "\u001b[2J'],
      ['cat', 'run/\u001b[2J'],
      ['cat', '--\u001b[2J'],
      ['\u009b2J'],
    ]) {
      const { shown } = await both(argv);
      expect(shown.length, argv.join(' ')).toBeGreaterThan(0);
      expect(shown.replaceAll('\r\n', '\n'), argv.join(' ')).not.toMatch(steers);
    }
    expect((await both(['cat', 'run/evil'])).piped.toString()).toBe(hostile);
    expect((await both(['cat', 'run/evil', '--tail', '5'])).piped.toString()).toBe(hostile);
  });

  it('shows text as it is, however it is cut and written', async () => {
    const lines = Array.from({ length: 60_000 }, (_, at) => `${at}\té€😀\r\n`).join('');
    for (const bytes of [Buffer.from(lines), Buffer.from(`\ufeff${lines}`, 'utf16le')]) {
      await push('log', bytes);
      expect((await both(['cat', 'run/log'])).shown === lines).toBe(true);
    }
    for (const short of ['', 'x', '\r', 'é']) {
      await push('short', short);
      expect((await both(['cat', 'run/short'])).shown).toBe(short === '\r' ? '\\u000d' : short);
    }
  });
});
