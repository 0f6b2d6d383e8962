import { parseSpan } from '../../domain/quantities.ts';
import { UsageError } from '../exit.ts';

/** The flags that stand for comparisons; all of them must be met. */
export interface FilterFlags {
  /** `key=value` pairs of the metadata. */
  readonly where?: readonly string[] | undefined;
  /** `key=value` pairs of the labels. */
  readonly label?: readonly string[] | undefined;
  readonly type?: string | undefined;
  readonly name?: string | undefined;
  readonly session?: string | undefined;
  readonly outcome?: string | undefined;
  readonly state?: string | undefined;
  /** A span before now, or a time: created since then. */
  readonly since?: string | undefined;
  /** The same for: created before then. */
  readonly until?: string | undefined;
}

/** Media types by their common names. A kind alone, e.g. `image`, means all of it. */
const types: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  html: 'text/html',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  jsonl: 'application/jsonl',
  markdown: 'text/markdown',
  md: 'text/markdown',
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  tsv: 'text/tab-separated-values',
  txt: 'text/plain',
  xml: 'application/xml',
  yaml: 'application/yaml',
  zip: 'application/zip',
  application: 'application/*',
  audio: 'audio/*',
  image: 'image/*',
  text: 'text/*',
  video: 'video/*',
};

/** Returns the flags, and a filter in addition to them, as one filter. Empty if none is given. */
export function filterText(flags: FilterFlags, filter = ''): string {
  const equal = (field: string, value: string | undefined) =>
    value === undefined ? [] : [`${field} = ${quoted(value)}`];
  const parts = [
    ...pairs('--where', 'metadata', flags.where ?? []),
    ...pairs('--label', 'labels', flags.label ?? []),
    ...equal('content_type', flags.type === undefined ? undefined : typeNamed(flags.type)),
    ...equal('name', flags.name),
    ...equal('session', flags.session),
    ...equal('session.outcome', flags.outcome?.toUpperCase()),
    ...equal('session.state', flags.state?.toUpperCase()),
    ...(flags.since === undefined ? [] : [`create_time >= ${instant('--since', flags.since)}`]),
    ...(flags.until === undefined ? [] : [`create_time < ${instant('--until', flags.until)}`]),
  ];
  if (filter.trim() === '') return parts.join(' AND ');
  return parts.length === 0 ? filter : [...parts, `(${filter})`].join(' AND ');
}

/**
 * Quotes a text. Quotation marks and backslashes stand for themselves. A `*` at the end stands for any continuation,
 * any other for itself.
 */
function quoted(text: string): string {
  const [body, end] = text.endsWith('*') ? [text.slice(0, -1), '*'] : [text, ''];
  return `"${body.replaceAll(/["\\*]/g, '\\$&')}${end}"`;
}

function pairs(flag: string, map: string, texts: readonly string[]): string[] {
  return texts.map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`${flag} takes KEY=VALUE; got "${text}"`);
    return `${map}.${JSON.stringify(text.slice(0, at))} = ${quoted(text.slice(at + 1))}`;
  });
}

function typeNamed(text: string): string {
  if (text.includes('/')) return text;
  const type = Object.hasOwn(types, text.toLowerCase()) ? types[text.toLowerCase()] : undefined;
  if (type !== undefined) return type;
  const known = Object.keys(types).join(', ');
  throw new UsageError(`--type takes a media type such as text/csv, or one of ${known}; got "${text}"`);
}

/** Returns a time for the filter. The service resolves `now-7d`, and keeps its value from page to page. */
function instant(flag: string, text: string): string {
  if (parseSpan(text) !== undefined) return `now-${text}`;
  const time = timeOf(text);
  if (time !== undefined) return time.toISOString();
  throw new UsageError(
    `${flag} takes an age such as 7d or 12h, or a valid time such as 2026-01-31 or 2026-01-31T12:00Z ` +
      `(UTC unless it names a zone); got "${text}"`,
  );
}

const timePattern =
  /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?)?(?:[Zz]|([+-])(\d\d):?(\d\d))?$/;

/** Parses a day or a time of RFC 3339, whose parts may be left out from the end; UTC unless it names a zone. */
function timeOf(text: string): Date | undefined {
  const parts = timePattern.exec(text);
  if (parts === null) return undefined;
  const [, day = '', hour = '00', minute = '00', second = '00', fraction = '', sign, zoneHour, zoneMinute] =
    parts;
  const utc = new Date(`${day}T${hour}:${minute}:${second}${fraction.slice(0, 4)}Z`);
  const isThere =
    !Number.isNaN(utc.getTime()) && utc.toISOString().startsWith(`${day}T${hour}:${minute}:${second}`);
  if (!isThere || Number(zoneHour ?? 0) > 23 || Number(zoneMinute ?? 0) > 59) return undefined;
  const zoneMs = (Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0)) * 60_000;
  return new Date(utc.getTime() - (sign === '-' ? -zoneMs : zoneMs));
}
