import { Buffer } from 'node:buffer';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import type {
  ReadArtifactRequestSchema,
  ReadArtifactResponse,
} from '../../../gen/artifacta/v1/content_pb.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { withBlobs } from '../../support/blobs.ts';
import { byId, byName, create, refusal, someBytes, text, upload } from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

type Request = MessageInitShape<typeof ReadArtifactRequestSchema>;
type Window = NonNullable<Request['window']>;

/** Of `log.txt`: some megabytes, so that it lies in a blob of several blocks. */
const logLines = Array.from({ length: 60_000 }, (_, at) => {
  const line = at + 1;
  return `${String(line).padStart(6, '0')} ${line % 20_000 === 0 ? 'ERROR' : 'info'} ${'é'.repeat(line % 40)}\n`;
});
const log = logLines.join('');
const table = 'id,name,total\n1,"a, b",10\n2,c,20\n3,"d\ne",30\n';
const document = JSON.stringify({ rows: [{ total: 42 }, { total: 12 }], name: 'é' });

const at = (name: string) => byName('s', name);

async function withLog(open: OpenService): Promise<Service> {
  const service = await opened(open);
  await upload(service, { session: 's', name: 'log.txt' }, text(log));
  return service;
}

async function opened(open: OpenService): Promise<Service> {
  const service = await open();
  await create(service, { session: 's', name: 'table.csv' }, table);
  await create(service, { session: 's', name: 'table.tsv' }, 'a\tb\n1\t2\n');
  await create(service, { session: 's', name: 'data.json' }, document);
  await create(service, { session: 's', name: 'quote.csv' }, 'a,b"\n');
  await create(service, { session: 's', name: 'empty' }, '');
  await create(
    service,
    { session: 's', name: 'image.png' },
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0xff, 0x0a),
  );
  return service;
}

function textOf({ content }: ReadArtifactResponse): string {
  return content.case === 'text' ? content.value : expect.unreachable(`the content is ${content.case}`);
}

/** All answers, by their cursors. */
async function all(service: Service, request: Request): Promise<ReadArtifactResponse[]> {
  const answers: ReadArtifactResponse[] = [];
  for (let cursor = ''; ; ) {
    const answer = await service.artifacts.readArtifact({ ...request, cursor });
    expect(answer.truncated).toBe(answer.nextCursor !== '');
    answers.push(answer);
    if (answer.nextCursor === '') return answers;
    cursor = answer.nextCursor;
  }
}

const grep = (value: Extract<Window, { case: 'grep' }>['value']): Window => ({ case: 'grep', value });

