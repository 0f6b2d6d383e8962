/** The answer of a tool: data with a schema, a short text, and links to resources. */
import type { CallToolResult, ResourceLink } from '@modelcontextprotocol/server';
import type { Artifact } from '../client/artifacts/artifact.ts';
import { artifactUri, isText } from './addresses.ts';
import { jsonBytes } from './shown.ts';

/** The largest data of an answer, in bytes of JSON. A whole message then has less than 32 KiB. */
const dataBytesMax = 16 * 1024;
const textBytesMax = 4 * 1024;
const linksMax = 8;
const linkBytesMax = 4 * 1024;

/** What a tool found or did. */
export interface Answer {
  readonly data: Record<string, unknown>;
  /** Lines of text; those that do not fit are counted instead. */
  readonly lines: readonly string[];
  /** The artifacts that the answer links to, if they fit. */
  readonly links?: readonly Artifact[] | undefined;
  /** True: the lines are content, whose size the tool has limited. Default false. */
  readonly isContent?: boolean;
}

/** Returns an answer in the form of the protocol. */
export function resultOf({ data, lines, links = [], isContent = false }: Answer): CallToolResult {
  let left = linkBytesMax;
  const linked = links.slice(0, linksMax).flatMap((artifact) => {
    const link = linkTo(artifact);
    left -= jsonBytes(link);
    return left < 0 ? [] : [link];
  });
  const text = isContent ? lines.join('\n') : fewLines(lines);
  return { content: [{ type: 'text', text }, ...linked], structuredContent: data };
}

/** Returns the answer for an error. */
export function errorResult(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

function fewLines(lines: readonly string[]): string {
  let left = textBytesMax;
  const kept = lines.filter((line) => {
    left -= jsonBytes(line) + 2;
    return left >= 0;
  });
  const others = lines.length - kept.length;
  return [...kept, ...(others === 0 ? [] : [`… and ${others} more in structuredContent`])].join('\n');
}

/**
 * Returns a link to the record of an artifact. A host may read what is linked into the context of its model. So reading
 * the resource gives a record and a little text, and never the bytes of an image; the link says that of itself.
 */
export function linkTo(artifact: Artifact): ResourceLink {
  const forModels = isText(artifact.contentType);
  return {
    type: 'resource_link',
    uri: artifactUri(artifact.id),
    name: artifact.name,
    description: `${artifact.contentType}, ${artifact.sizeBytes} bytes; the resource is its record`,
    mimeType: 'application/json',
    annotations: {
      audience: forModels ? ['user', 'assistant'] : ['user'],
      lastModified: artifact.createTime.toISOString(),
    },
  };
}

/**
 * Returns the first list that fits into an answer: of all the items, of half of them, and so on.
 *
 * @param make makes the data of a list of at most this many items.
 */
export async function fitting<T extends Record<string, unknown>>(
  itemsMax: number,
  make: (items: number) => Promise<T>,
): Promise<T> {
  for (let items = itemsMax; ; items = Math.ceil(items / 2)) {
    const made = await make(items);
    if (items <= 1 || jsonBytes(made) <= dataBytesMax) return made;
  }
}
