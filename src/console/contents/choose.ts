/** Which preview an artifact gets, by its type and its name. */

/** The ways in which contents are shown. */
export type Kind =
  | 'text'
  | 'json'
  | 'lines of json'
  | 'table'
  | 'parquet'
  | 'markdown'
  | 'image'
  | 'svg'
  | 'notebook'
  | 'patch'
  | 'html'
  | 'pdf'
  | 'media'
  | 'archive'
  | 'hex';

const byType: readonly (readonly [RegExp, Kind])[] = [
  [/^image\/svg\+xml$/, 'svg'],
  [/^image\/(?:png|jpeg|gif|webp|avif|bmp)$/, 'image'],
  [/^application\/x-ipynb\+json$/, 'notebook'],
  [/^application\/(?:jsonl|x-ndjson|ndjson|json-seq|jsonlines|x-jsonlines)$/, 'lines of json'],
  [/^application\/(?:[\w.+-]+\+)?json$/, 'json'],
  [/^text\/(?:csv|tab-separated-values)$/, 'table'],
  [/^application\/(?:vnd\.apache\.parquet|x-parquet|parquet)$/, 'parquet'],
  [/^text\/(?:markdown|x-markdown)$/, 'markdown'],
  [/^text\/(?:x-diff|x-patch)$/, 'patch'],
  [/^(?:text\/html|application\/xhtml\+xml)$/, 'html'],
  [/^application\/pdf$/, 'pdf'],
  [/^(?:audio|video)\//, 'media'],
  [/^application\/(?:zip|x-zip-compressed|java-archive)$/, 'archive'],
  [/^text\//, 'text'],
  [/^application\/(?:xml|yaml|x-yaml|toml|javascript|x-sh|sql|typescript|x-python|[\w.-]+\+xml)$/, 'text'],
];

const byName: readonly (readonly [RegExp, Kind])[] = [
  [/\.ipynb$/i, 'notebook'],
  [/\.(?:jsonl|ndjson)$/i, 'lines of json'],
  [/\.json$/i, 'json'],
  [/\.(?:csv|tsv)$/i, 'table'],
  [/\.parquet$/i, 'parquet'],
  [/\.(?:md|markdown)$/i, 'markdown'],
  [/\.(?:diff|patch)$/i, 'patch'],
  [/\.(?:zip|jar|whl|docx|xlsx|pptx)$/i, 'archive'],
  [/\.svg$/i, 'svg'],
  [/(?:^|\/)\.run\/std(?:out|err)(?:\.\d+)?$/i, 'text'],
  [/\.(?:log|txt|py|ts|js|go|rs|java|c|h|cpp|sh|yaml|yml|toml|ini|cfg|sql|xml|css|rb|out|err)$/i, 'text'],
];

/** Types that say nothing of the content. */
const vague = /^(?:application\/octet-stream|binary\/octet-stream|text\/plain)$/;

/** Returns the preview for an artifact. */
export function kindOf(name: string, contentType: string): Kind {
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  const named = byName.find(([pattern]) => pattern.test(name))?.[1];
  const typed = byType.find(([pattern]) => pattern.test(type))?.[1];
  if (vague.test(type)) return named ?? typed ?? 'hex';
  return typed ?? named ?? 'hex';
}

/** The other ways in which the same bytes can be shown. */
export function otherKinds(kind: Kind): readonly Kind[] {
  if (kind === 'text') return ['hex'];
  return kind === 'hex' ? ['text'] : ['text', 'hex'];
}

/** Returns true if bytes look like text: for contents whose type says nothing. */
export function looksLikeText(bytes: Uint8Array): boolean {
  if (bytes.length === 0 || bytes.includes(0)) return bytes.length === 0;
  let odd = 0;
  for (const byte of bytes) if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 27) odd++;
  return odd * 100 < bytes.length;
}
