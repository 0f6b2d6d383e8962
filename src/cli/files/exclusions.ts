import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { FileUnsuitable, fileContent } from '../../client/files/file.ts';
import { UsageError } from '../exit.ts';

/** The file that names what is not pushed of its directory and of those below it. The file itself is not pushed. */
export const ignoreFileName = '.artifactaignore';

const ignoreFileBytesMax = 1024 * 1024;
/** The library remembers all questions; after this number of questions it starts again. */
const questionsMax = 10_000;

/**
 * The parts of a tree that are not pushed, in the language of `.gitignore`. The patterns come from the command line and
 * from the ignore files on the way from the root of the tree; a deeper file is stronger. The command line outranks
 * both.
 */
export class Exclusions {
  private readonly given: readonly string[];
  /** The patterns from ignore files, as they read from the root. */
  private readonly inherited: readonly string[];
  /** The places of the given patterns that have matched, shared with the directories below. */
  private readonly matched: Set<number>;
  private rules: Ignore | undefined;
  private questions = 0;

  /**
   * @param given the patterns of the command line, the strongest last. @throws UsageError for a pattern without an
   * effect.
   */
  constructor(given: readonly string[], inherited: readonly string[] = [], matched = new Set<number>()) {
    if (given.some((pattern) => pattern.trim() === '')) throw new UsageError('--exclude must not be empty');
    this.given = given;
    this.inherited = inherited;
    this.matched = matched;
  }

  /** The given patterns that have matched nothing yet. */
  get idle(): string[] {
    return this.given.filter((pattern, at) => !pattern.startsWith('!') && !this.matched.has(at));
  }

  /** Returns the same exclusions for another walk: its matches are not recorded here. */
  again(): Exclusions {
    return new Exclusions(this.given, this.inherited);
  }

  /**
   * Returns the exclusions of a directory: these, and those of its ignore file.
   *
   * @param prefix its path from the root, with a slash at its end; empty for the root.
   * @param beforeOpen may refuse the opening of the file.
   * @throws FileUnsuitable, or an error of the file system, if an ignore file exists and cannot be read.
   */
  async within(directory: string, prefix: string, beforeOpen: (path: string) => void): Promise<Exclusions> {
    const lines = await readIgnoreFile(join(directory, ignoreFileName), beforeOpen);
    if (lines === undefined) return this;
    const rebased = lines.map((line) => fromRoot(line, prefix)).filter((line) => line !== undefined);
    return new Exclusions(this.given, [...this.inherited, ...rebased], this.matched);
  }

  /** @param name its path from the root, without a slash at its end; the directories above it are not excluded. */
  excludes(name: string, isDirectory: boolean): boolean {
    if (this.given.length === 0 && this.inherited.length === 0) return false;
    if (this.rules === undefined || ++this.questions > questionsMax) {
      this.rules = this.compiled();
      this.questions = 0;
    }
    const { ignored, rule } = this.rules.test(isDirectory ? `${name}/` : name);
    if (ignored && rule?.mark !== undefined) this.matched.add(Number(rule.mark));
    return ignored;
  }

  private compiled(): Ignore {
    // Names that differ in case differ, as in the service.
    const rules = ignore({ ignorecase: false, allowRelativePaths: true }).add(this.inherited);
    return rules.add(this.given.map((pattern, at) => ({ pattern: asPattern(pattern), mark: String(at) })));
  }
}

/**
 * Returns a text of the command line as a pattern. There `#` begins no comment, and `./` means that the pattern begins
 * at the root.
 */
function asPattern(given: string): string {
  return given.replace(/^(!?)\.\//, '$1/').replace(/^#/, '\\#');
}

async function readIgnoreFile(
  path: string,
  beforeOpen: (path: string) => void,
): Promise<readonly string[] | undefined> {
  let bytes: Buffer;
  try {
    const content = await fileContent(path, { followLink: false, beforeOpen });
    if ((content.sizeBytes ?? 0) > ignoreFileBytesMax)
      throw new FileUnsuitable(path, `must have at most ${ignoreFileBytesMax} bytes`);
    bytes = Buffer.concat(await Array.fromAsync(content.open()));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).split(/\r?\n/);
  } catch {
    throw new FileUnsuitable(path, 'must be UTF-8');
  }
}

/** Returns a line of the ignore file of a directory as it reads from the root. Undefined: it has no effect. */
function fromRoot(line: string, prefix: string): string | undefined {
  if (line.trim() === '' || line.startsWith('#')) return undefined;
  if (prefix === '') return line;
  const [, not, pattern] = /^(!?)(.*)$/s.exec(line)!;
  // With a slash before its end it concerns this directory, without one also all below it.
  const isHere = pattern!.trimEnd().slice(0, -1).includes('/');
  const literal = prefix.replace(/[\\*?[]/g, '\\$&');
  return `${not}/${literal}${isHere ? '' : '**/'}${pattern!.replace(/^\//, '')}`;
}
