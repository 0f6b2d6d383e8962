/** The tables have a column for every call that takes an artifact or a session, as the protocol has them. */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { ArtifactRefSchema } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { InfoService } from '../../../gen/artifacta/v1/info_service_pb.ts';
import { MaintenanceService } from '../../../gen/artifacta/v1/maintenance_service_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { artifactColumns } from './artifact-columns.ts';
import { artifactStates } from './artifact-targets.ts';
import { sessionColumns } from './session-columns.ts';
import { sessionStates } from './session-targets.ts';

/** What fields are called that name an artifact or a session without being an ArtifactRef. */
const naming = /(^|_)(session|artifact|input)s?(_u?ids?)?$/;

/** Fields that name something of the kind and are no target, and why. */
const others: Readonly<Record<string, string>> = {
  'MintToken sessions': 'a token may be good for sessions that do not exist',
  'BeginDirectUpload spec.session':
    'without a bucket no call of it gets so far; see test/server/direct-uploads',
  'BeginDirectUpload spec.inputs':
    'without a bucket no call of it gets so far; see test/server/direct-uploads',
};

function namesTarget(field: DescField): boolean {
  if (field.message?.typeName === ArtifactRefSchema.typeName) return true;
  return field.scalar === ScalarType.STRING && naming.test(field.name);
}

/** The paths of the fields of a message that name a target, also within other messages. */
function targetsIn(message: DescMessage, outer: readonly DescMessage[] = []): string[] {
  if (outer.includes(message)) return [];
  return message.fields.flatMap((field) => {
    if (namesTarget(field)) return [field.name];
    const inner = field.message;
    if (inner === undefined || !inner.typeName.startsWith('artifacta.')) return [];
    return targetsIn(inner, [...outer, message]).map((path) => `${field.name}.${path}`);
  });
}

const wanted = [ArtifactService, SessionService, AdminService, MaintenanceService, InfoService]
  .flatMap(({ methods }) => methods)
  .flatMap(({ name, input }) => targetsIn(input).map((path) => `${name} ${path}`));

const covered = [...artifactColumns, ...sessionColumns].flatMap(({ call, fields }) =>
  fields.map((field) => `${call.split(' ')[0]} ${field}`),
);

it('of the tables, columns are all fields of requests that name an artifact or a session', () => {
  expect(wanted).toContain('GetArtifact artifact');
  expect(wanted).toContain('UploadArtifact start.spec.session');
  expect([...new Set([...covered, ...Object.keys(others)])].sort()).toEqual([...new Set(wanted)].sort());
});

it('calls of the tables exist, each once', () => {
  const methods = [ArtifactService, SessionService, AdminService].flatMap((service) =>
    service.methods.map(({ name }) => name),
  );
  for (const columns of [artifactColumns, sessionColumns]) {
    const calls = columns.map(({ call }) => call);
    expect(new Set(calls).size).toBe(calls.length);
    for (const call of calls) expect(methods).toContain(call.split(' ')[0]);
  }
});

it('every exception names a call and says why', () => {
  for (const [columns, states] of [
    [artifactColumns, artifactStates],
    [sessionColumns, sessionStates],
  ] as const) {
    const calls = columns.map(({ call }) => call);
    for (const { words, why } of columns) expect(words === undefined).toBe(why === undefined);
    for (const { but = {} } of states)
      for (const [call, [, why]] of Object.entries(but)) {
        expect(calls).toContain(call);
        expect(why).not.toBe('');
      }
    expect(new Set(states.map(({ what }) => what)).size).toBe(states.length);
  }
});
