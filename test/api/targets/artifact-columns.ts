/** Every call that takes an artifact, and in what words it gives the answer that the state of that decides. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ArtifactRefSchema } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { ErrorReason } from '../../../gen/artifacta/v1/error_reason_pb.ts';
import { LineageDirection } from '../../../gen/artifacta/v1/lineage_pb.ts';
import { text, uploadMessages } from '../../support/calls.ts';
import type { Answer, Way } from './artifact-state.ts';
import { type Caller, otherSession } from './world.ts';

type Ref = MessageInitShape<typeof ArtifactRefSchema>;

/** What a call has found: an artifact's id, or that its answer names none. */
type Seen = { readonly id: string } | { readonly said: string };

export interface ArtifactColumn {
  /** The method, and after a blank what of it. */
  readonly call: string;
  /** The fields of the request that name the target. */
  readonly fields: readonly string[];
  readonly changes: boolean;
  /** Only of targets that are named in these ways. Default: all. */
  readonly ways?: readonly Way[];
  readonly run: (caller: Caller, ref: Ref) => Promise<Seen>;
  /** What it says where the state says something else, and why. */
  readonly words?: Readonly<Partial<Record<Answer, string>>>;
  readonly why?: string;
}

const reasonNamed = (reason: ErrorReason) => reasonNames.get(reason) ?? 'no reason';
const reasonNames = new Map<number, string>(
  Object.entries(ErrorReason).map(([name, value]) => [value, name]),
);

const idOf = (artifact: { readonly id: string } | undefined) => ({ id: artifact?.id ?? 'none' });
const found = { said: 'found' } as const;

const reads: ArtifactColumn[] = [
  {
    call: 'GetArtifact',
    fields: ['artifact'],
    changes: false,
    run: async ({ artifacts }, artifact) => idOf((await artifacts.getArtifact({ artifact })).artifact),
  },
  {
    call: 'BatchGetArtifacts',
    fields: ['artifacts'],
    changes: false,
    run: async ({ artifacts }, artifact) => {
      const [first, second] = (await artifacts.batchGetArtifacts({ artifacts: [artifact, artifact] }))
        .results;
      const [one, other] = [first!, second!].map(({ result }) =>
        result.case === 'artifact' ? result.value.id : reasonNamed(result.value!.reason),
      );
      if (one !== other) return { said: `${one} and ${other}` };
      return first!.result.case === 'artifact' ? { id: one! } : { said: one! };
    },
  },
  {
    call: 'DownloadArtifact',
    fields: ['artifact'],
    changes: false,
    run: async ({ artifacts }, artifact) => {
      let id = 'none';
      for await (const { part } of artifacts.downloadArtifact({ artifact }))
        if (part.case === 'artifact') id = part.value.id;
      return { id };
    },
  },
  {
    call: 'ReadArtifact',
    fields: ['artifact'],
    changes: false,
    run: async ({ artifacts }, artifact) => idOf((await artifacts.readArtifact({ artifact })).artifact),
  },
  ...(['INPUTS', 'DERIVED'] as const).map(
    (direction): ArtifactColumn => ({
      call: `ListLineage ${direction}`,
      fields: ['artifact'],
      changes: false,
      run: async ({ artifacts }, artifact) => {
        await artifacts.listLineage({ artifact, direction: LineageDirection[direction] });
        return found;
      },
    }),
  ),
  {
    call: 'ListShareLinks',
    fields: ['artifact'],
    changes: false,
    run: async ({ artifacts }, artifact) => {
      await artifacts.listShareLinks({ scope: { case: 'artifact', value: artifact as never } });
      return found;
    },
  },
];

const inputNotFound = {
  ARTIFACT_NOT_FOUND: 'INPUT_NOT_FOUND',
  ARTIFACT_EXPIRED: 'INPUT_NOT_FOUND',
  ARTIFACT_DELETED: 'INPUT_NOT_FOUND',
  SESSION_NOT_FOUND: 'INPUT_NOT_FOUND',
} as const;
const whyInputs = 'among many fields of a push the reason says which is meant';

const changes: ArtifactColumn[] = [
  {
    call: 'UpdateArtifact labels',
    fields: ['artifact'],
    changes: true,
    run: async ({ artifacts }, artifact) =>
      idOf((await artifacts.updateArtifact({ artifact, changes: { labels: { k: 'v' } } })).artifact),
  },
  {
    call: 'UpdateArtifact hold',
    fields: ['artifact'],
    changes: true,
    run: async ({ artifacts }, artifact) =>
      idOf((await artifacts.updateArtifact({ artifact, changes: { hold: true } })).artifact),
  },
  {
    call: 'DeleteArtifact',
    fields: ['artifact'],
    changes: true,
    run: async ({ artifacts }, artifact) => {
      const { deleted } = await artifacts.deleteArtifact({ artifact });
      return { said: deleted ? 'deleted' : 'nothing' };
    },
    words: {
      found: 'deleted',
      ARTIFACT_EXPIRED: 'deleted',
      ARTIFACT_NOT_FOUND: 'nothing',
      ARTIFACT_DELETED: 'nothing',
      SESSION_NOT_FOUND: 'nothing',
    },
    why: 'deleting what is not there succeeds; what has expired takes space until it is reaped, and may be deleted',
  },
  {
    call: 'CreateShareLink',
    fields: ['artifact'],
    changes: true,
    run: async ({ artifacts }, artifact) => {
      const { shareLink } = await artifacts.createShareLink({ artifact });
      return { id: shareLink!.artifactId };
    },
  },
  {
    call: 'RevokeShareLinks',
    fields: ['artifact'],
    changes: true,
    run: async ({ artifacts }, artifact) => {
      await artifacts.revokeShareLinks({ target: { case: 'artifact', value: artifact as never } });
      return found;
    },
  },
  {
    call: 'CreateArtifact inputs',
    fields: ['spec.inputs'],
    changes: true,
    ways: ['id'],
    run: async ({ artifacts }, { by }) => {
      const spec = { session: otherSession, name: 'o/derived', inputs: [by!.value as string] };
      await artifacts.createArtifact({ spec, content: { case: 'data', value: text('derived') } });
      return found;
    },
    words: inputNotFound,
    why: whyInputs,
  },
  {
    call: 'UploadArtifact inputs',
    fields: ['start.spec.inputs'],
    changes: true,
    ways: ['id'],
    run: async ({ artifacts }, { by }) => {
      const spec = { session: otherSession, name: 'o/derived', inputs: [by!.value as string] };
      await artifacts.uploadArtifact(uploadMessages(spec, text('derived')));
      return found;
    },
    words: inputNotFound,
    why: whyInputs,
  },
];

export const artifactColumns: readonly ArtifactColumn[] = [...reads, ...changes];
