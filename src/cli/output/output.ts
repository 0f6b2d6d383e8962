import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { inWords } from '../files/cannot-write.ts';
import type { Io } from '../io.ts';
import { errorJson } from './error-json.ts';
import { errorLines } from './error-text.ts';
import { displayWidth, plain } from './human.ts';
import { plainLines, TerminalText } from './terminal-text.ts';

/** How results are shown. */
interface Style {
  readonly json: boolean;
  readonly quiet: boolean;
}

/**
 * Results on stdout, remarks and errors on stderr. When nobody reads stdout any more, as after `| head`, it goes
 * quiet: {@link closed} turns true, writing does nothing, and that is no error.
 */
export class Output {
  style: Style = { json: false, quiet: false };
  private readonly stdout: Writable;
  private readonly stderr: Writable;
  private readonly color: boolean;
  /** A terminal whose last line can be written anew. */
  private readonly terminal: Io['stderr'] | undefined;
  private readonly signal: AbortSignal | undefined;
  /** Where stdout is a terminal, nothing reaches it but by this. */
  private readonly shown: TerminalText | undefined;
  private progressShown = false;
  private isClosed = false;
  private failure: Error | undefined;

  constructor({ stdout, stderr, terminal, signal }: Pick<Io, 'stdout' | 'stderr' | 'terminal' | 'signal'>) {
    this.stdout = stdout;
    this.stderr = stderr;
    this.color = stderr.isTTY === true && terminal?.color !== false;
    this.terminal = stderr.isTTY && terminal?.rewrites !== false ? stderr : undefined;
    this.shown = stdout.isTTY ? new TerminalText() : undefined;
    this.signal = signal;
    signal?.addEventListener('abort', this.onAbort);
    this.stdout.on('error', this.onError);
    // Nothing is left to say it to.
    this.stderr.on('error', ignore);
  }

  /** True once nobody reads stdout any more. */
  get closed(): boolean {
    return this.isClosed || this.stdout.destroyed;
  }

  /** Why results were lost; also of what was written last, and of help. Undefined: they were not, or nobody reads. */
  get lost(): Error | undefined {
    return this.failure;
  }

  /** A content or a part of one: as it is, unless stdout is a terminal. Resolves when there is room for more. */
  async bytes(chunk: Uint8Array | string): Promise<void> {
    if (this.closed) return;
    this.clearProgress();
    if (!this.stdout.write(this.shown?.write(chunk) ?? chunk)) await this.drained();
    if (this.failure !== undefined) throw this.failure;
  }

  line(text: string): Promise<void> {
    return this.bytes(`${this.shown === undefined ? text : plain(text)}\n`);
  }

  /** One JSON document on one line. */
  json(value: unknown): Promise<void> {
    return this.line(JSON.stringify(value));
  }

  /** Unless quiet was asked for. @param object what it is where results are objects. */
  remark(text: string, object: object = { remark: { message: text } }): void {
    if (!this.style.quiet) this.notice(text, object);
  }

  /** For everybody, also those who asked for quiet: a text, or an object where results are objects. */
  notice(text: string, object: object): void {
    this.clearProgress();
    this.stderr.write(this.style.json ? `${JSON.stringify(object)}\n` : `artifacta: ${plain(text)}\n`);
  }

  /** What somebody who asked for quiet must know, too. */
  warning(text: string): void {
    this.notice(text, { warning: { message: text } });
  }

  /** Whether {@link progress} shows anything. */
  get showsProgress(): boolean {
    if (this.signal?.aborted) return false;
    return this.terminal !== undefined && !this.style.json && !this.style.quiet;
  }

  /** Rewrites one line at the bottom of a terminal, for people who watch. Whatever is printed next takes its place. */
  progress(text: string): void {
    if (!this.showsProgress) return;
    // Asked each time: the window may have become narrower. Some terminals say that they have no columns.
    const line = fitted(plain(text), (this.terminal?.columns || 80) - 1);
    this.stderr.write(`${toLineStart}${line}`);
    this.progressShown = true;
  }

  private clearProgress(): void {
    if (this.progressShown) this.stderr.write(toLineStart);
    this.progressShown = false;
  }

  /** Help and complaints of the argument parser. Where errors are objects, these are no text. */
  text(text: string, where: 'stdout' | 'stderr'): void {
    if (where === 'stderr' && this.style.json) return;
    if (where === 'stderr') this.stderr.write(this.terminal === undefined ? text : plainLines(text));
    else if (!this.closed) this.stdout.write(this.shown === undefined ? text : plainLines(text));
  }

  /**
   * What went wrong, with what, and what to do about it; an object where results are objects.
   *
   * @param subject what it was about, e.g. the path of a file.
   */
  error(error: unknown, subject?: string): void {
    this.clearProgress();
    if (this.style.json) {
      this.stderr.write(`${JSON.stringify(errorJson(error, subject))}\n`);
      return;
    }
    const red = (text: string) => (this.color ? `\u001b[31m${text}\u001b[39m` : text);
    this.stderr.write(`${errorLines(error, subject, red).join('\n')}\n`);
  }

  /** Resolves when everything written has left, and lets go of the streams. */
  async finish(): Promise<void> {
    this.clearProgress();
    this.signal?.removeEventListener('abort', this.onAbort);
    const rest = this.shown?.end() ?? '';
    if (!this.closed) await new Promise<void>((resolve) => this.stdout.write(rest, () => resolve()));
    this.stdout.off('error', this.onError);
    // An error may come after the last write; without a listener it would end the process with a stack.
    this.stdout.on('error', ignore);
  }

  /** Whoever interrupts twice finds the line clear. */
  private readonly onAbort = () => this.clearProgress();

  private readonly onError = (error: NodeJS.ErrnoException) => {
    this.isClosed = true;
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return;
    this.failure = inWords(error, 'standard output') as Error;
  };

  private async drained(): Promise<void> {
    const settled = new AbortController();
    const { signal } = settled;
    try {
      await Promise.race([once(this.stdout, 'drain', { signal }), once(this.stdout, 'close', { signal })]);
    } catch {
      // An error while waiting: `#onError` has judged it.
    } finally {
      settled.abort();
    }
  }
}

function ignore(): void {}

/** Back to the first column, and nothing behind it. */
const toLineStart = '\r\u001b[K';

/** As much of a text as fits: a line that wraps cannot be rewritten. */
function fitted(text: string, columns: number): string {
  let width = 0;
  let at = 0;
  for (const character of text) {
    width += displayWidth(character);
    if (width > columns) break;
    at += character.length;
  }
  return text.slice(0, at);
}
