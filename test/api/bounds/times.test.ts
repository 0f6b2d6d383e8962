import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { UpdateArtifactRequestSchema } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { CreateArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { admitMessage } from '../../../src/api/bounds/message.ts';

const admit = async (json: object | string, schema = CreateArtifactRequestSchema as never) =>
  admitMessage(schema, 'json', Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)));

describe('a time in JSON', () => {
  it.each([
    '2027-02-29T00:00:00Z',
    '2027-02-30T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2027-04-31T23:59:59.999999999Z',
    '2027-06-31T00:00:00+02:00',
    '2027-11-31T00:00:00Z',
    '2027-01-01T24:00:00Z',
  ])('%s does not exist', async (time) => {
    for (const name of ['expireTime', 'expire_time'])
      await expect(admit({ spec: { session: 's', name: 'a', [name]: time } })).rejects.toMatchObject({
        rawMessage: expect.stringMatching(/^spec\.expire_time: must be a valid time/),
      });
    await expect(
      admit({ changes: { expireTime: time } }, UpdateArtifactRequestSchema as never),
    ).rejects.toThrow('changes.expire_time: must be a valid time');
  });

  it.each(['2028-02-29T00:00:00Z', '2000-02-29T23:59:59Z', '2027-12-31T23:59:59Z', '2027-04-30T00:00:00Z'])(
    '%s exists',
    async (time) => {
      await admit({ spec: { session: 's', name: 'a', expireTime: time } });
    },
  );

  it('may be any text where no time is asked for', async () => {
    await admit({
      spec: { session: 's', name: '2027-02-30T00:00:00Z', metadata: { due: '2027-02-30T00:00:00Z' } },
    });
  });

  it('is left to the parser where there is no JSON', async () => {
    await admit('{"spec": {"expireTime": "2027-02-30T00:00:00Z"');
  });
});
