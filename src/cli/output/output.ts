import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { inWords } from '../../client/files/cannot-write.ts';
import type { Io } from '../io.ts';
import { errorJson } from './error-json.ts';
import { errorLines } from './error-text.ts';
import { displayWidth, plain } from './human.ts';
import { plainLines, TerminalText } from './terminal-text.ts';

/** The form in which results are shown. */
interface Style {
  readonly json: boolean;
  readonly quiet: boolean;
}

/**
 * Results on stdout, remarks and errors on stderr. When no process reads stdout any more, as after `| head`, the output
 * becomes silent: {@link closed} turns true, writing does nothing, and that is not an error.
 */
export class Output {
  style: Style = { json: false, quiet: false };
  private readonly stdout: Writable;
  private readonly stderr: Writable;
  private readonly color: boolean;
  /** A terminal whose last line can be rewritten. */
  private readonly terminal: Io['stderr'] | undefined;
  private readonly signal: AbortSignal | undefined;
  /** If stdout is a terminal, everything passes through this on its way to it. */
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
    // No stream is left to report it on.
    this.stderr.on('error', ignore);
  }

  /** True once no process reads stdout any more. */
  get closed(): boolean {
    return this.isClosed || this.stdout.destroyed;
  }

  /**
   * The reason why results were lost, also those written last, and help. Undefined: none were lost, or no process
   * reads.
   */
  get lost(): Error | undefined {
    return this.failure;
  }

  /** Writes content or a part of it: as it is, unless stdout is a terminal. Resolves when room for more exists. */
  async bytes(chunk: Uint8Array | string): Promise<void> {
    if (this.closed) return;
    this.clearProgress();
    if (!this.stdout.write(this.shown?.write(chunk) ?? chunk)) await this.drained();
    if (this.failure !== undefined) throw this.failure;
  }

  line(text: string): Promise<void> {
    return this.bytes(`${this.shown === undefined ? text : plain(text)}\n`);
  }

  /** Writes one JSON document on one line. */
  json(value: unknown): Promise<void> {
    return this.line(JSON.stringify(value));
  }

  /** Writes a remark, unless quiet was requested. @param object the remark where results are objects. */
  remark(text: string, object: object = { remark: { message: text } }): void {
    if (!this.style.quiet) this.notice(text, object);
  }

  /** Writes a notice, also if quiet was requested: a text, or an object where results are objects. */
  notice(text: string, object: object): void {
    this.clearProgress();
    this.stderr.write(this.style.json ? `${JSON.stringify(object)}\n` : `artifacta: ${plain(text)}\n`);
  }

  /** Writes a warning, also if quiet was requested. */
  warning(text: string): void {
    this.notice(text, { warning: { message: text } });
  }

  /** Whether {@link progress} shows anything. */
  get showsProgress(): boolean {
    if (this.signal?.aborted) return false;
    return this.terminal !== undefined && !this.style.json && !this.style.quiet;
  }

  /** Rewrites one line at the bottom of a terminal, for people who watch. The next printed text takes its place. */
  progress(text: string): void {
    if (!this.showsProgress) return;
    // The width is read each time: the window may have become narrower. Some terminals report that they have no
    // columns.
    const line = fitted(plain(text), (this.terminal?.columns || 80) - 1);
    this.stderr.write(`${toLineStart}${line}`);
    this.progressShown = true;
  }

  private clearProgress(): void {
    if (this.progressShown) this.stderr.write(toLineStart);
    this.progressShown = false;
  }

  /** Writes help and complaints of the argument parser. Where errors are objects, these are not text. */
  text(text: string, where: 'stdout' | 'stderr'): void {
    if (where === 'stderr' && this.style.json) return;
    if (where === 'stderr') this.stderr.write(this.terminal === undefined ? text : plainLines(text));
    else if (!this.closed) this.stdout.write(this.shown === undefined ? text : plainLines(text));
  }

  /**
   * Writes what went wrong, with what, and what to do about it; an object where results are objects.
   *
   * @param subject what the error is about, e.g. the path of a file.
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

  /** Resolves when everything written has left, and releases the streams. */
  async finish(): Promise<void> {
    this.clearProgress();
    this.signal?.removeEventListener('abort', this.onAbort);
    const rest = this.shown?.end() ?? '';
    if (!this.closed) await new Promise<void>((resolve) => this.stdout.write(rest, () => resolve()));
    this.stdout.off('error', this.onError);
    // An error may come after the last write; without a listener it would end the process with a stack.
    this.stdout.on('error', ignore);
  }

  /** A user who interrupts twice finds the line clear. */
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

/** Moves back to the first column, and clears the rest of the line. */
const toLineStart = '\r\u001b[K';

/** Returns as much of a text as fits: a line that wraps cannot be rewritten. */
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
