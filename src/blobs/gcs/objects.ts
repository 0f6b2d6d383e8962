/** The requests about objects: their URLs, headers and answers. */
import { Buffer } from 'node:buffer';
import type { BucketAddress } from '../../domain/system/bucket-address.ts';
import { marks, type ObjectFacts, objectFactsIn, persistedBytes } from './answers.ts';
import { type BucketClient, Refusal } from './client.ts';
import { type Answer, Broken } from './exchange.ts';

const octets = 'application/octet-stream';
/** The facts of an object that are asked for: less than a fifth of what the bucket would send. */
const factFields = 'generation,size,crc32c,timeCreated,metadata';
const boundary = 'artifacta-9d1f3c2b7a';

/** The writer and upload that an object is marked with. */
export interface Mark {
  readonly writer: string;
  readonly upload: string;
}

/** An object as a listing shows it. */
interface Listed {
  readonly name: string;
  readonly sizeBytes: number;
}

/** The objects of one bucket, below one prefix. Each method makes one request and no retry. */
export class Objects {
  private readonly client: BucketClient;
  private readonly address: BucketAddress;

  constructor(client: BucketClient, address: BucketAddress) {
    this.client = client;
    this.address = address;
  }

  /** Creates an object in one request. @throws Refusal `taken` if it exists. */
  async create(
    name: string,
    {
      parts,
      mark,
      crc32c,
    }: { readonly parts: readonly Uint8Array[]; readonly mark: Mark; readonly crc32c: string },
    signal: AbortSignal,
  ): Promise<ObjectFacts> {
    const resource = JSON.stringify({
      name: this.full(name),
      contentType: octets,
      crc32c,
      metadata: metadataOf(mark),
    });
    const head =
      `--${boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${resource}\r\n` +
      `--${boundary}\r\ncontent-type: ${octets}\r\n\r\n`;
    const ask = {
      method: 'POST',
      url: this.uploadUrl({ uploadType: 'multipart', ifGenerationMatch: '0', fields: factFields }),
      headers: { 'content-type': `multipart/related; boundary=${boundary}` },
      body: [Buffer.from(head), ...parts, Buffer.from(`\r\n--${boundary}--\r\n`)],
    } as const;
    return await factsOf(await this.client.ask('create', ask, signal));
  }

  /** Begins an upload in pieces, of a size that may be known already. @returns its URL. */
  async begin(name: string, mark: Mark, signal: AbortSignal, sizeBytes?: number): Promise<URL> {
    const query = {
      uploadType: 'resumable',
      ifGenerationMatch: '0',
      name: this.full(name),
      fields: factFields,
    };
    const ask = {
      method: 'POST',
      url: this.uploadUrl(query),
      headers: {
        'content-type': 'application/json',
        'x-upload-content-type': octets,
        ...(sizeBytes === undefined ? {} : { 'x-upload-content-length': String(sizeBytes) }),
      },
      body: [Buffer.from(JSON.stringify({ contentType: octets, metadata: metadataOf(mark) }))],
    } as const;
    const { headers, body } = await this.client.ask('create', ask, signal);
    await body.text();
    const { location } = headers;
    if (location === undefined || !URL.canParse(location))
      throw new Broken('the bucket named no URL for the upload');
    return new URL(location);
  }

  /**
   * Sends a piece of an upload.
   *
   * @param total the size of the whole, if the piece is the last one.
   * @returns the number of bytes that the bucket has, or the object when it is complete.
   */
  async put(
    session: URL,
    piece: {
      readonly offset: number;
      readonly parts: readonly Uint8Array[];
      readonly total: number | undefined;
    },
    signal: AbortSignal,
  ): Promise<number | ObjectFacts> {
    const length = piece.parts.reduce((sum, part) => sum + part.length, 0);
    const range = `bytes ${piece.offset}-${piece.offset + length - 1}/${piece.total ?? '*'}`;
    return await this.putRange(session, range, piece.parts, signal);
  }

  /** Asks how many bytes of an upload the bucket has. @returns the object, if it is complete. */
  async progress(
    session: URL,
    total: number | undefined,
    signal: AbortSignal,
  ): Promise<number | ObjectFacts> {
    return await this.putRange(session, `bytes */${total ?? '*'}`, [], signal);
  }

  private async putRange(session: URL, range: string, parts: readonly Uint8Array[], signal: AbortSignal) {
    const ask = { method: 'PUT', url: session, headers: { 'content-range': range }, body: parts } as const;
    const answer = await this.client.ask('create', ask, signal, [308]);
    if (answer.status !== 308) return await factsOf(answer);
    await answer.body.text();
    return persistedBytes(answer.headers.range);
  }

