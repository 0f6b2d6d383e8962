/** A store with many kinds of things, and questions whose answers show all of it. */
import { type DescMessage, type DescMethod, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import { byId, byName, someBytes, text, uploadMessages } from '../support/calls.ts';

const { listArtifacts, getArtifact, batchGetArtifacts, listLineage, listFieldValues, downloadArtifact } =
  ArtifactService.method;
const { listSessions, getSession, compareSessions, downloadManifest, downloadArchive } =
  SessionService.method;

const days = (count: number) => ({ seconds: BigInt(count * 86_400) });

/** Pushes a store with many kinds of things. */
export async function fill(transport: Transport): Promise<void> {
  const artifacts = createClient(ArtifactService, transport);
  const sessions = createClient(SessionService, transport);
  await sessions.openSession({
    session: 'open',
    metadata: { agent: 'planner', model: 'm-1' },
    labels: { team: 'north' },
    expectedOutputs: ['report.json', 'never.txt'],
    retention: { succeededTtl: days(900), keepLast: { count: 3, metadataKey: 'agent' } },
    lease: days(1),
  });
  const push = async (session: string, name: string, content: string, more = {}) =>
    (
      await artifacts.createArtifact({
        spec: { session, name, ...more },
        content: { case: 'data', value: text(content) },
      })
    ).artifact!.id;
  const a = await push('open', 'a.txt', 'a', { metadata: { stage: 'plan' }, labels: { reviewed: 'no' } });
  const b = await push('open', 'b/ü 1.md', '# b', { inputs: [a] });
  const c = await push('open', 'report.json', '{"n":1}', { inputs: [a], contentType: 'application/json' });
  await push('open', 'report.json', '{"n":2}', { inputs: [b, c], newVersion: true, requestId: 'second' });
  await push('open', 'report.json', '{"n":3}', { inputs: [c], newVersion: true, requestId: 'third' });
  await push('open', 'for-long', 'x', { expiry: { case: 'ttl', value: days(1_000) } });
  await push('open', 'empty', '');
  const large = someBytes(3_000_000);
  await artifacts.uploadArtifact(uploadMessages({ session: 'open', name: 'large.bin' }, large));
  await artifacts.updateArtifact({
    artifact: byId(a),
    changes: { labels: { reviewed: 'yes' }, hold: true },
    updateMask: { paths: ['labels', 'hold'] },
  });
  for (const [session, outcome] of [
    ['good', 1],
    ['bad', 4],
  ] as const) {
    await sessions.openSession({ session, metadata: { agent: session }, expectedOutputs: ['out', 'absent'] });
    await push(session, 'out', `of ${session}`, { inputs: [b] });
    await push(session, 'a.txt', 'a');
    const gone = await push(session, 'gone', 'gone');
    if (session === 'good') await artifacts.deleteArtifact({ artifact: byId(gone) });
    await sessions.sealSession({ session, outcome });
    await artifacts.deleteArtifact({ artifact: byName(session, 'a.txt') });
  }
  await sessions.amendOutcome({ session: 'bad', outcome: 1 });
  await sessions.openSession({ session: 'deleted' });
  await push('deleted', 'it', 'it');
  await sessions.deleteSession({ session: 'deleted' });
}

/** The calls, each with its request. Listings are followed to their end. */
function questions(ids: readonly string[]): [DescMethod, object][] {
  const ofArtifacts = [
    {},
    { order: 2, pageSize: 2, explain: true },
    { allVersions: true, session: 'open' },
    { session: 'open', name: 'report.json', allVersions: true, pageSize: 1 },
    { session: 'good', showGone: true },
    { session: 'bad', showGone: true },
    { session: 'open', previewBytes: 10 },
    { session: 'deleted' },
    ...[
      'metadata.agent = "planner"',
      'metadata.stage:* AND NOT name = "a.txt"',
      'labels.reviewed = "yes" OR content_type = "application/json"',
      'session = "good"',
      'size_bytes > 100',
    ].map((filter) => ({ filter, explain: true })),
  ];
  const ofSessions = [
    {},
    { order: 2, pageSize: 1 },
    { filter: 'metadata.agent = "good"' },
    { filter: 'session.state = SEALED' },
  ];
  const compared = { baseSession: 'good', session: 'bad' };
  return [
    ...ofArtifacts.map((request): [DescMethod, object] => [listArtifacts, request]),
    ...ofSessions.map((request): [DescMethod, object] => [listSessions, request]),
    ...['open', 'good', 'bad', 'deleted', 'absent'].map((session): [DescMethod, object] => [
      getSession,
      { session },
    ]),
    ...['good', 'bad', 'open'].flatMap((session): [DescMethod, object][] => [
      [downloadManifest, { session }],
      [downloadArchive, { session }],
    ]),
    ...[{}, { showUnchanged: true, pageSize: 1 }].map((more): [DescMethod, object] => [
      compareSessions,
      { ...compared, ...more },
    ]),
    ...['metadata.agent', 'labels.reviewed', 'name', 'content_type'].map((field): [DescMethod, object] => [
      listFieldValues,
      { owner: 1, field },
    ]),
    [batchGetArtifacts, { artifacts: [...ids, 'art_01jzzzzzzzezzvzzzzzzzzzzzz'].map(byId) }],
    ...ids.flatMap((id): [DescMethod, object][] => [
      [getArtifact, { artifact: byId(id) }],
      [downloadArtifact, { artifact: byId(id) }],
      ...[1, 2].map((direction): [DescMethod, object] => [
        listLineage,
        { artifact: byId(id), direction, depth: 5, pageSize: 1 },
      ]),
    ]),
  ];
}

type Answer = MessageShape<DescMessage> & { nextPageToken?: string; explanation?: unknown };

/** Returns the bytes of all answers to a call, without page tokens and what explanations say of how it read. */
async function answersTo(transport: Transport, method: DescMethod, request: object): Promise<string[]> {
  const bytes: string[] = [];
  const take = (answer: Answer): string => {
    const token = answer.nextPageToken ?? '';
    if (answer.nextPageToken !== undefined) answer.nextPageToken = token === '' ? '' : 'more';
    delete answer.explanation;
    bytes.push(Buffer.from(toBinary(method.output, answer)).toString('base64'));
    return token;
  };
  try {
    if (method.methodKind === 'server_streaming') {
      const all = (async function* () {
        yield request as never;
      })();
      const { message } = await transport.stream(method as never, undefined, undefined, undefined, all);
      for await (const part of message) take(part as Answer);
      return [Buffer.concat(bytes.map((each) => Buffer.from(each, 'base64'))).toString('base64')];
    }
    for (let pageToken = ''; ; ) {
      const asked = pageToken === '' ? request : { ...request, pageToken };
      const { message } = await transport.unary(
        method as never,
        undefined,
        undefined,
        undefined,
        asked as never,
      );
      pageToken = take(message as Answer);
      if (pageToken === '') return bytes;
    }
  } catch (error) {
    return [...bytes, String(error)];
  }
}

/** Returns the ids of the artifacts that {@link fill} pushed. */
export async function idsIn(transport: Transport): Promise<string[]> {
  const all = createClient(ArtifactService, transport);
  const ofOpen = await all.listArtifacts({ session: 'open', allVersions: true });
  const ids = [...ofOpen.artifacts, ...(await all.listArtifacts({})).artifacts].map(({ id }) => id);
  return [...new Set(ids)];
}

/** Returns the answers to all questions, by call. */
export async function answersAt(
  transport: Transport,
  ids: readonly string[],
): Promise<Map<string, readonly string[]>> {
  const answers = new Map<string, readonly string[]>();
  for (const [method, request] of questions(ids))
    answers.set(`${method.name} ${JSON.stringify(request)}`, await answersTo(transport, method, request));
  return answers;
}
