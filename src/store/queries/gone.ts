/** The artifacts that a sealed session's manifest lists and that do not exist any more. */
import { Buffer } from 'node:buffer';
import { limits } from '../../domain/limits.ts';
import type { Budget } from '../../domain/load/budget.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ManifestRecord, SessionRecord } from '../../index/records.ts';
import type { Contents } from '../contents/contents.ts';
import { page } from '../look/page.ts';
import { isThere } from '../rows/session-life.ts';
import type { ManifestLine } from '../sessions/manifest.ts';

/** A page of artifacts that are gone. */
interface GonePage {
  readonly lines: readonly ManifestLine[];
  /** The position in the manifest where the next page begins, in bytes; undefined at its end. */
  readonly nextOffset: number | undefined;
}

/** The manifest to read, and where to continue in it. `now` in milliseconds since the Unix epoch. */
interface GoneRequest {
  readonly ns: string;
  readonly session: SessionRecord;
  readonly manifest: ManifestRecord;
  /** The position of a line in the manifest, in bytes. */
  readonly offset: number;
  readonly pageSize: number;
  readonly budget: Budget;
  readonly now: number;
}

/** The number of lines that are looked at together. */
const blockLines = 256;

/** Returns a page of the lines from an offset on whose artifacts are gone. */
export async function goneArtifacts(
  reader: Reader,
  contents: Contents,
  request: GoneRequest,
): Promise<GonePage> {
  const { ns, session, pageSize, budget, now } = request;
  const source = {
    entries: () => lineBlocks(reader, contents, request),
    look: async (lines: readonly Line[]) => {
      const isThere = await areLive(reader, ns, session, lines, now);
      budget.spend('entries', lines.length);
      return lines.map(({ parsed, bytes }, at) => (isThere[at] ? undefined : { item: parsed, bytes }));
    },
  };
  const { items, last } = await page(source, { itemsMax: pageSize, bytesMax: limits.pageBytesMax, budget });
  return { lines: items, nextOffset: last?.end };
}

interface Line {
  readonly parsed: ManifestLine;
  /** The size of the line with its newline. */
  readonly bytes: number;
  /** The position in the manifest where it ends, in bytes. */
  readonly end: number;
}

async function* lineBlocks(reader: Reader, contents: Contents, request: GoneRequest): AsyncGenerator<Line[]> {
  const { ns, manifest, offset } = request;
  const part = { offset, length: manifest.size - offset };
  let rest: Buffer = Buffer.alloc(0);
  let block: Line[] = [];
  let at = offset;
  for await (const piece of await contents.open(reader, ns, manifest, part)) {
    rest = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece]);
    let start = 0;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a, start)) {
      const bytes = end + 1 - start;
      at += bytes;
      block.push({ parsed: JSON.parse(rest.toString('utf8', start, end)), bytes, end: at });
      start = end + 1;
      if (block.length < blockLines) continue;
      yield block;
      block = [];
    }
    rest = rest.subarray(start);
  }
  if (block.length > 0) yield block;
}

async function areLive(
  reader: Reader,
  ns: string,
  session: SessionRecord,
  block: readonly Line[],
  now: number,
): Promise<boolean[]> {
  const versions = await reader.getMany(
    block.map(({ parsed }) => keys.artifacts.version.key(ns, session.uid, parsed.name, parsed.version)),
  );
  const ids = versions.map((value) => value && keys.artifacts.version.decode(value).id);
  const present = ids.filter((id) => id !== undefined);
  const records = await reader.getMany(present.map((id) => keys.artifacts.record.key(ns, id)));
  let next = 0;
  return ids.map((id) => {
    if (id === undefined) return false;
    const value = records[next++];
    return value !== undefined && isThere(keys.artifacts.record.decode(value), session, now);
  });
}
