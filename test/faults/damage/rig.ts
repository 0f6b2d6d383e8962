/**
 * A service whose contents are damaged one after another, and pushed again by whoever comes: whatever was damaged,
 * however, whoever has met it, and by whichever way the bytes come, a push that is acknowledged is readable from then on,
 * also where others hold the same content, and nobody ever gets other bytes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import { ArtifactaError } from '../../../src/client/errors.ts';
import { bytesOf, Chance } from '../seeded.ts';
import { type Service, startService } from '../service.ts';

interface DamageReport {
  readonly faults: string[];
  /** How often each damage, meeting and way was tried, and what reads came to. */
  readonly counts: Record<string, number>;
}

/** One content and where it lies. */
interface Stored {
  readonly bytes: Uint8Array;
  readonly file: string;
  /** Where it was pushed first. */
  readonly session: string;
}

type Act<Result> = (rig: DamageRig, stored: Stored) => Promise<Result>;

const damages: Readonly<Record<string, Act<void>>> = {
  'a flipped bit': async ({ chance }, { file }) => {
    const bytes = await readFile(file);
    bytes[chance.between(0, bytes.length - 1)]! ^= 1 << chance.between(0, 7);
    await writeFile(file, bytes);
  },
  'a cut': async ({ chance }, { file }) => {
    const { length } = await readFile(file);
    await truncate(file, chance.between(0, length - 1));
  },
  'a block of zeros': async ({ chance }, { file }) => {
    const bytes = await readFile(file);
    const at = chance.between(0, bytes.length - 1);
    bytes.fill(0, at, Math.min(at + 4_096, bytes.length));
    await writeFile(file, bytes);
  },
  'more bytes': async ({ chance }, { file }) => {
    await writeFile(file, bytesOf(chance.seed(), chance.between(1, 5_000)), { flag: 'a' });
  },
  'other bytes': async ({ chance }, { file }) => {
    const { length } = await readFile(file);
    await writeFile(file, bytesOf(chance.seed(), length));
  },
  'no file': async (_rig, { file }) => {
    await rm(file);
  },
};

const meetings: Readonly<Record<string, Act<unknown>>> = {
  nobody: async () => undefined,
  'a read': (rig, stored) => rig.read(stored, stored.session, 'a'),
  'a ranged read': (rig, stored) => rig.read(stored, stored.session, 'a', { offset: 10, limit: 1_000 }),
  'reads at once': (rig, stored) =>
    Promise.all(Array.from({ length: 8 }, () => rig.read(stored, stored.session, 'a'))),
  'a check of contents': (rig) => rig.command('fsck', '--contents'),
};

