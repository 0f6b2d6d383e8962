/** The pieces in which `artifacta run` stores what a command writes, found among the events of its session. */

/** A piece, or the whole. */
export interface OutputPiece {
  readonly id: string;
  readonly name: string;
}

const part = /^\.run\/std(?:out|err)\.parts\//;

/** Returns true for a piece of an output. Lists by name leave them out: the whole has a name of its own. */
export function isPiece(name: string): boolean {
  return part.test(name);
}

/** Returns the pieces of a stream in their order, and the whole once it is stored. */
export function piecesOf(
  rows: readonly { readonly artifact: OutputPiece | undefined }[],
  stream: 'stdout' | 'stderr',
): { readonly pieces: readonly OutputPiece[]; readonly whole: OutputPiece | undefined } {
  const prefix = `.run/${stream}.parts/`;
  const pieces: OutputPiece[] = [];
  let whole: OutputPiece | undefined;
  for (const { artifact } of rows) {
    if (artifact?.name.startsWith(prefix)) pieces.push(artifact);
    else if (artifact?.name === `.run/${stream}`) whole = artifact;
  }
  return { pieces: pieces.sort((a, b) => (a.name < b.name ? -1 : 1)), whole };
}