  /** Ends an upload in pieces: the bucket forgets what it has of it. */
  async cancel(session: URL, signal: AbortSignal): Promise<void> {
    const answer = await this.client.ask(
      'create',
      { method: 'DELETE', url: session, headers: {} },
      signal,
      [404, 410, 499],
    );
    await answer.body.text();
  }

  /** Returns the facts of an object. @throws Refusal `absent`. */
  async facts(name: string, generation: string | undefined, signal: AbortSignal): Promise<ObjectFacts> {
    const url = this.objectUrl(name, {
      fields: factFields,
      ...(generation === undefined ? {} : { generation }),
    });
    return await factsOf(await this.client.ask('read', { method: 'GET', url, headers: {} }, signal));
  }

  /** Begins to read a range. @throws Refusal `absent`, or `beyond` if the object ends before the range begins. */
  async read(
    name: string,
    {
      offset,
      length,
      generation,
    }: { readonly offset: number; readonly length: number; readonly generation: string | undefined },
    signal: AbortSignal,
  ): Promise<Answer> {
    const url = this.objectUrl(name, { alt: 'media', ...(generation === undefined ? {} : { generation }) });
    // Without the last header, an object that somebody has marked as compressed would be decompressed on its way.
    const headers = { range: `bytes=${offset}-${offset + length - 1}`, 'accept-encoding': 'gzip' };
    const answer = await this.client.ask('read', { method: 'GET', url, headers }, signal);
    if (answer.status === 206 || offset === 0) return answer;
    answer.body.drop();
    throw new Broken('the bucket sent another range than was asked for');
  }

  /** Deletes an object, or only one generation of it. @throws Refusal `absent`, or `kept`. */
  async delete(name: string, generation: string | undefined, signal: AbortSignal): Promise<void> {
    const url = this.objectUrl(name, generation === undefined ? {} : { generation });
    await (await this.client.ask('delete', { method: 'DELETE', url, headers: {} }, signal)).body.text();
  }

  /** Returns some objects whose names begin with `start`, and the token of the next page, if more exist. */
  async list(
    start: string,
    page: { readonly token: string | undefined; readonly most: number },
    signal: AbortSignal,
  ): Promise<{ readonly items: readonly Listed[]; readonly next: string | undefined }> {
    const url = this.url('/storage/v1', 'o', {
      prefix: this.full(start),
      maxResults: String(page.most),
      fields: 'items(name,size),nextPageToken',
      ...(page.token === undefined ? {} : { pageToken: page.token }),
    });
    const answer = await this.client.ask('list', { method: 'GET', url, headers: {} }, signal);
    const { items, nextPageToken } = parse(await answer.body.text()) as {
      items?: readonly { readonly name: string; readonly size: string }[];
      nextPageToken?: string;
    };
    const skipped = this.full('').length;
    const listed = (items ?? []).map(({ name, size }) => ({
      name: name.slice(skipped),
      sizeBytes: Number(size),
    }));
    return { items: listed, next: nextPageToken || undefined };
  }

  /** Returns some fields of the bucket itself. */
  async bucketFields(fields: string, signal: AbortSignal): Promise<object> {
    const url = this.url('/storage/v1', '', { fields });
    url.pathname = url.pathname.replace(/\/$/, '');
    const answer = await this.client.ask('read', { method: 'GET', url, headers: {} }, signal);
    return parse(await answer.body.text()) as object;
  }

  /** Returns the bucket and the whole name of an object. */
  placeOf(name: string): { readonly bucket: string; readonly object: string } {
    return { bucket: this.address.bucket, object: this.full(name) };
  }

  private full(name: string): string {
    return this.address.prefix === '' ? name : `${this.address.prefix}/${name}`;
  }

  private objectUrl(name: string, query: Readonly<Record<string, string>>): URL {
    return this.url('/storage/v1', `o/${encodeURIComponent(this.full(name))}`, query);
  }

  private uploadUrl(query: Readonly<Record<string, string>>): URL {
    return this.url('/upload/storage/v1', 'o', query);
  }

  private url(root: string, rest: string, query: Readonly<Record<string, string>>): URL {
    const url = new URL(`${this.client.endpoint}${root}/b/${this.address.bucket}/${rest}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }
}

/** Returns true if the bucket refused because of one of these meanings. */
export function refusedAs(error: unknown, ...meanings: readonly string[]): boolean {
  return error instanceof Refusal && meanings.includes(error.refused.meaning);
}

function metadataOf(mark: Mark): Record<string, string> {
  return { [marks.writer]: mark.writer, [marks.upload]: mark.upload };
}

async function factsOf(answer: Answer): Promise<ObjectFacts> {
  const text = await answer.body.text();
  try {
    return objectFactsIn(text);
  } catch (error) {
    throw new Broken(`the answer is not understood: ${String(error)}`, { cause: error });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Broken('the answer is not JSON', { cause: error });
  }
}
