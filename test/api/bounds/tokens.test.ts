import type { DescMessage } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  BatchGetArtifactsRequestSchema,
  ListArtifactsRequestSchema,
  UpdateArtifactRequestSchema,
} from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { ImportIndexRequestSchema } from '../../../gen/artifacta/v1/index_export_pb.ts';
import {
  CreateArtifactRequestSchema,
  UploadArtifactRequestSchema,
} from '../../../gen/artifacta/v1/upload_pb.ts';
import { countTokens } from '../../../src/api/bounds/tokens.ts';
import { limits } from '../../../src/domain/limits.ts';

const { messageFieldsMax: most, messageTextBytesMax: textMost } = limits;
const count = (desc: DescMessage, json: string) => countTokens(desc, new TextEncoder().encode(json));
const tooMany = `request: must have at most ${most} fields and elements, nested at most 100 deep`;
const tooLong = `request: must have no text of more than ${textMost} bytes`;
const times = (text: string, length: number) => Array<string>(length).fill(text);
const large = 'A'.repeat(1_500_000);

describe('what is too much is refused:', () => {
  it.each([
    ['empty messages', BatchGetArtifactsRequestSchema, `{"artifacts":[${times('{}', 300_000).join(',')}]}`],
    ['keys', ListArtifactsRequestSchema, `{${times('"k":1', 80_000).join(',')}}`],
    ['elements', BatchGetArtifactsRequestSchema, `[${times('1', 5_000).join(',')}]`],
    ['openings', BatchGetArtifactsRequestSchema, '['.repeat(400_000)],
    ['blanks', BatchGetArtifactsRequestSchema, `{${' '.repeat(300_000)}}`],
    ['digits', ListArtifactsRequestSchema, `{"pageSize":${'1'.repeat(300_000)}}`],
    ['quotes in a text', UploadArtifactRequestSchema, `{"chunk":"${'\\"'.repeat(5_000)}"}`],
    ['names in a mask', UpdateArtifactRequestSchema, `{"updateMask":"${'a,'.repeat(5_000)}"}`],
    [
      'names in a mask whose key is escaped',
      UpdateArtifactRequestSchema,
      `{"updateM\\u0061sk":"${'a,'.repeat(5_000)}"}`,
    ],
  ])('%s', (_name, desc, json) => {
    expect(() => count(desc, json)).toThrow(tooMany);
  });

  it.each([
    ['a number', UploadArtifactRequestSchema, `{"finish":{"sizeBytes":"${'9'.repeat(40_000)}"}}`],
    ['a text', ListArtifactsRequestSchema, `{"filter":"${large}"}`],
    ['a text that does not end', ListArtifactsRequestSchema, `{"filter":"${large}`],
    ['a key', ListArtifactsRequestSchema, `{"${large}":1}`],
    ['a key like a field of bytes', UploadArtifactRequestSchema, `{"chunk":{"${large}":1}}`],
    ['an element below a field of bytes', UploadArtifactRequestSchema, `{"chunk":["${large}"]}`],
    ['a text after one of bytes', UploadArtifactRequestSchema, `{"chunk":"","${large}":1}`],
    ['a text that is no field of bytes there', ListArtifactsRequestSchema, `{"chunk":"${large}"}`],
  ])('%s that is long', (_name, desc, json) => {
    expect(() => count(desc, json)).toThrow(tooLong);
  });
});

it('fields of bytes are as large as they like, and count as little', () => {
  const much = Math.floor(large.length / 16 / 64);
  expect(count(UploadArtifactRequestSchema, `{"chunk":"${large}"}`)).toBe(much);
  expect(count(UploadArtifactRequestSchema, '{"chunk":"AAAA"}')).toBe(1);
  expect(count(UploadArtifactRequestSchema, `{"chunk" : "${'\\/'.repeat(500_000)}"}`)).toBeLessThan(much);
  expect(count(CreateArtifactRequestSchema, `{"data":"${large}","spec":{"name":"a"}}`)).toBeLessThan(
    much + 2,
  );
  const row = `{"key":"AAAA","value":"${large}"}`;
  expect(count(ImportIndexRequestSchema, `{"part":{"rows":{"rows":[${row},${row}]}}}`)).toBeLessThan(
    2 * much + 4,
  );
});

it('counts what texts look like as nothing', () => {
  expect(count(ListArtifactsRequestSchema, `{"filter":"${'{[,]}:'.repeat(20)}\\\\","name":"\\\\\\""}`)).toBe(
    3,
  );
  expect(count(UpdateArtifactRequestSchema, '{"updateMask":"a,b,c"}')).toBe(3);
});

it('counts much text as many fields, but refuses none for it', () => {
  expect(count(ListArtifactsRequestSchema, `{"filter":"${'9'.repeat(textMost)}"}`)).toBe(textMost / 64);
  const names = times(`"${'n'.repeat(limits.nameBytesMax)}"`, 1_000).join(',');
  expect(count(ListArtifactsRequestSchema, `[${names}]`)).toBeGreaterThan(most);
});

it('goes to the end of anything', () => {
  for (const json of ['', '"', '"\\', '"\\"', '{"a', '}}}', '\\', '"\\\\\\"', '\u0000"\ud800'])
    expect(count(ListArtifactsRequestSchema, json)).toBeLessThan(3);
});

it('lets elements, and nested at most 100 deep, be', () => {
  expect(count(BatchGetArtifactsRequestSchema, `[${times('1', most - 200).join(',')}]`)).toBeLessThan(most);
  expect(count(BatchGetArtifactsRequestSchema, '['.repeat(100) + ']'.repeat(100))).toBe(103);
  expect(() => count(BatchGetArtifactsRequestSchema, '['.repeat(101))).toThrow(tooMany);
});
