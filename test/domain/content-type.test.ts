/** Content types: what of them is compared, and what of them counts as said. */
import { describe, expect, it } from 'vitest';
import {
  contentTypeSaid,
  formKind,
  mediaTypeOf,
  parseContentType,
  withParameters,
} from '../../src/domain/content-type.ts';

describe('a content type', () => {
  it.each([
    ['application/json', 'application/json', 'application/json;'],
    ['Application/JSON;', 'application/json', 'application/json;'],
    ['application/json;charset=UTF-8', 'application/json', 'application/json; charset=utf-8'],
    ['application/json ; charset="utf-8"', 'application/json', 'application/json; charset=utf-8'],
    ['application/json;\tcharset = "Utf-8" ; ', 'application/json', 'application/json; charset=utf-8'],
    ['application/json; CHARSET =UTF-8', 'application/json', 'application/json; charset=utf-8'],
    ['application/json; charset= utf-8', 'application/json', 'application/json; charset=utf-8'],
    ['application/json;;charset="u\\tf-8";', 'application/json', 'application/json; charset=utf-8'],
    ['text/csv; header=present;charset=x;', 'text/csv', 'text/csv; charset=x; header=present'],
    ['text/csv; charset=x;header="present"', 'text/csv', 'text/csv; charset=x; header=present'],
    ['a/b; c="x;y = \\"z\\""; a=1', 'a/b', 'a/b; a=1; c="x;y = \\"z\\""'],
    ['a/b; c=""', 'a/b', 'a/b; c=""'],
    ['a/b; c=', 'a/b', 'a/b; c='],
    ['a/b; c="open', 'a/b', 'a/b; c=open'],
    ['a/b; c="o;pen\\', 'a/b', 'a/b; c="o;pen"'],
    ['a/b; c=d e', 'a/b', 'a/b; c=d e'],
    ['a/b; =', 'a/b', 'a/b; ='],
    ['text/plain;, text/html', 'text/plain', 'text/plain; , text/html'],
  ])('%s', (given, type, whole) => {
    expect(mediaTypeOf(given)).toBe(type);
    expect(withParameters(given)).toBe(whole);
    expect(withParameters(whole)).toBe(whole);
    expect(mediaTypeOf(parseContentType('content_type', given)!)).toBe(type);
  });
});

it.each(['*/*', 'image/*', '*/json', 'application/*+json', '*/*; q=0.8', 'text/*;charset=utf-8'])(
  '%s is no type but many',
  (given) => {
    expect(() => parseContentType('content_type', given)).toThrow(/^content_type: must be one media type/);
  },
);

it.each([
  ['text'],
  ['text/'],
  ['text/plain text'],
  ['text/plain, text/html'],
  ['text/plain\n;x'],
  ['a/b;\n'],
])('%j is none', (given) => {
  expect(() => parseContentType('content_type', given)).toThrow(/must be a media type/);
});

const json = 'a/report.json';

describe('what clients say by themselves', () => {
  it.each([
    'application/x-www-form-urlencoded',
    'Application/X-WWW-Form-Urlencoded; charset=UTF-8',
    'application/octet-stream',
    'APPLICATION/OCTET-STREAM',
    'text/plain;charset=UTF-8',
    'text/plain; charset=utf-8',
    'text/plain; charset="UTF-8"',
    'text/plain;charset=utf8',
    'Text/Plain ; Charset = UTF8',
    'application/x-www-form-urlencoded; charset=UTF-8',
    'application/octet-stream; x=y',
    'application/octet-stream;charset=UTF-8',
    'binary/octet-stream',
    'Binary/Octet-Stream; charset=binary',
  ])('%s counts as none where the extension tells another type', (given) => {
    for (const name of [json, 'REPORT.CSV', 'page.html', 'x.tar.gz'])
      expect(contentTypeSaid(name, given)).toBeUndefined();
    for (const name of ['report', 'report.unknown', 'json', '.json/x', 'constructor', 'a.constructor'])
      expect(contentTypeSaid(name, given)).toBe(given);
  });

  it.each([
    'text/plain',
    'text/plain; charset=latin1',
    'text/plain; charset=utf-8; format=flowed',
    'application/x-octet-stream',
    'text/html',
    'application/json; charset=utf-8',
    'multipart/form-data; boundary=x',
  ])('%s is said by somebody', (given) => {
    expect(contentTypeSaid(json, given)).toBe(given);
  });

  it('that agrees with the extension stays, with its charset', () => {
    expect(contentTypeSaid('note.txt', 'text/plain;charset=UTF-8')).toBe('text/plain;charset=UTF-8');
    expect(contentTypeSaid('note.txt', undefined)).toBeUndefined();
  });
});

it.each([
  ['a.json', 'multipart/form-data; boundary=x', 'multipart'],
  ['a', 'Multipart/Form-Data', 'multipart'],
  ['a', 'application/x-www-form-urlencoded', 'urlencoded'],
  ['a.unknown', 'application/x-www-form-urlencoded;charset=UTF-8', 'urlencoded'],
  ['a.json', 'application/x-www-form-urlencoded', undefined],
  ['a', 'multipart/mixed; boundary=x', undefined],
  ['a', 'application/octet-stream', undefined],
  ['a', '', undefined],
])('%s as %j is a form: %s', (name, type, kind) => {
  expect(formKind(name, type)).toBe(kind);
});
