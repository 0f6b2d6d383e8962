/** The version of Connect that a call says it speaks, in its head or in the query of a GET. */
import { expect, it, onTestFinished } from 'vitest';
import { closeChecked } from '../../support/service.ts';
import { openHttpRig } from './listeners.ts';
import { parseError } from './raw.ts';

const path = '/artifacta.v1.SessionService/ListSessions';

async function opened(): Promise<string> {
  const rig = await openHttpRig();
  onTestFinished(() => closeChecked(rig));
  return `${rig.url}${path}`;
}

const posted = (url: string, version: string, type = 'application/json', body: string | Buffer = '{}') =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': type, 'connect-protocol-version': version },
    body,
  });

it('that is spoken, or none, is answered', async () => {
  const url = await opened();
  expect((await posted(url, '1')).status).toBe(200);
  for (const query of ['connect=v1&encoding=json&message={}', 'encoding=json&message={}'])
    expect((await fetch(`${url}?${query}`)).status).toBe(200);
});

it.each(['2', '0', '1.0', 'v1', '1, 1', 'x'])('that is not spoken is refused: %s', async (version) => {
  const url = await opened();
  const description = 'the version that this service supports, or be left out';
  for (const [type, body] of [
    ['application/json', '{}'],
    ['application/proto', Buffer.of()],
  ] as const) {
    const refused = await posted(url, version, type, body);
    expect(refused.status).toBe(400);
    expect(parseError(await refused.text())).toEqual({
      code: 'invalid_argument',
      reason: 'INVALID_ARGUMENT',
      message: `connect-protocol-version: must be 1, ${description}`,
      fields: ['connect-protocol-version'],
    });
  }
  const found = await fetch(`${url}?connect=v${version}&encoding=json&message={}`);
  expect(found.status).toBe(400);
  expect(parseError(await found.text())).toMatchObject({
    message: `connect: must be v1, ${description}`,
    fields: ['connect'],
  });
});

it('that is not spoken is told at the end of a stream', async () => {
  const url = (await opened()).replace(path, '/artifacta.v1.ArtifactService/DownloadArtifact');
  const answer = await posted(url, '2', 'application/connect+json', Buffer.from('\0\0\0\0\x02{}', 'latin1'));
  expect(answer.status).toBe(200);
  expect(await answer.text()).toContain('connect-protocol-version: must be 1');
});
