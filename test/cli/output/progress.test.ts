/** How far long work has come: what the line says, of a clock that the test moves, and how it ends. */
import { describe, expect, it } from 'vitest';
import { Output } from '../../../src/cli/output/output.ts';
import { FileProgress, Progress } from '../../../src/cli/output/progress.ts';
import { Collected } from '../support.ts';

const mebibyte = 1024 * 1024;
const toLineStart = '\r\u001b[K';

/** An output to a terminal, and the lines that have been at its bottom. */
function terminal(terminal?: { color: boolean; rewrites: boolean }, columns = 100) {
  const stderr = Object.assign(new Collected(), { isTTY: true, columns });
  const stop = new AbortController();
  const output = new Output({ stdout: new Collected(), stderr, terminal, signal: stop.signal });
  const lines = () => stderr.bytes.toString().split(toLineStart).slice(1);
  return { output, stderr, stop, lines };
}

function clock() {
  const time = { ms: 1_000 };
  return { time, nowMs: () => time.ms };
}

describe('progress', () => {
  it('says bytes, rate and the time that is left', () => {
    const { output, lines } = terminal();
    const { time, nowMs } = clock();
    const progress = new FileProgress(output, nowMs);
    for (const bytes of [1, 2, 4, 6, 8]) {
      progress.moved('a', 'sending', bytes * mebibyte, 10 * mebibyte);
      time.ms += 1_000;
    }
    progress.finished('a', 10 * mebibyte);
    expect(lines()).toEqual([
      'sending 10% of 10.0 MiB: a',
      'sending 20% of 10.0 MiB, 2.0 MiB/s, 4 s left: a',
      'sending 40% of 10.0 MiB, 2.0 MiB/s, 3 s left: a',
      'sending 60% of 10.0 MiB, 2.0 MiB/s, 2 s left: a',
      'sending 80% of 10.0 MiB, 2.0 MiB/s, 1 s left: a',
    ]);
  });

  it('follows a rate that changes, and says nothing of a time without one', () => {
    const { output, lines } = terminal();
    const { time, nowMs } = clock();
    const progress = new Progress(output, nowMs);
    const show = (bytes: number) => {
      progress.show({ bytes: bytes * mebibyte, ofBytes: 100 * mebibyte }, (figures) => figures);
      time.ms += 2_000;
    };
    for (const bytes of [10, 30, 50, 50, 50, 50, 50]) show(bytes);
    expect(lines().slice(1)).toEqual([
      '30% of 100 MiB, 15.0 MiB/s, 5 s left',
      '50% of 100 MiB, 12.5 MiB/s, 4 s left',
      '50% of 100 MiB, 6.7 MiB/s, 8 s left',
      '50% of 100 MiB, 3.3 MiB/s, 15 s left',
      '50% of 100 MiB, 0 B/s',
      '50% of 100 MiB, 0 B/s',
    ]);
  });

  it('of several files is of all of them, and of one that is gone through twice begins anew', () => {
    const { output, lines } = terminal();
    const { time, nowMs } = clock();
    const progress = new FileProgress(output, nowMs);
    const moved = (name: string, what: string, mebibytes: number) => {
      time.ms += 1_000;
      progress.moved(name, what, mebibytes * mebibyte, 8 * mebibyte);
    };
    moved('a', 'hashing', 4);
    moved('b', 'hashing', 4);
    progress.expect(20 * mebibyte);
    moved('a', 'sending', 2);
    progress.finished('a', 8 * mebibyte);
    moved('b', 'hashing', 6);
    progress.finished('b', 12 * mebibyte);
    moved('c', 'sending', 0);
    expect(lines()).toEqual([
      'hashing 50% of 8.0 MiB, 4.0 MiB/s, 1 s left: a',
      'hashing 8.0 MiB, 4.0 MiB/s: b',
      'sending 30% of 20.0 MiB, 2.7 MiB/s, 6 s left: a',
      '1 done; hashing 70% of 20.0 MiB, 4.0 MiB/s, 2 s left: b',
      '2 done; sending 100% of 20.0 MiB, 4.4 MiB/s: c',
    ]);
  });

  it('is written ten times a second at most, and fits a window that becomes narrower', () => {
    const { output, stderr, lines } = terminal();
    const { time, nowMs } = clock();
    const progress = new FileProgress(output, nowMs);
    for (let at = 0; at < 1_000; at++) {
      if (at === 500) stderr.columns = 20;
      progress.moved('a-name', 'sending', at, 1_000);
      time.ms += 1;
    }
    expect(lines()).toHaveLength(10);
    expect(lines().at(4)).toBe('sending 40% of 1000 B: a-name');
    expect(lines().at(5)).toBe('sending 50% of 1000');
    stderr.columns = 0;
    progress.moved('a-name', 'sending', 1_000, 1_000);
    expect(lines().at(-1)).toBe('sending 100% of 1000 B, 1000 B/s: a-name');
  });

  it('leaves a clear line, whatever comes next', async () => {
    const { output, stderr, stop, lines } = terminal();
    output.progress('far');
    output.remark('a remark');
    output.progress('farther');
    stop.abort();
    output.progress('after an interruption');
    await output.finish();
    expect(stderr.bytes.toString()).toBe(
      `${toLineStart}far${toLineStart}artifacta: a remark\n${toLineStart}farther${toLineStart}`,
    );
    expect(lines().at(-1)).toBe('');
  });
});

describe('a terminal', () => {
  it('that is dumb gets neither color nor a line that is written anew', async () => {
    const { output, stderr } = terminal({ color: false, rewrites: false });
    output.progress('far');
    output.error(new Error('wrong'));
    await output.finish();
    expect(output.showsProgress).toBe(false);
    expect(stderr.bytes.toString()).toBe('artifacta: wrong\n');
  });

  it('without colors gets the line', () => {
    const { output, stderr } = terminal({ color: false, rewrites: true });
    output.progress('far');
    output.error(new Error('wrong'));
    expect(stderr.bytes.toString()).toBe(`${toLineStart}far${toLineStart}artifacta: wrong\n`);
    const colored = terminal();
    colored.output.error(new Error('wrong'));
    expect(colored.stderr.bytes.toString()).toBe('\u001b[31martifacta:\u001b[39m wrong\n');
  });
});
