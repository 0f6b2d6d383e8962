import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { FileUnsuitable, fileContent } from '../../client/artifacts/file.ts';
import { UsageError } from '../exit.ts';

/** The file that says what of its directory, and of those below it, is not pushed. It is not pushed itself. */
export const ignoreFileName = '.artifactaignore';

const ignoreFileBytesMax = 1024 * 1024;
/** What was asked is remembered by the library; after so many questions it begins anew. */
const questionsMax = 10_000;

/**
 * What of a tree is not pushed, in the language of `.gitignore`: by the patterns of the command line, and by the ignore
 * files on the way from the root of the tree, of which the deeper one is the stronger. The command line outranks both.
 */
export class Exclusions {
  private readonly given: readonly string[];
  /** From ignore files, as they read from the root. */
  private readonly inherited: readonly string[];
  /** The places of given patterns that have matched; shared with the directories below. */
  private readonly matched: Set<number>;
  private rules: Ignore | undefined;
  private questions = 0;

  /** @param given patterns of the command line, the strongest last. @throws UsageError for one that says nothing. */
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

  /** The same, for another walk: what matches in it is not noted here. */
  again(): Exclusions {
    return new Exclusions(this.given, this.inherited);
  }

  /**
   * Those of a directory: the same, and what its ignore file says.
   *
   * @param prefix its way from the root, with a slash at its end; empty for the root.
   * @param beforeOpen may refuse to have the file opened.
   * @throws FileUnsuitable, or an error of the file system, if there is one that cannot be read.
   */
  async within(directory: string, prefix: string, beforeOpen: (path: string) => void): Promise<Exclusions> {
    const lines = await readIgnoreFile(join(directory, ignoreFileName), beforeOpen);
    if (lines === undefined) return this;
    const rebased = lines.map((line) => fromRoot(line, prefix)).filter((line) => line !== undefined);
    return new Exclusions(this.given, [...this.inherited, ...rebased], this.matched);
  }

  /** @param name its way from the root, without a slash at its end; what is above it is not excluded. */
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
    // Names are told apart by their case, as they are by the service.
    const rules = ignore({ ignorecase: false, allowRelativePaths: true }).add(this.inherited);
    return rules.add(this.given.map((pattern, at) => ({ pattern: asPattern(pattern), mark: String(at) })));
  }
}

/** On a command line `#` begins no comment, and `./` says that the pattern begins at the root. */
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

/** A line of the ignore file of a directory as it reads from the root. Undefined: it says nothing. */
function fromRoot(line: string, prefix: string): string | undefined {
  if (line.trim() === '' || line.startsWith('#')) return undefined;
  if (prefix === '') return line;
  const [, not, pattern] = /^(!?)(.*)$/s.exec(line)!;
  // With a slash before its end it is about this directory, without one about all below it, too.
  const isHere = pattern!.trimEnd().slice(0, -1).includes('/');
  const literal = prefix.replace(/[\\*?[]/g, '\\$&');
  return `${not}/${literal}${isHere ? '' : '**/'}${pattern!.replace(/^\//, '')}`;
}
