import { describe, expect, it } from 'vitest';
import { LineageDirection, type LineageEdge } from '../../../gen/artifacta/v1/lineage_pb.ts';
import { byId, byName, create, refusal } from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

const { INPUTS, DERIVED } = LineageDirection;

/** What it would be called if it were there. */
const nobody = 'art_01h455vb4pex5vsknk084sn02q';

/** ListLineage through a listener. */
export function lineageSuite(open: OpenService): void {
  const opened = checked(open);

  async function push(service: Service, name: string, inputs: readonly string[] = []): Promise<string> {
    return (await create(service, { session: 's', name, inputs: [...inputs] }, name)).artifact!.id;
  }

  /** Two ways from a to d, and one on to e. */
  async function diamond() {
    const service = await opened();
    const a = await push(service, 'a');
    const [b, c] = [await push(service, 'b', [a]), await push(service, 'c', [a])];
    const d = await push(service, 'd', [b, c]);
    const e = await push(service, 'e', [d]);
    return { service, a, b, c, d, e };
  }

  async function walk(
    service: Service,
    start: string,
    direction: LineageDirection,
    depth = 32,
    pageSize = 0,
  ) {
    const edges: LineageEdge[] = [];
    for (let pageToken = ''; ; ) {
      const page = await service.artifacts.listLineage({
        artifact: byId(start),
        direction,
        depth,
        pageSize,
        pageToken,
      });
      edges.push(...page.edges);
      pageToken = page.nextPageToken;
      if (pageToken === '') return edges;
    }
  }

  const shown = (edges: readonly LineageEdge[]) =>
    edges.map(({ depth, inputId, derivedId, artifact }) => [depth, inputId, derivedId, artifact?.name]);

  describe('lineage', () => {
    it('goes either way, each edge once', async () => {
      const { service, a, b, c, d, e } = await diamond();
      const inputs = await walk(service, e, INPUTS);
      expect(shown(inputs)).toEqual([
        [1, d, e, 'd'],
        [2, b, d, 'b'],
        [2, c, d, 'c'],
        [3, a, b, 'a'],
        [3, a, c, 'a'],
      ]);
      const derived = await walk(service, a, DERIVED);
      expect(shown(derived)).toEqual([
        [1, a, b, 'b'],
        [1, a, c, 'c'],
        [2, b, d, 'd'],
        [2, c, d, 'd'],
        [3, d, e, 'e'],
      ]);
      for (const pageSize of [1, 2, 3])
        expect(await walk(service, a, DERIVED, 32, pageSize)).toEqual(derived);
      const { artifact } = await service.artifacts.getArtifact({ artifact: byId(d) });
      expect(derived[2]!.artifact).toEqual(artifact);
    });

    it('goes one step unless told otherwise, and 32 at most', async () => {
      const { service, e } = await diamond();
      const asked = { artifact: byName('s', 'e'), direction: INPUTS };
      expect(shown((await service.artifacts.listLineage(asked)).edges)).toHaveLength(1);
      expect((await service.artifacts.listLineage({ ...asked, depth: 2 })).edges).toHaveLength(3);
      expect((await service.artifacts.listLineage({ ...asked, depth: 1_000 })).edges).toHaveLength(5);
      let last = e;
      for (let at = 0; at < 34; at++) last = await push(service, `x${at}`, [last]);
      expect((await walk(service, last, INPUTS, 1_000)).map(({ depth }) => depth)).toEqual(
        Array.from({ length: 32 }, (_, at) => at + 1),
      );
    });

    it('shows what is gone without its artifact, and stops there', async () => {
      const { service, a, b, c, d } = await diamond();
      await service.artifacts.deleteArtifact({ artifact: byId(b) });
      await service.artifacts.updateArtifact({
        artifact: byId(c),
        changes: { expiry: { case: 'ttl', value: { seconds: 60n } } },
      });
      expect(shown(await walk(service, d, INPUTS))).toEqual([
        [1, b, d, undefined],
        [1, c, d, 'c'],
        [2, a, c, 'a'],
      ]);
      service.clock.now += 61_000;
      expect(shown(await walk(service, d, INPUTS))).toEqual([
        [1, b, d, undefined],
        [1, c, d, undefined],
      ]);
      expect(shown(await walk(service, a, DERIVED))).toEqual([[1, a, c, undefined]]);
      const gone = service.artifacts.listLineage({ artifact: byId(c), direction: INPUTS });
      expect(await refusal(gone)).toMatchObject({ code: 'NotFound', reason: 'ARTIFACT_EXPIRED' });
      const deleted = service.artifacts.listLineage({ artifact: byId(b), direction: INPUTS });
      expect(await refusal(deleted)).toMatchObject({ code: 'NotFound', reason: 'ARTIFACT_NOT_FOUND' });
    });

    it('takes its own page tokens only', async () => {
      const { service, a } = await diamond();
      const asked = { artifact: byId(a), direction: DERIVED, depth: 2 };
      const { nextPageToken: pageToken } = await service.artifacts.listLineage({ ...asked, pageSize: 1 });
      expect((await service.artifacts.listLineage({ ...asked, pageToken })).edges).toHaveLength(3);
      for (const other of [
        { ...asked, pageToken, depth: 3 },
        { ...asked, pageToken, direction: INPUTS },
        { ...asked, pageToken, artifact: byName('s', 'a') },
        { ...asked, pageToken: `${pageToken.slice(1)}A` },
      ])
        expect(await refusal(service.artifacts.listLineage(other))).toMatchObject({
          code: 'InvalidArgument',
          reason: 'PAGE_TOKEN_INVALID',
          fields: ['page_token'],
        });
    });

    it.each([
      ['no artifact', { artifact: undefined as never }, 'artifact'],
      ['no direction', { direction: LineageDirection.UNSPECIFIED }, 'direction'],
      ['an unknown direction', { direction: 7 as LineageDirection }, 'direction'],
      ['a negative depth', { depth: -1 }, 'depth'],
      ['a negative page size', { pageSize: -1 }, 'page_size'],
      ['an id that is none', { artifact: byId('a') }, 'artifact.id'],
      ['version 0', { artifact: byName('s', 'a', 0n) }, 'artifact.name.version'],
    ])('refuses %s', async (_what, wrong, field) => {
      const { service, a } = await diamond();
      const asked = { artifact: byId(a), direction: DERIVED, ...wrong };
      expect(await refusal(service.artifacts.listLineage(asked))).toMatchObject({
        code: 'InvalidArgument',
        reason: 'INVALID_ARGUMENT',
        fields: [field],
      });
    });

    it('of what is not there fails as reading it does', async () => {
      const { service } = await diamond();
      for (const artifact of [
        byId(nobody),
        byName('s', 'nothing'),
        byName('nobody', 'a'),
        byName('s', 'a', 2n),
      ]) {
        const expected = await refusal(service.artifacts.getArtifact({ artifact }));
        expect(await refusal(service.artifacts.listLineage({ artifact, direction: INPUTS }))).toEqual(
          expected,
        );
      }
    });
  });
}
