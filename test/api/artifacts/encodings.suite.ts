import { Buffer } from 'node:buffer';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import type {
  ReadArtifactRequestSchema,
  ReadArtifactResponse,
} from '../../../gen/artifacta/v1/content_pb.ts';
import { byName, create, refusal, upload } from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

type Window = NonNullable<MessageInitShape<typeof ReadArtifactRequestSchema>['window']>;

const lineCount = 400_000;
/** More than a block of UTF-16, which spans several of the store's. */
const wideLog = Array.from({ length: lineCount }, (_, at) => `${at + 1} é\n`).join('');

const at = (name: string) => byName('s', name);
const grep = (pattern: string, more: object = {}): Window => ({ case: 'grep', value: { pattern, ...more } });

async function read(service: Service, name: string, window: Window): Promise<[string, bigint]> {
  const answer = await service.artifacts.readArtifact({ artifact: at(name), window });
  return [textOf(answer), answer.malformedLines];
}

function textOf({ content }: ReadArtifactResponse): string {
  return content.case === 'text' ? content.value : expect.unreachable(`the content is ${content.case}`);
}

export function encodingsSuite(open: OpenService): void {
  const openChecked = checked(open);

  describe('text', () => {
    it('is shown whatever it holds, with a count of the lines that are none', async () => {
      const service = await openChecked();
      const log = Buffer.from('a 1\ncaf\xe9 2\na 3\n', 'latin1');
      await create(service, { session: 's', name: 'latin.log' }, log);
      await create(service, { session: 's', name: 'image.png' }, Buffer.from('89504e47ff0a', 'hex'));
      const head: Window = { case: 'head', value: {} };
      expect(await read(service, 'latin.log', head)).toEqual(['a 1\ncaf\ufffd 2\na 3\n', 1n]);
      const tail: Window = { case: 'tail', value: { lines: 2n } };
      expect(await read(service, 'latin.log', tail)).toEqual(['caf\ufffd 2\na 3\n', 1n]);
      expect(await read(service, 'latin.log', { case: 'lines', value: { first: 3n } })).toEqual([
        'a 3\n',
        0n,
      ]);
      expect(await read(service, 'latin.log', grep('^a'))).toEqual(['a 1\n--\na 3\n', 1n]);
      expect(await read(service, 'image.png', head)).toEqual(['\ufffdPNG\ufffd\n', 1n]);
    });

    it('in UTF-16 is read as any other, in blocks', async () => {
      const service = await openChecked();
      for (const name of ['le', 'be']) {
        const bytes = Buffer.from(`\ufeff${wideLog}`, 'utf16le');
        await upload(service, { session: 's', name }, name === 'le' ? bytes : bytes.swap16());
        expect(await read(service, name, { case: 'head', value: { lines: 2n } })).toEqual(['1 é\n2 é\n', 0n]);
        const last: Window = { case: 'tail', value: { lines: 1n } };
        expect(await read(service, name, last)).toEqual([`${lineCount} é\n`, 0n]);
        const near: Window = { case: 'lines', value: { first: 300_000n, count: 1n } };
        expect(await read(service, name, near)).toEqual(['300000 é\n', 0n]);
        expect(await read(service, name, grep('^(1|399999) é$'))).toEqual(['1 é\n--\n399999 é\n', 0n]);
      }
    });

    it('begins after its mark', async () => {
      const service = await openChecked();
      await create(service, { session: 's', name: 'marked' }, '\ufeffone\ntwo\n');
      const answer = await service.artifacts.readArtifact({ artifact: at('marked'), window: grep('^one$') });
      expect(answer).toMatchObject({ startOffset: 3n, matches: [{ line: 1n, offset: 3n }] });
      expect(textOf(answer)).toBe('one\n');
      for (const window of [
        { case: 'head', value: {} },
        { case: 'tail', value: {} },
      ] satisfies Window[])
        expect(await read(service, 'marked', window)).toEqual(['one\ntwo\n', 0n]);
    });
  });

  describe('a table', () => {
    it('is what is before a row that is none, and then the refusal of that', async () => {
      const service = await openChecked();
      const table = Buffer.from('\ufeffid;näme\n1;é\n2\n', 'utf16le');
      await create(service, { session: 's', name: 'wide.csv' }, table);
      const request = { artifact: at('wide.csv'), window: { case: 'csv', value: {} } satisfies Window };
      const answer = await service.artifacts.readArtifact(request);
      expect([textOf(answer), answer.malformedLines, answer.truncated]).toEqual(['id;näme\n1;é\n', 0n, true]);
      const next = { ...request, cursor: answer.nextCursor };
      expect(await refusal(service.artifacts.readArtifact(next))).toMatchObject({
        code: 'FailedPrecondition',
        reason: 'CONTENT_UNSUITABLE',
      });
    });
  });
}
