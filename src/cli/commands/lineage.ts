import type { Command } from 'commander';
import type { Artifact } from '../../client/artifacts/artifact.ts';
import type { LineageEdge } from '../../client/artifacts/lineage.ts';
import { ArtifactaError } from '../../client/errors.ts';
import { parseCount, parseRef } from '../flags/parse.ts';
import type { Invocation } from '../invocation.ts';
import { humanSize, plain } from '../output/human.ts';
import { lineageJson } from '../output/json.ts';
import type { Output } from '../output/output.ts';

interface LineageFlags {
  readonly derived?: boolean;
  readonly depth?: string;
  readonly version?: string;
}

/** The greatest depth of a walk. */
const depthMax = 32;

/** `artifacta lineage`: shows the inputs of an artifact, or the artifacts made from it. */
export function addLineage(program: Command, invocation: Invocation): Command {
  return program
    .command('lineage')
    .summary('show what an artifact was made from, or what was made from it')
    .description(
      'Shows, as a tree, what an artifact was made from, or with --derived what was made from it. An artifact with ' +
        'several parents in the tree appears under each of them. Its own subtree is printed only once, where it is ' +
        'nearest to the root. With --json each edge of the tree is one JSON document on one line.',
    )
    .argument('<ref>', 'art_… or SESSION/NAME')
    .option('--derived', 'show what was made from the artifact')
    .option('--depth <n>', 'show at most this many levels, from 1 to 32 (default: 32)')
    .option('--version <n>', 'the version of SESSION/NAME (default: the latest)')
    .action(async (text: string, flags: LineageFlags, command: Command) => {
      const version = flags.version === undefined ? undefined : parseCount('--version', flags.version, 1);
      const depth = flags.depth === undefined ? depthMax : parseCount('--depth', flags.depth, 1, depthMax);
      const ref = parseRef(text, version);
      const { output, io } = invocation;
      const { signal } = io;
      const direction = flags.derived ? 'derived' : 'inputs';
      await invocation.withClient(command, async (client) => {
        const start = await client.get(ref, { signal });
        const edges = client.lineage(start.id, { direction, depth, signal });
        if (output.style.json || output.style.quiet) return await showEach(edges, direction, output);
        await showTree(new Tree(start, direction), edges, invocation);
      });
    });
}

/** Artifacts found before an error are shown before it: a walk of that depth may meet too many artifacts. */
async function showTree(
  tree: Tree,
  edges: AsyncIterable<LineageEdge>,
  { io, output }: Invocation,
): Promise<void> {
  let failure: ArtifactaError | undefined;
  try {
    for await (const edge of edges) tree.add(edge);
  } catch (error) {
    if (io.signal?.aborted || tree.isBare || !(error instanceof ArtifactaError)) throw error;
    failure = error;
  }
  for (const line of tree.lines()) {
    await output.line(line);
    if (output.closed) return;
  }
  if (failure !== undefined) throw failure;
  if (tree.isBare) output.remark(tree.wordsForNone);
}

/** Prints edges as JSON, or the id of each far end once. */
async function showEach(
  edges: AsyncIterable<LineageEdge>,
  direction: 'inputs' | 'derived',
  output: Output,
): Promise<void> {
  const shown = new Set<string>();
  for await (const edge of edges) {
    const { far } = endsOf(edge, direction);
    if (output.style.json) await output.json(lineageJson(edge));
    else if (!shown.has(far)) await output.line(far);
    shown.add(far);
    if (output.closed) return;
  }
}

function endsOf({ derivedId, inputId }: LineageEdge, direction: 'inputs' | 'derived') {
  return direction === 'inputs' ? { near: derivedId, far: inputId } : { near: inputId, far: derivedId };
}

/** The record of an artifact: undefined if it is gone or may not be read. */
type Known = Artifact | undefined;

class Tree {
  private readonly start: Artifact;
  private readonly direction: 'inputs' | 'derived';
  private readonly known = new Map<string, Known>();
  private readonly below = new Map<string, { readonly far: string; readonly isAgain: boolean }[]>();

  constructor(start: Artifact, direction: 'inputs' | 'derived') {
    this.start = start;
    this.direction = direction;
    this.known.set(start.id, start);
  }

  get wordsForNone(): string {
    return this.direction === 'derived'
      ? 'nothing was made from this artifact'
      : 'this artifact was made from no other artifact';
  }

  get isBare(): boolean {
    return this.below.size === 0;
  }

  add(edge: LineageEdge): void {
    const { near, far } = endsOf(edge, this.direction);
    const below = this.below.get(near) ?? [];
    below.push({ far, isAgain: this.known.has(far) });
    this.below.set(near, below);
    this.known.set(far, edge.artifact);
  }

  *lines(): Generator<string, void, void> {
    yield this.described(this.start.id);
    yield* this.linesBelow(this.start.id, '');
  }

  /**
   * Yields the lines below an artifact. The edges come by depth: the first edge to an artifact is on a shortest way, so
   * no branch is longer than the walk.
   */
  private *linesBelow(id: string, indent: string): Generator<string, void, void> {
    const below = this.below.get(id) ?? [];
    for (const [at, { far, isAgain }] of below.entries()) {
      const isLast = at === below.length - 1;
      const note = isAgain && this.below.has(far) ? '  (again)' : '';
      yield `${indent}${isLast ? '└── ' : '├── '}${this.described(far)}${note}`;
      if (!isAgain) yield* this.linesBelow(far, `${indent}${isLast ? '    ' : '│   '}`);
    }
  }

  private described(id: string): string {
    const artifact = this.known.get(id);
    if (artifact === undefined) return `${plain(id)}  gone, or cannot be read`;
    const { session, name, version, sizeBytes } = artifact;
    return `${plain(id)}  ${plain(`${session}/${name}`)}  v${version}  ${humanSize(sizeBytes)}`;
  }
}
