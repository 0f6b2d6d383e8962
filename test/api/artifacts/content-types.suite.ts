import { describe, expect, it } from 'vitest';
import { create, refusal, text, upload } from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

export function contentTypesSuite(open: OpenService): void {
  const opened = checked(open);

  async function found(
    service: Service,
    filter: string,
    options: { session?: string; allVersions?: boolean } = {},
  ) {
    const { artifacts, explanation } = await service.artifacts.listArtifacts({
      filter,
      explain: true,
      ...options,
    });
    return { names: artifacts.map(({ name }) => name).sort(), explanation: explanation! };
  }

  /** Three with one type, each said in another way, and two others. */
  async function filled(): Promise<Service> {
    const service = await opened();
    const types = {
      plain: 'application/json',
      utf8: 'Application/JSON; Charset=UTF-8',
      profile: 'application/json;profile="x"',
      longer: 'application/json-seq',
      other: 'text/plain; charset=utf-8',
    };
    for (const [name, contentType] of Object.entries(types))
      await create(service, { session: 's', name, contentType }, name);
    return service;
  }

  const all = ['longer', 'other', 'plain', 'profile', 'utf8'];
  const json = ['plain', 'profile', 'utf8'];

  describe('a filter compares content types', () => {
    it.each<[string, readonly string[]]>([
      ['content_type = application/json', json],
      ['content_type = "APPLICATION/JSON"', json],
      ['content_type: application/json', json],
      ['content_type != application/json', ['longer', 'other']],
      ['NOT content_type = application/json', ['longer', 'other']],
      ['content_type = "application/*"', ['longer', 'plain', 'profile', 'utf8']],
      ['content_type = "application/json*"', ['longer', 'plain', 'profile', 'utf8']],
      ['content_type != "application/*"', ['other']],
      ['content_type:*', all],
      ['content_type = "application/json;charset=utf-8"', ['utf8']],
      ['content_type = "application/json; charset=\\"UTF-8\\""', ['utf8']],
      ['content_type = "application/json; charset=*"', ['utf8']],
      ['content_type = "application/json;*"', json],
      ['content_type = "application/json;"', ['plain']],
      ['content_type = "application/json; charset=latin1"', []],
      ['content_type != "application/json; charset=utf-8"', ['longer', 'other', 'plain', 'profile']],
      ['NOT content_type = "application/json; profile=x"', ['longer', 'other', 'plain', 'utf8']],
      ['content_type = text/plain OR content_type = "application/json;profile=x"', ['other', 'profile']],
      ['content_type = application/json AND NOT content_type = "application/json;"', ['profile', 'utf8']],
      ['content_type = "application/json; charset = \\"Utf-8\\""', ['utf8']],
      ['content_type = "application/json ;CHARSET =utf-8 ;"', ['utf8']],
      ['content_type = "application/json; charset = U*"', ['utf8']],
      ['content_type = ";"', []],
    ])('%s', async (filter, names) => {
      const service = await filled();
      expect((await found(service, filter)).names).toEqual(names);
      expect((await found(service, filter, { session: 's', allVersions: true })).names).toEqual(names);
    });

    it('by the list of their type and subtype, and by their records only for parameters', async () => {
      const service = await filled();
      expect((await found(service, 'content_type = application/json')).explanation).toMatchObject({
        driver: 'content_type = "application/json"',
        tests: [],
        entriesRead: 3n,
      });
      expect(
        (await found(service, 'content_type = "application/json;charset=utf-8"')).explanation,
      ).toMatchObject({
        filter: 'content_type = "application/json; charset=utf-8"',
        driver: 'content_type = "application/json"',
        tests: ['content_type = "application/json; charset=utf-8"'],
        entriesRead: 3n,
      });
    });
  });

  it('parameters are kept as they were given, and found however they are written', async () => {
    const service = await opened();
    const written = [
      'text/csv;charset=utf-8;header=present',
      'text/csv; charset = utf-8 ; header = present',
      'text/csv; CHARSET="UTF-8"; Header="present"',
      'text/csv; header=present; charset=utf-8',
    ];
    for (const [at, contentType] of written.entries()) {
      const { artifact } = await upload(
        service,
        { session: 's', name: `n${at}`, contentType },
        text(`${at}`),
      );
      expect(artifact!.contentType).toBe(contentType);
    }
    for (const type of written) {
      const filter = `content_type = ${JSON.stringify(type)}`;
      expect((await found(service, filter)).names).toEqual(['n0', 'n1', 'n2', 'n3']);
    }
    expect((await found(service, 'content_type = "text/csv; charset=utf-8"')).names).toEqual([]);
  });

  it.each(['*/*', 'image/*', 'text/*; charset=utf-8'])('%s is refused: it stands for many', async (many) => {
    const service = await opened();
    const spec = { session: 's', name: 'a.png', contentType: many };
    for (const push of [() => create(service, spec, 'x'), () => upload(service, spec, text('x'))])
      expect(await refusal(push())).toMatchObject({
        reason: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/content_type: must be one media type such as "image\/png"/),
      });
  });

  describe('another parameter makes no version', () => {
    it('of equal bytes, and the first one stays', async () => {
      const service = await opened();
      const spec = { session: 's', name: 'a.json' };
      const first = await create(service, { ...spec, contentType: 'application/json; charset=utf-8' }, '{}');
      for (const contentType of ['application/json', 'Application/Json;charset=latin1', '']) {
        const { artifact, receipt } = await upload(service, { ...spec, contentType }, text('{}'));
        expect(receipt!.deduplicated).toBe(true);
        expect(artifact).toMatchObject({
          id: first.artifact!.id,
          contentType: 'application/json; charset=utf-8',
        });
      }
      const other = await create(service, { ...spec, contentType: 'application/json-seq' }, '{}');
      expect(other.artifact!.version).toBe(2n);
    });

    it('and no difference of two sessions', async () => {
      const service = await opened();
      await create(service, { session: 'a', name: 'n', contentType: 'text/csv' }, '1');
      await create(service, { session: 'b', name: 'n', contentType: 'text/csv; header=absent' }, '1');
      const { differences } = await service.sessions.compareSessions({ baseSession: 'a', session: 'b' });
      expect(differences).toEqual([]);
    });
  });

  describe('what clients say by themselves', () => {
    const ways = {
      CreateArtifact: (service: Service, name: string, contentType: string) =>
        create(service, { session: 's', name, contentType }, 'x'),
      UploadArtifact: (service: Service, name: string, contentType: string) =>
        upload(service, { session: 's', name, contentType }, text('x')),
      'CreateArtifact by digest': async (service: Service, name: string, contentType: string) => {
        const { artifact } = await create(service, { session: 'there', name: 'x' }, 'x');
        return service.artifacts.createArtifact({
          spec: { session: 's', name, contentType },
          content: { case: 'digest', value: { sha256: artifact!.sha256, sizeBytes: 1n } },
        });
      },
    };

    it.each(Object.entries(ways))('counts as none where the name tells more: %s', async (_, push) => {
      const service = await opened();
      for (const type of [
        'application/octet-stream',
        'application/x-www-form-urlencoded',
        'text/plain;charset=UTF-8',
        'text/plain; charset = utf8',
        'binary/octet-stream',
        'application/octet-stream; x=y',
        'application/x-www-form-urlencoded; charset=UTF-8',
      ]) {
        const names = type.replaceAll(/[^a-z]/g, '');
        const first = await push(service, `${names}/a.json`, type);
        expect(first.artifact!.contentType).toBe('application/json');
        const unknown = await push(service, `${names}/a`, type);
        expect(unknown.artifact!.contentType).toBe(type);
      }
      const said = await push(service, 'a.json', 'text/html');
      expect(said.artifact!.contentType).toBe('text/html');
      // As none would: it makes no version.
      const again = await push(service, 'a.json', 'application/octet-stream');
      expect(again.artifact!.id).toBe(said.artifact!.id);
    });
  });
}
