/** Patches in the form that some hosts give to their tool for edits: `*** Begin Patch`, a line for each file, `*** End Patch`. */

const written = /^\*\*\* (?:Add File|Update File|Move to): (.+)$/;

/** Returns the paths of the files that a patch leaves, each once, in the order of the patch. */
export function pathsOfPatch(patch: string): string[] {
  const paths: string[] = [];
  for (const line of patch.split(/\r?\n/)) {
    const path = written.exec(line)?.[1]?.trim();
    if (path === undefined || path === '') continue;
    // The file has left the path of the line before.
    if (line.startsWith('*** Move to: ')) paths.pop();
    paths.push(path);
  }
  return [...new Set(paths)];
}
