import { RE2JS } from 're2js';
import { invalid } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import { lookAhead } from './utf8.ts';

/** A regular expression that takes time proportional to the text, whatever the expression. */
export class Pattern {
  /** The part of a line that is examined, in bytes: no other code runs while a line is matched. */
  readonly lineBytesMax: number;
  /** The greatest work for one byte. */
  readonly instructions: number;
  private readonly regex: RE2JS;
  private readonly invert: boolean;

  /** Compiles the expression. @throws Failure INVALID_ARGUMENT naming `field`. */
  constructor(
    field: string,
    pattern: string,
    options: { readonly ignoreCase: boolean; readonly invert: boolean },
  ) {
    if (pattern === '') throw invalid(field, 'is required');
    const bytes = new TextEncoder().encode(pattern).length;
    if (bytes > limits.grepPatternBytesMax)
      throw invalid(field, `must have at most ${limits.grepPatternBytesMax} bytes, not ${bytes}`);
    this.regex = compiled(field, pattern, options.ignoreCase);
    this.invert = options.invert;
    this.instructions = this.regex.programSize();
    if (this.instructions > limits.grepInstructionsMax)
      throw invalid(
        field,
        'must be a smaller pattern: it is too large when its repetitions, such as x{100}, are written out',
      );
    this.lineBytesMax = Math.min(
      limits.grepLineBytesMax,
      Math.floor(limits.grepLineStepsMax / this.instructions),
    );
  }

  /**
   * Returns true if a line is wanted. @param text the line without its end, or its first {@link lineBytesMax} bytes.
   */
  takes(text: string): boolean {
    return this.regex.test(text) !== this.invert;
  }

  /** The number of bytes of a line that decide whether it is wanted: whole units of any encoding. */
  get needed(): number {
    return this.lineBytesMax + (this.lineBytesMax % 2) + lookAhead;
  }
}

function compiled(field: string, pattern: string, ignoreCase: boolean): RE2JS {
  try {
    return RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (error) {
    const why = (error as Error).message.replace(/^error parsing regexp: /, '');
    throw invalid(field, `must be a valid RE2 regular expression: ${why}`);
  }
}
