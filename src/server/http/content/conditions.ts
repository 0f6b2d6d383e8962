/** Conditional requests (RFC 9110, section 13) for content that has a strong entity tag and no date. */

/** The headers that count, in the form in which Node has them. */
interface ConditionHeaders {
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
  readonly 'if-range'?: string | string[] | undefined;
}

/** Returns true if one of them is set. */
export function isConditional(headers: ConditionHeaders): boolean {
  return headers['if-match'] !== undefined || headers['if-none-match'] !== undefined;
}

/**
 * Returns the effect of the conditions on a GET or HEAD: 412, 304, or undefined to answer it. `etag` has its quotes. A
 * list of tags that cannot be read matches nothing.
 */
export function decideConditions(headers: ConditionHeaders, etag: string): 412 | 304 | undefined {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (match !== undefined && !listed(match, etag, 'strong')) return 412;
  if (noneMatch !== undefined && listed(noneMatch, etag, 'weak')) return 304;
  return undefined;
}

/**
 * Returns false if If-Range says that the caller's parts belong to other content. Dates match nothing: contents have
 * none.
 */
export function rangeCounts(headers: ConditionHeaders, etag: string): boolean {
  const { 'if-range': condition } = headers;
  return condition === undefined || condition === etag;
}

function listed(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true;
  const tags = list.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? [];
  return tags.some((tag) => (comparison === 'weak' ? tag.replace(/^W\//, '') : tag) === etag);
}