/** How bytes come to a session under the name `b`. */
const ways: Readonly<Record<string, (rig: DamageRig, stored: Stored, session: string) => Promise<void>>> = {
  gRPC: (rig, stored, session) => rig.push(rig.grpc, stored, session),
  'gRPC as a stream': (rig, stored, session) => rig.push(rig.grpc, stored, session, true),
  Connect: (rig, stored, session) => rig.push(rig.http, stored, session),
  'the socket': (rig, stored, session) => rig.push(rig.socket, stored, session),
  PUT: async (rig, stored, session) => {
    const url = `http://${rig.service.http}/v1/sessions/${session}/artifacts/b`;
    const headers = { authorization: `Bearer ${rig.service.key}` };
    const body = Buffer.from(stored.bytes);
    const answer = await fetch(url, { method: 'PUT', headers, body });
    if (!answer.ok) throw new Error(`PUT: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
  },
  'a command': async (rig, stored, session) => {
    const path = join(rig.service.dataDir, '..', 'pushed.bin');
    await writeFile(path, stored.bytes);
    const code = await rig.command('push', path, '--session', session, '--name', 'b');
    if (code !== 0) throw new Error(`the command ended with ${code}`);
  },
};

/** Of these sizes are the contents: one block of checksums, several, and more than a client sends unasked. */
const sizes = [70_000, 700_000, 9_000_000];

/** Larger ones the client sends by their digest first. */
const contentFirstBytesMax = 8 * 1024 * 1024;

const launcher = resolve(import.meta.dirname, '../../../bin/artifacta');

class DamageRig {
  readonly chance: Chance;
  readonly report: DamageReport = { faults: [], counts: {} };
  service!: Service;
  grpc!: ArtifactaClient;
  http!: ArtifactaClient;
  socket!: ArtifactaClient;

  constructor(chance: Chance) {
    this.chance = chance;
  }

  async use(service: Service): Promise<void> {
    await this.close();
    this.service = service;
    const token = service.key;
    this.grpc = await connect(`grpc://${service.grpc}`, { token });
    this.http = await connect(`http://${service.http}`, { token });
    this.socket = await connect(`unix:${service.socket}`);
  }

  async close(): Promise<void> {
    for (const client of [this.grpc, this.http, this.socket]) await client?.close();
  }

  count(what: string): void {
    this.report.counts[what] = (this.report.counts[what] ?? 0) + 1;
  }

  /** @returns the code with which it ended. */
  async command(...args: readonly string[]): Promise<number> {
    const child = spawn(launcher, [...args, '--data-dir', this.service.dataDir], { stdio: 'ignore' });
    const [code] = await once(child, 'close');
    return Number(code);
  }

  async push(client: ArtifactaClient, { bytes }: Stored, session: string, isStream = false): Promise<void> {
    async function* pieces() {
      for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
    }
    await client.push(isStream ? pieces() : bytes, { session, name: 'b' });
  }

  /** Reads by any transport. @returns whether the right bytes came; others are a fault, a refusal that says so is not. */
  async read(
    { bytes }: Stored,
    session: string,
    name: string,
    range: { readonly offset?: number; readonly limit?: number } = {},
  ): Promise<boolean> {
    const { offset = 0, limit = bytes.length } = range;
    const client = this.chance.pick([this.grpc, this.http, this.socket]);
    try {
      const download = await client.download({ session, name }, range);
      const got = Buffer.from(await download.bytes());
      if (got.equals(bytes.subarray(offset, offset + limit))) return true;
      this.report.faults.push(`${session}/${name}: other bytes came`);
    } catch (error) {
      if (!(error instanceof ArtifactaError) || error.reason !== 'DATA_LOSS')
        this.report.faults.push(`${session}/${name}: ${String(error)}`);
    }
    return false;
  }

  async stored(round: number): Promise<Stored> {
    const bytes = bytesOf(this.chance.seed(), this.chance.pick(sizes) + this.chance.between(0, 5));
    const session = `first-${round}`;
    const blobs = join(this.service.dataDir, 'blobs');
    const before = new Set(await filesIn(blobs));
    await this.grpc.push(bytes, { session, name: 'a' });
    const [file, ...others] = (await filesIn(blobs)).filter((path) => !before.has(path));
    if (file === undefined || others.length > 0) throw new Error(`a push made ${others.length + 1} files`);
    return { bytes, file, session };
  }

  async round(round: number): Promise<void> {
    const stored = await this.stored(round);
    const [damage, meeting] = [this.pick(damages), this.pick(meetings)];
    await damages[damage]!(this, stored);
    await meetings[meeting]!(this, stored);
    // Some come at once, and sometimes the service was killed since.
    if (this.chance.happens(0.15)) {
      this.count('kills');
      await this.use(await this.service.again());
    }
    const chosen = Array.from({ length: this.chance.between(1, 3) }, () => this.pick(ways));
    const sessions = chosen.map((_way, at) => `again-${round}-${at}`);
    const what = `round ${round}, ${stored.bytes.length} bytes, ${damage}, met by ${meeting}, ${chosen.join(' and ')}`;
    const pushAll = () => Promise.all(chosen.map((way, at) => ways[way]!(this, stored, sessions[at]!)));
    const readers = [[stored.session, 'a'], ...sessions.map((session) => [session, 'b'])] as const;
    try {
      await pushAll();
      // A large content is sent by its digest first, which reads nothing: the next read may be who meets the damage.
      if (stored.bytes.length > contentFirstBytesMax && !(await this.read(stored, stored.session, 'a'))) {
        this.count('damage that nobody had met');
        await pushAll();
      }
    } catch (error) {
      this.report.faults.push(`${what}: a push was refused: ${String(error)}`);
      return;
    }
    for (const [session, name] of readers)
      if (!(await this.read(stored, session!, name!)))
        this.report.faults.push(`${what}: ${session}/${name} cannot be read after it`);
  }

  private pick(from: Readonly<Record<string, unknown>>): string {
    const name = this.chance.pick(Object.keys(from));
    this.count(name);
    return name;
  }
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Damages and pushes so many contents, and checks the whole store at the end. */
export async function damageAndPush(rounds: number, seed: number): Promise<DamageReport> {
  const rig = new DamageRig(new Chance(seed));
  await rig.use(await startService('damage'));
  try {
    for (let round = 0; round < rounds && rig.report.faults.length === 0; round++) await rig.round(round);
    const code = await rig.command('fsck', '--contents');
    if (code !== 0) rig.report.faults.push(`fsck --contents ended with ${code}`);
  } finally {
    await rig.close();
    await rig.service[Symbol.asyncDispose]();
  }
  return rig.report;
}
