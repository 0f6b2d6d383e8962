/** Contents that are damaged in one way, met in another and pushed again in a third. */
import { Buffer } from 'node:buffer';
import { expect, onTestFinished } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import type { Sha256 } from '../../../src/domain/digest.ts';
import { Budget } from '../../../src/domain/load/budget.ts';
import type { Principal } from '../../../src/domain/principal.ts';
import { keys } from '../../../src/index/keys.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { MemoryRows } from '../../../src/index/memory/rows.ts';
import type { Key } from '../../../src/index/row.ts';
import { Upload } from '../../../src/store/artifacts/upload.ts';
import type { OnStep } from '../../../src/store/rows/steps.ts';
import { Verifier } from '../../../src/store/verify/verifier.ts';
import { spoilableBlobs } from '../../support/blobs.ts';
import { sha256, someBytes } from '../../support/calls.ts';
import { interrupted } from '../../support/interrupted.ts';
import { inconsistencies } from '../../support/naive.ts';
import { bytesKeyOf } from '../../support/rows.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { digestOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

type Said = Partial<Parameters<typeof specOf>[0]>;

/** Contents of more than 64 bytes are files. Closed when the test has ended. */
export async function openHealing(onStep?: OnStep): Promise<Healing> {
  const rows = new MemoryRows();
  const { blobs, spoil } = await spoilableBlobs();
  return await openOver(rows, blobs, spoil, onStep);
}

async function openOver(rows: MemoryRows, blobs: BlobStore, spoil: Healing['spoilFile'], onStep?: OnStep) {
  let rig: Healing | undefined;
  const index = interrupted(await openMemoryIndex({ rows }), () => rig?.due());
  const watched = onStep === undefined ? {} : { onStep };
  const opened = await openTestStore({ index, blobs, inlineBytesMax: 64, ...watched });
  onTestFinished(() => opened[Symbol.asyncDispose]());
  rig = new Healing(opened, rows, spoil);
  return rig;
}

export class Healing {
  readonly opened: TestStore;
  readonly rows: MemoryRows;
  private readonly spoilFile: (name: string, change: (bytes: Uint8Array) => Uint8Array) => Promise<void>;
  /** Called once, before the next transaction is handed to the index. */
  meanwhile: (() => Promise<unknown>) | undefined;

  constructor(opened: TestStore, rows: MemoryRows, spoilFile: Healing['spoilFile']) {
    this.opened = opened;
    this.rows = rows;
    this.spoilFile = spoilFile;
  }

  due() {
    const first = this.meanwhile;
    this.meanwhile = undefined;
    return first;
  }

  /** Another process over what is durable; this one has been killed. */
  async restarted(): Promise<Healing> {
    return await openOver(this.rows, this.blobs, this.spoilFile);
  }

  get store() {
    return this.opened.store;
  }

  get blobs(): BlobStore {
    return this.opened.blobs;
  }

  async push(bytes: Uint8Array, said: Said, by: Principal = tester) {
    return await this.store.uploads.create(by, specOf({ session: 's', name: 'a', ...said }), bytes);
  }

  /** In two pieces and without asserting anything, unless the spec says otherwise. */
  async stream(bytes: Uint8Array, said: Said, by: Principal = tester) {
    const begun = await this.store.uploads.begin(by, specOf({ session: 's', name: 'a', ...said }));
    if (!(begun instanceof Upload)) return begun;
    await using upload = begun;
    await upload.write(bytes.slice(0, 10));
    await upload.write(bytes.slice(10));
    return await upload.finish({ sizeBytes: bytes.length, sha256: undefined });
  }

  async byDigest(bytes: Uint8Array, said: Said) {
    const spec = specOf({ session: 's', name: 'a', ...said });
    return await this.store.uploads.createByDigest(tester, spec, digestOf(bytes));
  }

  async read(session: string, name: string, offset = 0, limit?: number): Promise<Buffer> {
    const { bytes } = await this.store.downloads.artifact(tester, target(session, name), { offset, limit });
    return Buffer.concat(await Array.fromAsync(bytes));
  }

  async manifest(session: string): Promise<Buffer> {
    const { bytes } = await this.store.downloads.manifest(tester, sessionNamed(session).id);
    return Buffer.concat(await Array.fromAsync(bytes));
  }

  async seal(session: string): Promise<void> {
    await this.store.seals.seal(tester, sessionNamed(session).id, 'succeeded');
  }

  async recordOf(bytes: Uint8Array) {
    const value = await this.opened.index.get(keys.blobs.record.key('default', digestOf(bytes).sha256));
    return keys.blobs.record.decode(value!);
  }

  async nameOf(bytes: Uint8Array): Promise<string> {
    return (await this.recordOf(bytes)).name!;
  }

  async spoil(bytes: Uint8Array, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
    await this.spoilFile(await this.nameOf(bytes), change);
  }

  async flip(bytes: Uint8Array, at = 0): Promise<void> {
    await this.spoil(bytes, (stored) => Uint8Array.from(stored).with(at, stored[at]! ^ 1));
  }

  async scrub() {
    const budget = new Budget({ limit: 100_000 });
    return await this.store.scrub.scrub({ budget, bytesMax: 2 ** 40, minAgeMs: 0 });
  }

  async check(checkContents: boolean) {
    const verifier = new Verifier(this.opened.index, this.blobs);
    const events = await Array.fromAsync(verifier.check({ checkContents }));
    return events.flatMap((event) => (event.kind === 'finding' ? [event.finding] : []));
  }

