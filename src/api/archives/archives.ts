/** Limits the memory of the zip files that are made: the directory of each is in memory until its end. */
import { Failure, invalid } from '../../domain/errors.ts';
import { Shares } from '../../domain/load/shares.ts';
import type { Payer } from '../../domain/principal.ts';

interface ArchivesOptions {
  /** The most artifacts in one zip file. */
  readonly artifactsMax: number;
  /** The most artifacts in all that are made at once. */
  readonly artifactsAtOnceMax: number;
}

/** The zip files that are being made. If they have too many artifacts, the payer with too many of them gives way. */
export class Archives {
  private readonly options: ArchivesOptions;
  private readonly open = new Shares<Archive>();

  constructor(options: ArchivesOptions) {
    this.options = options;
  }

  /** Begins a zip file, which must be disposed. @param cut called if it must give way. */
  begin(payer: Payer, cut: (failure: Failure) => void): Archive {
    const archive = new Archive(this, payer, cut);
    this.open.add(archive);
    return archive;
  }

  /** For {@link Archive}. */
  end(archive: Archive): void {
    this.open.delete(archive);
  }

  /** For {@link Archive}: checks the limits after one has grown. @throws Failure INVALID_ARGUMENT, OVERLOADED. */
  check(grown: Archive): void {
    const { artifactsMax, artifactsAtOnceMax } = this.options;
    if (grown.artifacts > artifactsMax)
      throw invalid(
        'session',
        `must have at most ${artifactsMax} artifacts for an archive: download them one by one`,
      );
    while (this.artifacts > artifactsAtOnceMax) {
      const largest = [...this.open.overShare(grown.payer)].sort((a, b) => b.artifacts - a.artifacts)[0];
      if (largest === undefined)
        throw tooMany(
          'the service is making archives of too many artifacts at the moment; try again in a moment',
        );
      largest.cut();
    }
  }

  private get artifacts(): number {
    let sum = 0;
    for (const { artifacts } of this.open) sum += artifacts;
    return sum;
  }
}

/** One zip file that is being made. */
export class Archive {
  readonly payer: Payer;
  artifacts = 0;
  private readonly archives: Archives;
  private readonly onCut: (failure: Failure) => void;

  constructor(archives: Archives, payer: Payer, onCut: (failure: Failure) => void) {
    this.archives = archives;
    this.payer = payer;
    this.onCut = onCut;
  }

  /** Counts artifacts that are added. @throws Failure INVALID_ARGUMENT, OVERLOADED. */
  add(artifacts: number): void {
    this.artifacts += artifacts;
    this.archives.check(this);
  }

  /** Ends it in favour of others. */
  cut(): void {
    this.archives.end(this);
    this.onCut(
      tooMany(
        'this download was ended in favour of others, because these credentials download too many archives at once; ' +
          'download fewer at a time, and try again',
      ),
    );
  }

  [Symbol.dispose](): void {
    this.archives.end(this);
  }
}

function tooMany(why: string): Failure {
  return new Failure('OVERLOADED', why, { retryAfterMs: 1_000 });
}
