/** Signed URLs (V4) as the service checks them, written from its documentation and not from the library that signs. */
import { createHash, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Refused } from './bucket.ts';

/** An account of the service, whose key the fake knows. */
export interface Account {
  readonly email: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** The file with its credentials, for GOOGLE_APPLICATION_CREDENTIALS. */
  readonly file: string;
}

export async function makeAccount(directory: string): Promise<Account> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const email = 'store@project.iam.gserviceaccount.com';
  const file = join(directory, 'credentials.json');
  const credentials = {
    type: 'service_account',
    project_id: 'project',
    private_key_id: '1',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: email,
    client_id: '1',
    token_uri: 'http://127.0.0.1:1/token',
  };
  await writeFile(file, JSON.stringify(credentials));
  return { email, publicKey, privateKey, file };
}

/** What a signed URL is for. */
interface SignedRead {
  readonly bucket: string;
  readonly name: string;
  readonly generation: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** @throws Refused as the service does. */
export function checkSigned(
  request: IncomingMessage,
  account: Account | undefined,
  nowMs: number,
): SignedRead {
  const [path = '', search = ''] = request.url!.split('?');
  const query = new Map(
    search.split('&').map((pair) => {
      const [name = '', value = ''] = pair.split('=');
      return [decodeURIComponent(name), decodeURIComponent(value)] as const;
    }),
  );
  if (request.headers.authorization !== undefined)
    throw new Refused(400, 'InvalidArgument', 'a signed URL and an Authorization header');
  if (query.get('X-Goog-Algorithm') !== 'GOOG4-RSA-SHA256')
    throw new Refused(400, 'AuthenticationRequired', 'the URL has no signature of version 4');
  checkTime(query, nowMs);
  checkSignature(request, path, query, account);
  const [, bucket = '', object = ''] = /^\/([^/]+)\/(.+)$/.exec(path) ?? [];
  const headers = {
    'content-type': query.get('response-content-type') ?? 'application/octet-stream',
    ...(query.has('response-content-disposition') && {
      'content-disposition': query.get('response-content-disposition')!,
    }),
  };
  return { bucket, name: decodeURIComponent(object), generation: query.get('generation'), headers };
}

function checkTime(query: ReadonlyMap<string, string>, nowMs: number): void {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get('X-Goog-Date') ?? '') ?? [];
  const beginMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const seconds = query.get('X-Goog-Expires') ?? '';
  if (Number.isNaN(beginMs) || !/^\d+$/.test(seconds))
    throw new Refused(400, 'InvalidArgument', 'X-Goog-Date or X-Goog-Expires is malformed');
  if (nowMs < beginMs) throw new Refused(403, 'AccessDenied', 'the URL is not good yet');
  if (nowMs >= beginMs + Number(seconds) * 1_000)
    throw new Refused(400, 'ExpiredToken', 'the URL has expired');
}

function checkSignature(
  request: IncomingMessage,
  path: string,
  query: ReadonlyMap<string, string>,
  account: Account | undefined,
): void {
  const signedHeaders = query.get('X-Goog-SignedHeaders') ?? '';
  const headers = signedHeaders.split(';').map((name) => {
    // The service has the usual port, which a Host header does not name.
    const value = name === 'host' ? request.headers.host!.split(':')[0] : request.headers[name];
    return `${name}:${value}\n`;
  });
  const pairs = [...query]
    .filter(([name]) => name !== 'X-Goog-Signature')
    .map(([name, value]) => `${strict(name)}=${strict(value)}`)
    .sort();
  const canonical = [
    request.method,
    path,
    pairs.join('&'),
    headers.join(''),
    signedHeaders,
    'UNSIGNED-PAYLOAD',
  ];
  const [email = '', ...scope] = (query.get('X-Goog-Credential') ?? '').split('/');
  const text = [
    'GOOG4-RSA-SHA256',
    query.get('X-Goog-Date'),
    scope.join('/'),
    createHash('sha256').update(canonical.join('\n')).digest('hex'),
  ].join('\n');
  const signature = Buffer.from(query.get('X-Goog-Signature') ?? '', 'hex');
  const isRight =
    account?.email === email &&
    scope.slice(1).join('/') === 'auto/storage/goog4_request' &&
    scope[0] === query.get('X-Goog-Date')?.slice(0, 8) &&
    verify('RSA-SHA256', Buffer.from(text), account.publicKey, signature);
  if (!isRight) throw new Refused(403, 'SignatureDoesNotMatch', 'the signature is not that of the account');
}

function strict(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
