/** The filter language: what it means, and what it refuses, with the column. */
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/domain/errors.ts';
import { toFilter } from '../../src/query/condition.ts';
import { artifactFields, readFilter, sessionFieldsOfSessions } from '../../src/query/filter.ts';
import { parseFilter } from '../../src/query/filter-syntax.ts';

/** 2026-01-02T03:04:05Z */
const now = 1_767_323_045_000;

const understood = (filter: string, fields = artifactFields) => {
  const condition = readFilter(filter, fields, now);
  return condition === undefined ? undefined : toFilter(condition);
};

describe('a filter is understood', () => {
  it.each([
    ['name = report.md', 'name = "report.md"'],
    ['name=\'it is "so"\'', 'name = "it is \\"so\\""'],
    ['name = "a\\\\b\\*"', 'name = "a\\\\b\\*"'],
    ['name = reports/*', 'name = "reports/*"'],
    ['name != "reports/*"', 'name != "reports/*"'],
    ['name = "*"', 'name = "*"'],
    ['name:漢字.txt', 'name = "漢字.txt"'],
    ['metadata.agent="billing"', 'metadata."agent" = "billing"'],
    ['metadata."gen_ai.request.model" = x', 'metadata."gen_ai.request.model" = "x"'],
    ['metadata:agent', 'metadata."agent":*'],
    ['metadata.agent:*', 'metadata."agent":*'],
    ['metadata.agent:billing', 'metadata."agent" = "billing"'],
    ['labels.score >= 0.5', 'labels."score" >= 0.5'],
    ['labels.score >= "-1e3"', 'labels."score" >= -1000'],
    ['labels.a-b_c = x', 'labels."a-b_c" = "x"'],
    ['content_type = "Application/JSON; Charset=X"', 'content_type = "application/json; charset=x"'],
    ['content_type = "Application/JSON"', 'content_type = "application/json"'],
    ['content_type = "text/csv;Header=Absent;"', 'content_type = "text/csv; header=absent"'],
    ['content_type = "text/csv ;*"', 'content_type = "text/csv;*"'],
    [`sha256 = ${'AB'.repeat(32)}`, `sha256 = "${'ab'.repeat(32)}"`],
    ['size_bytes > 1024', 'size_bytes > 1024'],
    ['size_bytes > 1.5MiB', 'size_bytes > 1572864'],
    ['create_time > now-1.5h', 'create_time > 2026-01-02T01:34:05.000Z'],
    ['create_time > now+0.5s', 'create_time > 2026-01-02T03:04:05.500Z'],
    ['create_time > now-7d', 'create_time > 2025-12-26T03:04:05.000Z'],
    ['create_time <= now', 'create_time <= 2026-01-02T03:04:05.000Z'],
    ['create_time < "now+90m"', 'create_time < 2026-01-02T04:34:05.000Z'],
    ['create_time >= 2026-01-01T00:00:00+02:00', 'create_time >= 2025-12-31T22:00:00.000Z'],
    ['create_time = 2026-01-01t00:00:00.25z', 'create_time = 2026-01-01T00:00:00.250Z'],
    ['create_time < 2016-12-31T23:59:60Z', 'create_time < 2016-12-31T23:59:59.000Z'],
    ['expire_time:*', 'expire_time:*'],
    ['session.outcome = failed', 'session.outcome = "FAILED"'],
    ['session.state != "OPEN"', 'session.state != "OPEN"'],
    ['a=1 OR b=2'.replaceAll(/[ab]/g, 'labels.$&'), 'labels."a" = "1" OR labels."b" = "2"'],
    ['name=a AND name=b OR name=c AND name=d', 'name = "a" AND (name = "b" OR name = "c") AND name = "d"'],
    ['NOT name=a', 'NOT name = "a"'],
    ['-name=a', 'NOT name = "a"'],
    ['NOT (name=a AND -(name=b))', 'NOT (name = "a" AND (NOT name = "b"))'],
    ['name=a\n  AND\tname=b', 'name = "a" AND name = "b"'],
    ['metadata.NOT = ANDROID', 'metadata."NOT" = "ANDROID"'],
  ])('%s', (filter, meaning) => {
    expect(understood(filter)).toBe(meaning);
    // What is shown means the same.
    expect(understood(meaning)).toBe(meaning);
  });

  it.each(['', ' \n '])('and may be empty', (filter) => {
    expect(understood(filter)).toBeUndefined();
  });

  it('over sessions it knows their fields', () => {
    expect(understood('seal_time > now-1h', sessionFieldsOfSessions)).toBe(
      'seal_time > 2026-01-02T02:04:05.000Z',
    );
    expect(() => understood('size_bytes > 1', sessionFieldsOfSessions)).toThrow(
      'no field is named size_bytes',
    );
  });
});

