/**
 * The object that says to which store a place in a bucket belongs. It is written before the first content. While it
 * exists, an object that is absent is really absent: the whole place is not another one.
 */
import { Buffer } from 'node:buffer';
import { Failure } from '../../domain/errors.ts';
import { Crc32c } from '../crc32c.ts';
import type { BucketClient } from './client.ts';
import { type Mark, type Objects, refusedAs } from './objects.ts';

/** Its name below the prefix. */
const claimName = 'artifacta-store.json';
/** The form of the place. A later version that changes it writes another number. */
const format = 1;
const claimBytesMax = 4_096;

/** The claim on a place. */
export class Claim {
  private readonly parts: {
    readonly client: BucketClient;
    readonly objects: Objects;
    readonly place: string;
  };

  constructor(parts: { readonly client: BucketClient; readonly objects: Objects; readonly place: string }) {
    this.parts = parts;
  }

  /**
   * Returns the id of the store that the place belongs to; undefined if it belongs to none.
   *
   * @throws Failure STORE_UNAVAILABLE if the bucket cannot be read, or the claim is not understood.
   */
  async owner(): Promise<string | undefined> {
    const { client, objects, place } = this.parts;
    const what = { offset: 0, length: claimBytesMax, generation: undefined };
    try {
      const text = await client.run('read', async (signal) => {
        const { body } = await objects.read(claimName, what, signal);
        return await body.text();
      });
      return ownerIn(text, place);
    } catch (error) {
      if (!refusedAs(error, 'absent')) throw client.unexpected(error, 'looking for the owner of the place');
      await this.requireBucket();
      return undefined;
    }
  }

  /**
   * Claims the place for a store, unless it has it already.
   *
   * @throws Failure STORE_UNAVAILABLE if the place belongs to another store.
   */
  async take(storeId: string, mark: Mark): Promise<void> {
    const { place } = this.parts;
    const owner = (await this.owner()) ?? (await this.write(storeId, mark));
    if (owner === storeId) return;
    throw new Failure(
      'STORE_UNAVAILABLE',
      `${place} belongs to the store ${owner}, and the data directory has the store ${storeId}: give another prefix ` +
        'with --blobs, or the data directory of that store',
      { metadata: { owner } },
    );
  }

  /** Returns true if the claim exists. @throws Failure STORE_UNAVAILABLE if that cannot be known. */
  async isThere(): Promise<boolean> {
    const { client, objects } = this.parts;
    try {
      await client.run('read', (signal) => objects.facts(claimName, undefined, signal));
      return true;
    } catch (error) {
      if (refusedAs(error, 'absent')) return false;
      throw client.unexpected(error, 'looking for the place');
    }
  }

  /** @returns the owner: another process may have come first. */
  private async write(storeId: string, mark: Mark): Promise<string> {
    const { client, objects, place } = this.parts;
    const bytes = Buffer.from(`${JSON.stringify({ format, storeId })}\n`);
    const crc = new Crc32c();
    crc.update(bytes);
    const content = { parts: [bytes], mark, crc32c: crc.text() };
    try {
      await client.run('create', (signal) => objects.create(claimName, content, signal));
      return storeId;
    } catch (error) {
      if (!refusedAs(error, 'taken')) throw client.unexpected(error, `claiming ${place}`);
      return (await this.owner()) ?? storeId;
    }
  }

  /** An object is absent also in a bucket that does not exist. */
  private async requireBucket(): Promise<void> {
    const { client, objects } = this.parts;
    try {
      await client.run('list', (signal) => objects.list('', { token: undefined, most: 1 }, signal));
    } catch (error) {
      throw client.unexpected(error, 'looking for the bucket');
    }
  }
}

function ownerIn(text: string, place: string): string {
  let claim: { readonly format?: unknown; readonly storeId?: unknown } = {};
  try {
    claim = JSON.parse(text) as typeof claim;
  } catch {
    // It has no form that is known.
  }
  if (claim.format === format && typeof claim.storeId === 'string' && claim.storeId !== '')
    return claim.storeId;
  throw new Failure(
    'STORE_UNAVAILABLE',
    `${claimName} in ${place} is not understood: a later version of artifacta may have written it, or the place is ` +
      'used for something else',
  );
}
