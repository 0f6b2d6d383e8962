import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { ArtifactaError } from '../../client/errors.ts';
import { adviceFor } from '../advice.ts';
import type { Io } from '../io.ts';
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
  private readonly terminal: { readonly columns: number } | undefined;
  /** Where stdout is a terminal, nothing reaches it but by this. */
  private readonly shown: TerminalText | undefined;
  private progressShown = false;
  private isClosed = false;
  private failure: Error | undefined;

  constructor(io: Pick<Io, 'stdout' | 'stderr'>) {
    this.stdout = io.stdout;
    this.stderr = io.stderr;
    this.color = io.stderr.isTTY === true;
    this.terminal = io.stderr.isTTY ? { columns: io.stderr.columns ?? 80 } : undefined;
    this.shown = io.stdout.isTTY ? new TerminalText() : undefined;
    this.stdout.on('error', this.onError);
    // Nothing is left to say it to.
    this.stderr.on('error', ignore);
  }

  /** True once nobody reads stdout any more. */
  get closed(): boolean {
    return this.isClosed || this.stdout.destroyed;
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

  /** For people, unless they asked for quiet. */
  remark(text: string): void {
    if (!this.style.quiet) this.warning(text);
  }

  /** What somebody who asked for quiet must know, too. */
  warning(text: string): void {
    this.clearProgress();
    this.stderr.write(`artifacta: ${plain(text)}\n`);
  }

  /** Rewrites one line at the bottom of a terminal, for people who watch. Whatever is printed next takes its place. */
  progress(text: string): void {
    if (this.terminal === undefined || this.style.json || this.style.quiet) return;
    const line = fitted(plain(text), this.terminal.columns - 1);
    this.stderr.write(`${toLineStart}${line}`);
    this.progressShown = true;
  }

  private clearProgress(): void {
    if (this.progressShown) this.stderr.write(toLineStart);
    this.progressShown = false;
  }

  /** Help and complaints of the argument parser. */
  text(text: string, where: 'stdout' | 'stderr'): void {
    if (where === 'stderr') this.stderr.write(this.terminal === undefined ? text : plainLines(text));
    else if (!this.closed) this.stdout.write(this.shown === undefined ? text : plainLines(text));
  }

  /**
   * What went wrong, with what, and what to do about it.
   *
   * @param subject what it was about, e.g. the path of a file.
   */
  error(error: unknown, subject?: string): void {
    this.clearProgress();
    const red = (text: string) => (this.color ? `\u001b[31m${text}\u001b[39m` : text);
    const reason =
      error instanceof ArtifactaError && error.reason !== undefined ? ` (${plain(error.reason)})` : '';
    const about = subject === undefined ? '' : `${plain(subject)}: `;
    const lines = [`${red('artifacta:')} ${about}${plain(messageOf(error))}${reason}`];
    if (error instanceof ArtifactaError) {
      const told = ({ field, description }: { field: string; description: string }) =>
        error.message.includes(field) && error.message.includes(description);
      for (const violation of error.violations.filter((one) => !told(one)))
        lines.push(`  ${plain(violation.field)}: ${plain(violation.description)}`);
    }
    const advice = adviceFor(error);
    if (advice !== undefined) lines.push(`  ${advice}`);
    this.stderr.write(`${lines.join('\n')}\n`);
  }

  /** Resolves when everything written has left, and lets go of the streams. */
  async finish(): Promise<void> {
    this.clearProgress();
    const rest = this.shown?.end() ?? '';
    if (!this.closed) await new Promise<void>((resolve) => this.stdout.write(rest, () => resolve()));
    this.stdout.off('error', this.onError);
    // An error may come after the last write; without a listener it would end the process with a stack.
    this.stdout.on('error', ignore);
  }

  private readonly onError = (error: NodeJS.ErrnoException) => {
    this.isClosed = true;
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') this.failure = error;
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

/** Errors of the file system in words; others as they are. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const words: Record<string, string> = {
    ENOENT: 'there is no such file',
    EACCES: 'it cannot be read: permission denied',
    EPERM: 'it cannot be read: permission denied',
    ELOOP: 'it is a symbolic link',
    ENXIO: 'it is a socket or a device, not a regular file',
    EMFILE: 'too many files are open',
    EIO: 'it cannot be read: input/output error',
  };
  return (code !== undefined && 'syscall' in error && words[code]) || error.message;
}
