/** The public keys of issuers (RFC 7517), from a file or by HTTPS. */
import { readFile as readAnyFile } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';

/** The place of an issuer's keys: one of `url` and `file`. */
export interface KeySource {
  readonly url?: string | undefined;
  /** A JSON Web Key Set. */
  readonly file?: string | undefined;
  /** Authorities for the URL's certificate, in PEM. Default: the system's. */
  readonly caFile?: string | undefined;
  /** A bearer token for the URL; read at each fetch. */
  readonly tokenFile?: string | undefined;
}

/** Times in milliseconds. */
export interface KeySetTimes {
  /** The limit of one fetch. */
  readonly fetchMsMax: number;
  /** The time for which keys are used without another fetch. */
  readonly freshMs: number;
  /** The least time between two fetches because of unknown key ids. */
  readonly cooldownMs: number;
  /** The time for which keys are used while the issuer cannot be reached. */
  readonly staleMs: number;
}

type ReadFile = (path: string) => Promise<Buffer>;

/** The way to fetch key sets, and the clock for it. */
export interface KeySetOptions {
  /** Default {@link keySetTimes}. */
  readonly times?: KeySetTimes;
  /** Milliseconds from any origin: a wall clock may be set. Default: the process's. */
  readonly elapsed?: () => number;
  /** Reads a file. Default: any. */
  readonly readFile?: ReadFile;
}

/** The default times. */
export const keySetTimes: KeySetTimes = {
  fetchMsMax: 5_000,
  freshMs: 600_000,
  cooldownMs: 30_000,
  staleMs: 3_600_000,
};

const keySetBytesMax = 1024 * 1024;

/** The error for keys that could not be fetched; it is not known whether a token is good. */
export class KeysUnavailable extends Error {}

/** @throws Error for a file that is not a key set; it names the file. */
export async function openKeySet(source: KeySource, options: KeySetOptions = {}): Promise<JWTVerifyGetKey> {
  const { times = keySetTimes, elapsed = () => performance.now(), readFile = readAnyFile } = options;
  if (source.file !== undefined) return await localKeys(source.file, readFile);
  let last: { readonly body: string; readonly atMs: number } | undefined;
  return createRemoteJWKSet(new URL(source.url ?? ''), {
    timeoutDuration: times.fetchMsMax,
    cooldownDuration: times.cooldownMs,
    cacheMaxAge: times.freshMs,
    [customFetch]: async (url, { signal }) => {
      try {
        const body = await fetchText(url, source, signal, readFile);
        // Fails if it is not a key set.
        createLocalJWKSet(JSON.parse(body));
        last = { body, atMs: elapsed() };
        return new Response(last.body, { status: 200 });
      } catch (error) {
        // An issuer that is down for a while must not lock all callers out.
        if (last !== undefined && elapsed() - last.atMs < times.staleMs) return new Response(last.body);
        throw new KeysUnavailable('the keys of the issuer cannot be fetched', { cause: error });
      }
    },
  });
}

async function localKeys(file: string, readFile: ReadFile): Promise<JWTVerifyGetKey> {
  try {
    return createLocalJWKSet(JSON.parse(String(await readFile(file))));
  } catch (error) {
    throw new Error(
      `${file} is not a JSON Web Key Set: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function fetchText(
  url: string,
  { caFile, tokenFile }: KeySource,
  signal: AbortSignal,
  readFile: ReadFile,
): Promise<string> {
  const [ca, token] = await Promise.all([
    caFile && readFile(caFile),
    tokenFile && readFile(tokenFile).then(String),
  ]);
  const options = {
    signal,
    agent: false,
    headers: { accept: 'application/json', ...(token ? { authorization: `Bearer ${token.trim()}` } : {}) },
    ...(ca ? { ca } : {}),
  } as const;
  const request = url.startsWith('https:') ? requestHttps(url, options) : requestHttp(url, options);
  return await new Promise<string>((resolve, reject) => {
    request.once('error', reject).once('response', (response) => {
      const fail = (why: string) => {
        response.destroy();
        reject(new Error(why));
      };
      if (response.statusCode !== 200) return fail(`the status is ${response.statusCode}`);
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > keySetBytesMax) fail(`more than ${keySetBytesMax} bytes`);
        else chunks.push(chunk);
      });
      response.once('end', () => resolve(Buffer.concat(chunks).toString()));
      response.once('error', reject).once('close', () => reject(new Error('the answer was cut off')));
    });
    request.end();
  });
}