  async listed() {
    return (await this.store.quarantined.page(tester, undefined, { pageSize: 1_000, pageToken: '' })).items;
  }

  /** Every content is sound, and nothing says otherwise. */
  async expectSound(): Promise<void> {
    expect(await this.scrub()).toMatchObject({ damagedCount: 0, releasedCount: 0 });
    expect(await this.listed()).toEqual([]);
    expect(await this.check(true)).toEqual([]);
    expect(await inconsistencies(this.opened.index, this.blobs)).toEqual([]);
  }
}

/** A way of damaging what is stored. */
export interface Damage {
  readonly what: string;
  /** Reading the content shows it. */
  readonly isRead: boolean;
  /** It shows without reading a file. */
  readonly isPlain: boolean;
  /** A byte that it concerns. */
  readonly at: (size: number) => number;
  readonly do: (rig: Healing, bytes: Uint8Array) => Promise<void>;
}

function flipped(what: string, at: Damage['at']): Damage {
  return { what, isRead: true, isPlain: false, at, do: (rig, bytes) => rig.flip(bytes, at(bytes.length)) };
}

function cut(what: string, length: (size: number) => number): Damage {
  const act: Damage['do'] = (rig, bytes) =>
    rig.spoil(bytes, (stored) => stored.subarray(0, length(stored.length)));
  return { what, isRead: true, isPlain: true, at: (size) => size - 1, do: act };
}

/** A row that is damaged (its checksum does not match), or gone. */
function row(what: string, key: (rig: Healing, digest: Sha256) => Promise<Key>, isGone: boolean): Damage {
  const act: Damage['do'] = async (rig, bytes) => {
    const wanted = await key(rig, digestOf(bytes).sha256);
    rig.rows.write(
      isGone ? [{ type: 'del', key: wanted }] : [{ type: 'put', key: wanted, value: Buffer.from('garbage') }],
    );
  };
  return { what, isRead: true, isPlain: true, at: () => 0, do: act };
}

const crcs = async (_rig: Healing, digest: Sha256) => keys.blobs.crcs.key('default', digest, 0);
const inline = (rig: Healing, digest: Sha256) => bytesKeyOf(rig.opened.index, digest);

export const fileDamages: readonly Damage[] = [
  flipped('its first byte flipped', () => 0),
  flipped('a byte in the middle flipped', (size) => size >> 1),
  flipped('its last byte flipped', (size) => size - 1),
  cut('nothing left in its file', () => 0),
  cut('half of its file left', (size) => size >> 1),
  cut('all but one byte left', (size) => size - 1),
  {
    what: 'no file',
    isRead: true,
    isPlain: true,
    at: () => 0,
    do: async (rig, bytes) => rig.blobs.delete(await rig.nameOf(bytes)),
  },
  {
    what: 'more in its file',
    isRead: false,
    isPlain: true,
    at: () => 0,
    do: (rig, bytes) => rig.spoil(bytes, (stored) => Buffer.concat([stored, stored])),
  },
  row('no checksums', crcs, true),
  row('a damaged row of checksums', crcs, false),
];

export const inlineDamages: readonly Damage[] = [
  row('no bytes', inline, true),
  row('a damaged row of bytes', inline, false),
];

/** Who meets the damage before the bytes are pushed again. */
export const noticers: Readonly<
  Record<string, (rig: Healing, session: string, damage: Damage, bytes: Uint8Array) => Promise<unknown>>
> = {
  nobody: async () => undefined,
  'a whole read': (rig, session) => rig.read(session, 'a'),
  'a ranged read': (rig, session, damage, bytes) => rig.read(session, 'a', damage.at(bytes.length), 1),
  ReadArtifact: (rig, session, damage, bytes) =>
    rig.store.readings.read(tester, target(session, 'a'), {
      window: { kind: 'bytes', offset: damage.at(bytes.length), limit: 1 },
      bytesMax: 10,
      cursor: '',
    }),
  'a share link': async (rig, session, _damage, bytes) => {
    const { token } = await rig.store.links.create(tester, target(session, 'a'), undefined);
    const part = { offset: 0, length: bytes.length };
    await Array.fromAsync(rig.store.shared.read(token, part, new AbortController().signal));
  },
};

const made = new Map<string, Uint8Array>();

/** Of the same length for the same kind, and different for each seed. */
export function contentOf(kind: string, seed: number): Uint8Array {
  const key = `${kind} ${seed}`;
  const bytes = made.get(key) ?? makeContent(kind, seed);
  made.set(key, bytes);
  return bytes;
}

function makeContent(kind: string, seed: number): Uint8Array {
  if (kind === 'a small content') return someBytes(40, seed);
  if (kind === 'a file of one block') return someBytes(5_000, seed);
  if (kind === 'a file of several blocks') return someBytes(1_048_576 + 5_000, seed);
  const named = someBytes(20, seed);
  const line = { name: 'of', version: 1, sha256: sha256(named), size_bytes: 20, content_type: octets };
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

const octets = 'application/octet-stream';

/** Seals a session whose manifest is {@link contentOf} a manifest with that seed. */
export async function sealedAs(rig: Healing, session: string, seed: number): Promise<void> {
  await rig.push(someBytes(20, seed), { session, name: 'of', contentType: octets });
  await rig.seal(session);
}
