import { RE2JS } from 're2js';
import { invalid } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import { lookAhead } from './utf8.ts';

/** A regular expression that takes time proportional to the text, whatever it is. */
export class Pattern {
  /** How much of a line is looked at, in bytes: nothing else runs while a line is matched. */
  readonly lineBytesMax: number;
  /** How much work a byte may be. */
  readonly instructions: number;
  private readonly regex: RE2JS;
  private readonly invert: boolean;

  /** @throws Failure INVALID_ARGUMENT naming `field`. */
  constructor(
    field: string,
    pattern: string,
    options: { readonly ignoreCase: boolean; readonly invert: boolean },
  ) {
    if (pattern === '') throw invalid(field, 'is required');
    const bytes = new TextEncoder().encode(pattern).length;
    if (bytes > limits.grepPatternBytesMax)
      throw invalid(field, `has ${bytes} bytes; at most ${limits.grepPatternBytesMax} are allowed`);
    this.regex = compiled(field, pattern, options.ignoreCase);
    this.invert = options.invert;
    this.instructions = this.regex.programSize();
    if (this.instructions > limits.grepInstructionsMax)
      throw invalid(field, 'is too large once its repetitions are written out');
    this.lineBytesMax = Math.min(
      limits.grepLineBytesMax,
      Math.floor(limits.grepLineStepsMax / this.instructions),
    );
  }

  /** True if a line is wanted. @param text of it without its end, or of its first {@link lineBytesMax} bytes. */
  takes(text: string): boolean {
    return this.regex.test(text) !== this.invert;
  }

  /** So many bytes of a line tell whether it is wanted: whole units, whatever they are. */
  get needed(): number {
    return this.lineBytesMax + (this.lineBytesMax % 2) + lookAhead;
  }
}

function compiled(field: string, pattern: string, ignoreCase: boolean): RE2JS {
  try {
    return RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (error) {
    const why = (error as Error).message.replace(/^error parsing regexp: /, '');
    throw invalid(field, `is no regular expression of RE2: ${why}`);
  }
}