const nested = (depth: number) => `${'('.repeat(depth)}name = a${')'.repeat(depth)}`;

describe('a filter is refused, with the column', () => {
  it.each<[string, string, number, RegExp]>([
    ['an unknown field', 'craete_time > now', 1, /no field is named craete_time; did you mean create_time\?/],
    ['a field that is nothing like any', 'name = a AND zzzzzzzz = 1', 14, /fields are name, content_type/],
    ['a field of an object', '__proto__ = 1', 1, /no field is named __proto__/],
    ['another one', 'constructor = 1', 1, /no field is named constructor/],
    ['a map without a key', 'metadata = "x"', 1, /metadata is a map: write metadata\.KEY/],
    ['dots in a key', 'metadata.a.b = 1', 1, /a key with dots needs quotation marks: metadata\."a\.b"/],
    ['an open parenthesis', '(name = a', 10, /expected .*\) but found|expected .* or \), but found the end/],
    ['one too many', 'name = a)', 9, /expected OR, AND or the end, but found "\)"/],
    ['no operator', 'name', 5, /expected an operator/],
    ['an unknown operator', 'name ~ a', 6, /expected an operator/],
    ['two operators', 'name == a', 7, /expected a value/],
    ['no value', 'name =', 7, /expected a value, but found the end/],
    ['a keyword for a value', 'name = AND', 8, /expected a value/],
    ['nothing between two', 'name = a name = b', 10, /expected OR, AND or the end/],
    ['an end that is none', 'name = a AND', 13, /but found the end/],
    ['a text alone', '"report"', 1, /expected NOT, -, \( or a field/],
    ['an open text', 'name = "a', 8, /quotation mark has no closing one/],
    ['an unknown escape', 'name = "a\\n"', 10, /backslash can only come before/],
    ['a NUL', 'name = "a\0"', 10, /NUL/],
    ['a star in the middle', 'name = "a*b"', 8, /only at the end of a value/],
    ['text in order', 'name > a', 1, /name is text, which > cannot compare/],
    ['a map value in order with a text', 'labels.x > y', 12, /as numbers, and "y" is not a number/],
    ['part of a byte', 'size_bytes = 1.5', 14, /whole number of bytes/],
    ['a size that is text', 'size_bytes < "big"', 14, /whole number of bytes, not "big"/],
    ['a size with a star', 'size_bytes = 1*', 14, /whole number/],
    ['a day alone', 'create_time > 2026-01-01', 15, /is a time, such as/],
    ['a day that does not exist', 'create_time > 2026-02-30T00:00:00Z', 15, /is a time/],
    ['an hour that does not exist', 'create_time > 2026-02-03T24:00:00Z', 15, /is a time/],
    ['a time without a zone', 'create_time > 2026-02-03T04:05:06', 15, /is a time/],
    ['an unknown unit', 'create_time > now-7y', 15, /is a time/],
    ['no unit', 'create_time > now-7', 15, /is a time/],
    ['no number', 'create_time > now-', 15, /is a time/],
    ['an unknown unit of size', 'size_bytes > 7Q', 14, /whole number/],
    ['a time that has something', 'create_time:now', 13, /tests whether create_time is set/],
    ['an outcome that is none', 'session.outcome = fine', 19, /SUCCEEDED, FAILED, CANCELLED, ABANDONED/],
    ['part of an outcome', 'session.outcome = FAIL*', 19, /is one of/],
    ['too many parentheses', nested(33), 33, /more than 32 parentheses are open/],
    ['ten thousand', nested(2_000), 33, /more than 32/],
    ['101 comparisons', Array(101).fill('name=a').join(' OR '), 1, /at most 100 comparisons, not 101/],
    ['10,000 comparisons', Array(10_000).fill('name=a').join(' OR '), 1, /at most 4096 bytes, not/],
    ['a text over 4 KiB', `name = "${'x'.repeat(5_000)}"`, 1, /at most 4096/],
  ])('%s', (_what, filter, column, why) => {
    let refusal: unknown;
    try {
      readFilter(filter, artifactFields, now);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(Failure);
    const { reason, violations, metadata, message } = refusal as Failure;
    expect(reason).toBe('INVALID_ARGUMENT');
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatchObject({ field: 'filter' });
    expect(violations[0]!.description).toMatch(why);
    expect(metadata).toEqual({ column: String(column) });
    expect(message.length).toBeLessThan(400);
  });

  it('and what is allowed at most is allowed', () => {
    expect(parseFilter(nested(32))).toMatchObject({ kind: 'comparison' });
    expect(parseFilter(Array(100).fill('name=a').join(' OR '))).toMatchObject({ kind: 'or' });
  });
});
