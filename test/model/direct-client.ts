/** A client that sends bytes to the bucket itself, and asks for the end of its uploads, perhaps twice at once. */
import { expect } from 'vitest';
import { failedWith } from '../../src/domain/errors.ts';
import type { CommitResult } from '../../src/store/artifacts/commit.ts';
import type { Rig } from '../store/upkeep/collection-rig.ts';
import { digestOf, specOf, tester } from '../support/specs.ts';

type DirectUploads = Rig['store']['directUploads'];

export class DirectClient {
  private readonly rig: Rig;
  private readonly turn: (what: string) => Promise<unknown>;
  /** By name. */
  private readonly made = new Map<string, Uint8Array>();
  count = 0;

  constructor(rig: Rig, turn: (what: string) => Promise<unknown>) {
    this.rig = rig;
    this.turn = turn;
  }

  /** Pushes under a name of its own. @param meanwhile goes on together with the ends. */
  async push(bytes: Uint8Array, ends: number, meanwhile: () => Promise<unknown>): Promise<void> {
    const name = `d${++this.count}`;
    const { directUploads } = this.rig.store;
    const spec = { ...specOf({ session: 'd', name, requestId: name }), ...digestOf(bytes) };
    const begun = await directUploads.begin(tester, spec);
    if ('artifact' in begun) return void this.made.set(name, bytes);
    await this.turn('send');
    const range = `bytes 0-${bytes.length - 1}/${bytes.length}`;
    const init = { method: 'PUT', headers: { 'content-range': range }, body: Buffer.from(bytes) };
    await (await fetch(begun.url, init)).text();
    await this.turn('sent');
    const ended = Array.from({ length: ends }, () => finish(directUploads.finish(tester, spec, begun)));
    const [results] = await Promise.all([Promise.allSettled(ended), meanwhile()]);
    for (const result of results)
      if (result.status === 'fulfilled') this.made.set(name, bytes);
      // It came too late, or the object was swept.
      else if (!failedWith(result.reason, 'STORE_UNAVAILABLE', 'UPLOAD_INCOMPLETE')) throw result.reason;
  }

  /** What was acknowledged can be read. */
  async expectAll(): Promise<void> {
    for (const [name, bytes] of this.made) expect(await this.rig.read(name, 'd')).toEqual(Buffer.from(bytes));
  }
}

async function finish(reading: ReturnType<DirectUploads['finish']>): Promise<CommitResult> {
  for (;;) {
    const next = await reading.next();
    if (next.done) return next.value;
  }
}
