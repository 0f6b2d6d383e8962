/** What is no call of a method is told so, on the path of any method, in a form that can be read. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { closeChecked } from '../../support/service.ts';
import { pathOf } from '../fake-service.ts';
import { type HttpRig, openHttpRig } from './listeners.ts';
import { exchangeRaw, head, parseError } from './raw.ts';

async function opened(): Promise<HttpRig> {
  const rig = await openHttpRig();
  onTestFinished(() => closeChecked(rig));
  return rig;
}

const paths = {
  unary: pathOf('GetArtifact'),
  'a change': pathOf('DeleteArtifact'),
  'a stream to the service': pathOf('UploadArtifact'),
  'a stream from the service': pathOf('DownloadArtifact'),
  health: '/grpc.health.v1.Health/Check',
};
const kinds = Object.entries(paths);

const web = 'application/grpc-web+proto, application/grpc-web+json';
const unary = `application/json, application/proto, ${web}`;
const stream = `application/connect+json, application/connect+proto, ${web}`;

async function refused(rig: HttpRig, ...lines: [string, ...string[]]) {
  const answer = await exchangeRaw(rig.url, head(rig.url, ...lines, 'Connection: close'));
  expect(rig.calls).toEqual([]);
  expect(answer.headers.get('content-type')).toBe('application/json');
  return answer;
}

describe.each(kinds)('%s', (kind, path) => {
  const methods = kind === 'unary' ? 'POST, GET' : 'POST';

  it.each(['PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'PROPFIND', ...(kind === 'unary' ? [] : ['GET'])])(
    'by %s says how it is called',
    async (method) => {
      const answer = await refused(await opened(), `${method} ${path} HTTP/1.1`);
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, methods]);
      expect(answer.headers.get('accept-post')).toBe(kind.includes('stream') ? stream : unary);
      if (method === 'HEAD') expect(answer.body).toBe('');
      else
        expect(parseError(answer.body)).toMatchObject({
          reason: 'NOT_IMPLEMENTED',
          message: `the method must be ${methods.replace(', ', ' or ')} here`,
        });
    },
  );

  it.each<[string | undefined, string]>([
    [undefined, '; the request has none'],
    ['', ''],
    ['text/plain', ''],
    ['text/html; charset=utf-8', ''],
    ['application/x-www-form-urlencoded', ''],
    ['multipart/form-data; boundary=x', ''],
    ['application/octet-stream', ''],
    ['application/grpc-web-text', ''],
    ['application/grpc-web-text+proto', ''],
    ['application/jsonp', ''],
    ['nonsense', ''],
    ['application/grpc', '; gRPC is served at an address of its own'],
    ['application/grpc+proto', '; gRPC is served at an address of its own'],
  ])('with the content type %j says which are taken', async (contentType, more) => {
    const header = contentType === undefined ? [] : [`Content-Type: ${contentType}`];
    const answer = await refused(await opened(), `POST ${path} HTTP/1.1`, ...header, 'Content-Length: 0');
    const accepted = kind.includes('stream') ? stream : unary;
    expect([answer.status, answer.headers.get('accept-post')]).toEqual([415, accepted]);
    expect(parseError(answer.body)).toEqual({
      code: 'invalid_argument',
      reason: 'INVALID_ARGUMENT',
      message: `content-type: must be one of ${accepted}${more}`,
      fields: ['content-type'],
    });
  });
});

it.each(['?message={}', '?encoding=xml&message={}', '?encoding=', '?encoding=%ff'])(
  'a GET with the query %j is told how it says what its message is',
  async (query) => {
    const answer = await refused(await opened(), `GET ${paths.unary}${query} HTTP/1.1`);
    expect(answer.status).toBe(415);
    expect(parseError(answer.body)).toMatchObject({
      message: 'encoding: must be json or proto',
      fields: ['encoding'],
    });
  },
);

it.each(['', '?'])('a GET with the query %j is told to POST, or how else it can be asked', async (query) => {
  const answer = await refused(await opened(), `GET ${paths.unary}${query} HTTP/1.1`);
  expect([answer.status, answer.headers.get('allow'), answer.headers.get('accept-post')]).toEqual([
    405,
    'POST',
    unary,
  ]);
  expect(parseError(answer.body)).toMatchObject({
    reason: 'NOT_IMPLEMENTED',
    message:
      'the method must be POST here; send the message as its body, or with GET in the query: ' +
      '?encoding=json&message={…}, percent-encoded',
  });
});

it.each(kinds.map(([kind, path]) => [kind, path] as const))(
  '%s takes every content type that it offers',
  async (kind, path) => {
    const rig = await opened();
    for (const contentType of (kind.includes('stream') ? stream : unary).split(', ')) {
      const answer = await fetch(`${rig.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': contentType },
        body: contentType === 'application/json' ? '{}' : '',
      });
      expect([contentType, answer.status]).not.toEqual([contentType, 415]);
      await answer.arrayBuffer();
    }
  },
);