export function readingSuite(open: OpenService): void {
  const openChecked = checked(open);

  describe('a piece of an artifact', () => {
    it('is its beginning if nothing else is said', async () => {
      const service = await withLog(openChecked);
      const answer = await service.artifacts.readArtifact({ artifact: at('log.txt') });
      const { artifact } = await service.artifacts.getArtifact({ artifact: at('log.txt') });
      expect(answer.artifact).toEqual(artifact);
      expect(Buffer.byteLength(textOf(answer))).toBeGreaterThan(16 * 1024 - 4);
      expect(log.startsWith(textOf(answer))).toBe(true);
      expect(answer).toMatchObject({ startOffset: 0n, endOffset: BigInt(Buffer.byteLength(textOf(answer))) });
      expect(answer.firstLine).toBeUndefined();
      expect(answer.truncated).toBe(true);
    });

    it('is put together with the next ones by their cursors', async () => {
      const service = await withLog(openChecked);
      const answers = await all(service, { artifact: at('log.txt'), maxBytes: 1_000_000 });
      expect(answers.map(textOf).join('')).toBe(log);
    });

    it('has at most 1 MiB, whatever is asked for', async () => {
      const service = await withLog(openChecked);
      const answer = await service.artifacts.readArtifact({ artifact: at('log.txt'), maxBytes: 2 ** 31 - 1 });
      const size = Buffer.byteLength(textOf(answer));
      expect(size).toBeLessThanOrEqual(1024 * 1024);
      expect(size).toBeGreaterThan(1024 * 1024 - 4);
    });

    it('is data where it is not text', async () => {
      const service = await opened(openChecked);
      const { content } = await service.artifacts.readArtifact({ artifact: at('image.png') });
      expect(content.case).toBe('data');
      expect(Buffer.from(content.value as Uint8Array).toString('hex')).toBe('89504e47ff0a');
    });

    it('is empty where the artifact is', async () => {
      const service = await opened(openChecked);
      for (const window of [
        { case: 'lines', value: {} },
        { case: 'head', value: {} },
        { case: 'tail', value: {} },
        { case: 'bytes', value: { offset: 5n } },
        grep({ pattern: 'x' }),
      ] satisfies Window[])
        expect(await service.artifacts.readArtifact({ artifact: at('empty'), window })).toMatchObject({
          content: { case: 'text', value: '' },
          truncated: false,
        });
    });

    const windows: [string, string, Window, object][] = [
      [
        'bytes',
        'table.csv',
        { case: 'bytes', value: { offset: 3n, limit: 4n } },
        { text: 'name', startOffset: 3n, endOffset: 7n },
      ],
      [
        'lines',
        'log.txt',
        { case: 'lines', value: { first: 40_000n, count: 1n } },
        { text: logLines[39_999], firstLine: 40_000n },
      ],
      [
        'lines from 0',
        'table.csv',
        { case: 'lines', value: { count: 1n } },
        { text: 'id,name,total\n', firstLine: 1n },
      ],
      [
        'the first ten lines',
        'log.txt',
        { case: 'head', value: {} },
        { text: logLines.slice(0, 10).join(''), firstLine: 1n },
      ],
      [
        'the last ten lines',
        'log.txt',
        { case: 'tail', value: {} },
        { text: logLines.slice(-10).join(''), firstLine: 59_991n },
      ],
      [
        'the last two',
        'table.csv',
        { case: 'tail', value: { lines: 2n } },
        { text: '3,"d\ne",30\n', firstLine: 4n },
      ],
      ['a value', 'data.json', { case: 'json', value: { pointer: '/rows/0' } }, { text: '{"total":42}' }],
      [
        'a table',
        'table.csv',
        { case: 'csv', value: { firstRow: 2n } },
        { text: 'id,name,total\n2,c,20\n3,"d\ne",30\n', firstLine: 2n },
      ],
      [
        'columns',
        'table.csv',
        { case: 'csv', value: { columns: ['total', 'id'], count: 1n } },
        { text: 'total,id\n10,1\n', firstLine: 1n },
      ],
      [
        'a table with tabs',
        'table.tsv',
        { case: 'csv', value: { columns: ['b'] } },
        { text: 'b\n2\n', firstLine: 1n },
      ],
      [
        'one with another delimiter',
        'table.tsv',
        { case: 'csv', value: { delimiter: ';' } },
        { text: 'a\tb\n1\t2\n' },
      ],
    ];

    it.each(windows)('is %s', async (_what, name, window, { text, ...rest }: { text?: string }) => {
      const service = await (name === 'log.txt' ? withLog : opened)(openChecked);
      const answer = await service.artifacts.readArtifact({ artifact: at(name), window });
      expect(textOf(answer)).toBe(text);
      expect(answer).toMatchObject({ ...rest, truncated: false, nextCursor: '' });
      if (window.case === 'json' || window.case === 'csv') {
        expect(answer.startOffset).toBeUndefined();
        expect(answer.endOffset).toBeUndefined();
      }
    });

    it('is what matches, with where it is', async () => {
      const service = await withLog(openChecked);
      const window = grep({ pattern: 'error', ignoreCase: true, linesAfter: 1, maxMatches: 2 });
      const answers = await all(service, { artifact: at('log.txt'), window });
      const group = (line: number) => logLines.slice(line - 1, line + 1).join('');
      expect(answers.map(textOf)).toEqual([[20_000, 40_000].map(group).join('--\n'), `--\n${group(60_000)}`]);
      const offset = (line: number) => BigInt(Buffer.byteLength(logLines.slice(0, line - 1).join('')));
      expect(answers.map(({ matches }) => matches)).toMatchObject([
        [
          { line: 20_000n, offset: offset(20_000), textLine: 1 },
          { line: 40_000n, offset: offset(40_000), textLine: 4 },
        ],
        [{ line: 60_000n, offset: offset(60_000), textLine: 2 }],
      ]);
    });
  });

  describe('a cursor', () => {
    it('is good for its window and version only', async () => {
      const service = await withLog(openChecked);
      const window: Window = { case: 'lines', value: { first: 2n } };
      const request = { artifact: at('log.txt'), window, maxBytes: 100 };
      const { nextCursor } = await service.artifacts.readArtifact(request);
      const next = await service.artifacts.readArtifact({ ...request, maxBytes: 30, cursor: nextCursor });
      expect(log).toContain(textOf(next));
      expect(next.firstLine).toBeGreaterThan(2n);

      await create(service, { session: 's', name: 'other.txt' }, log.slice(0, 1_000));
      await create(service, { session: 's', name: 'log.txt' }, 'another version\nof it\n');
      const flipped = `${nextCursor[0] === 'A' ? 'B' : 'A'}${nextCursor.slice(1)}`;
      const last = { ...request, artifact: byName('s', 'log.txt', 1n) };
      const others: Request[] = [
        { ...last, cursor: flipped },
        { ...last, cursor: nextCursor.slice(0, -2) },
        { ...last, cursor: 'x' },
        { ...last, cursor: 'ü' },
        { ...last, cursor: nextCursor, window: { case: 'lines', value: { first: 3n } } },
        { ...last, cursor: nextCursor, window: { case: 'head', value: {} } },
        { artifact: last.artifact, cursor: nextCursor },
        { ...request, cursor: nextCursor },
        { ...request, artifact: at('other.txt'), cursor: nextCursor },
      ];
      for (const bad of others)
        expect(await refusal(service.artifacts.readArtifact(bad))).toMatchObject({
          code: 'InvalidArgument',
          reason: 'PAGE_TOKEN_INVALID',
          fields: ['cursor'],
        });
      expect(
        textOf(await service.artifacts.readArtifact({ ...last, maxBytes: 30, cursor: nextCursor })),
      ).toBe(textOf(next));
    });
  });

  describe('what cannot be read', () => {
    const bad: [string, string, Request, string][] = [
      ['no artifact', '', { artifact: undefined as never }, 'artifact'],
      ['a negative max_bytes', 'table.csv', { maxBytes: -1 }, 'max_bytes'],
      ['less than a character', 'table.csv', { maxBytes: 3 }, 'max_bytes'],
      [
        'a negative offset',
        'table.csv',
        { window: { case: 'bytes', value: { offset: -1n } } },
        'bytes.offset',
      ],
      ['a negative limit', 'table.csv', { window: { case: 'bytes', value: { limit: -1n } } }, 'bytes.limit'],
      ['a negative line', 'table.csv', { window: { case: 'lines', value: { first: -1n } } }, 'lines.first'],
      ['a negative count', 'table.csv', { window: { case: 'lines', value: { count: -1n } } }, 'lines.count'],
      ['a negative head', 'table.csv', { window: { case: 'head', value: { lines: -1n } } }, 'head.lines'],
      ['a negative tail', 'table.csv', { window: { case: 'tail', value: { lines: -1n } } }, 'tail.lines'],
      ['no pattern', 'table.csv', { window: grep({}) }, 'grep.pattern'],
      ['a pattern that does not parse', 'table.csv', { window: grep({ pattern: '(' }) }, 'grep.pattern'],
      ['look-ahead', 'table.csv', { window: grep({ pattern: 'a(?=b)' }) }, 'grep.pattern'],
      ['a long pattern', 'table.csv', { window: grep({ pattern: 'x'.repeat(1_025) }) }, 'grep.pattern'],
      ['lines before', 'table.csv', { window: grep({ pattern: 'x', linesBefore: 21 }) }, 'grep.lines_before'],
      ['lines after', 'table.csv', { window: grep({ pattern: 'x', linesAfter: -1 }) }, 'grep.lines_after'],
      [
        'many matches',
        'table.csv',
        { window: grep({ pattern: 'x', maxMatches: 1_001 }) },
        'grep.max_matches',
      ],
      [
        'a pointer that is none',
        'data.json',
        { window: { case: 'json', value: { pointer: 'rows' } } },
        'json.pointer',
      ],
      [
        'a pointer to nothing',
        'data.json',
        { window: { case: 'json', value: { pointer: '/rows/2' } } },
        'json.pointer',
      ],
      ['a negative row', 'table.csv', { window: { case: 'csv', value: { firstRow: -1n } } }, 'csv.first_row'],
      [
        'a negative count of rows',
        'table.csv',
        { window: { case: 'csv', value: { count: -1n } } },
        'csv.count',
      ],
      [
        'an unknown column',
        'table.csv',
        { window: { case: 'csv', value: { columns: ['id', 'x'] } } },
        'csv.columns[1]',
      ],
      [
        'a long delimiter',
        'table.csv',
        { window: { case: 'csv', value: { delimiter: ', ' } } },
        'csv.delimiter',
      ],
      [
        'a quote as delimiter',
        'table.csv',
        { window: { case: 'csv', value: { delimiter: '"' } } },
        'csv.delimiter',
      ],
      [
        'another delimiter',
        'table.csv',
        { window: { case: 'csv', value: { delimiter: 'é' } } },
        'csv.delimiter',
      ],
    ];

    it.each(bad)('is refused by its field: %s', async (_what, name, request, field) => {
      const service = await opened(openChecked);
      const whole = name === '' ? {} : { artifact: at(name), ...request };
      expect(await refusal(service.artifacts.readArtifact(whole))).toMatchObject({
        code: 'InvalidArgument',
        reason: 'INVALID_ARGUMENT',
        fields: [field],
      });
    });

    const unsuitable: [string, string, Window][] = [
      ['a JSON value of a table', 'table.csv', { case: 'json', value: { pointer: '/0' } }],
      ['a JSON value of nothing', 'empty', { case: 'json', value: {} }],
      ['rows of nothing', 'empty', { case: 'csv', value: {} }],
      ['rows with a quote too many', 'quote.csv', { case: 'csv', value: {} }],
    ];

    it.each(unsuitable)('is unsuitable: %s', async (_what, name, window) => {
      const service = await opened(openChecked);
      expect(await refusal(service.artifacts.readArtifact({ artifact: at(name), window }))).toMatchObject({
        code: 'FailedPrecondition',
        reason: 'CONTENT_UNSUITABLE',
      });
    });

    it('is not there, or is there no more', async () => {
      const service = await opened(openChecked);
      const read = (name: string) => refusal(service.artifacts.readArtifact({ artifact: at(name) }));
      expect(await read('missing')).toMatchObject({ code: 'NotFound', reason: 'ARTIFACT_NOT_FOUND' });
      await service.artifacts.deleteArtifact({ artifact: at('table.csv') });
      expect(await read('table.csv')).toMatchObject({ code: 'NotFound', reason: 'ARTIFACT_DELETED' });
      const ttl = { case: 'ttl' as const, value: { seconds: 60n, nanos: 0 } };
      await create(service, { session: 's', name: 'brief', expiry: ttl }, 'x');
      service.clock.now += 61_000;
      expect(await read('brief')).toMatchObject({ code: 'NotFound', reason: 'ARTIFACT_EXPIRED' });
    });

    it('is damaged', async () => {
      const memory = openMemoryBlobs();
      let isBroken = true;
      const blobs = withBlobs(memory, {
        // The second block only.
        read: async function* (name, offset, ...rest) {
          let position = offset;
          for await (const piece of memory.read(name, offset, ...rest)) {
            const copy = Buffer.from(piece);
            const within = 1024 * 1024 + 5 - position;
            if (isBroken && within >= 0 && within < copy.length) copy[within]! ^= 1;
            position += piece.length;
            yield copy;
          }
        },
      });
      const service = await openChecked({ blobs });
      const { artifact } = await upload(service, { session: 's', name: 'a' }, someBytes(3 * 1024 * 1024));
      const read = (offset: bigint) =>
        service.artifacts.readArtifact({
          artifact: byId(artifact!.id),
          window: { case: 'bytes', value: { offset } },
        });
      expect((await read(0n)).content.case).toBe('data');
      expect((await read(2_500_000n)).content.case).toBe('data');
      expect(await refusal(read(1_500_000n))).toMatchObject({ code: 'DataLoss', reason: 'DATA_LOSS' });
      expect(await refusal(read(1_048_570n))).toMatchObject({ code: 'DataLoss', reason: 'DATA_LOSS' });
      // It is known from now on, whatever part of it is read.
      isBroken = false;
      expect(await refusal(read(0n))).toMatchObject({ code: 'DataLoss', reason: 'DATA_LOSS' });
      await upload(service, { session: 's', name: 'a' }, someBytes(3 * 1024 * 1024));
      expect((await read(1_500_000n)).content.case).toBe('data');
    });
  });
}
