/**
 * Stores of release 0.1, whose content types are listed with their parameters, are opened by servers that die in the
 * middle of writing these rows anew: before a slice is written, while it never comes to that, and when it was. The last
 * one serves, and then every artifact is found by its type, removals leave nothing, and the index agrees with itself.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDiskBlobs } from '../../../src/blobs/disk.ts';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import { removeDirectory } from '../../support/directories.ts';
import { asRelease01, fillWithTypes, listedTypes } from '../../support/raw-types.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { inspect } from '../at-rest.ts';
import { openConnection } from '../connection.ts';
import type { Failpoint } from '../failpoints.ts';
import { Chance } from '../seeded.ts';
import { ServerProcess } from '../server-process.ts';

interface TypesOptions {
  readonly stores: number;
  /** In each store; half of them with parameters. */
  readonly artifacts: number;
  /** At most so many servers die on a store before one may serve. */
  readonly kills: number;
  readonly seed: number;
}

interface TypesReport {
  readonly faults: string[];
  readonly said: string;
  readonly kills: number;
  /** After which there were rows of both kinds. */
  readonly killsBetween: number;
}

const steps: readonly Failpoint[] = ['batch.before', 'batch.stalled', 'batch.after'];
const inlineBytesMax = 2_048;

export async function killWhileTypesAreWritten(options: TypesOptions): Promise<TypesReport> {
  const chance = new Chance(options.seed);
  const faults: string[] = [];
  let kills = 0;
  let killsBetween = 0;
  for (let store = 0; store < options.stores && faults.length === 0; store++) {
    const home = await mkdtemp(join(tmpdir(), 'artifacta-types-'));
    try {
      const rig = new TypesRig(home, options.artifacts, faults);
      await rig.fill();
      for (let at = 0; at < options.kills && (await rig.die(chance)); at++) {
        kills++;
        if (await rig.isBetween()) killsBetween++;
      }
      await rig.serve();
    } finally {
      removeDirectory(home);
    }
  }
  const said = `${options.stores} stores of ${options.artifacts}, ${kills} kills, ${killsBetween} of them between the first row and the last`;
  return { faults, said, kills, killsBetween };
}

class TypesRig {
  private readonly home: string;
  private readonly dataDir: string;
  private readonly types: readonly string[];
  private readonly faults: string[];

  constructor(home: string, artifacts: number, faults: string[]) {
    this.home = home;
    this.dataDir = join(home, 'data');
    this.types = Array.from({ length: artifacts }, (_, at) =>
      at % 2 === 0 ? `application/json; n=${at}` : 'application/json',
    );
    this.faults = faults;
  }

  private openIndex() {
    const directory = join(this.dataDir, 'index');
    return openLevelIndex({ directory, markPath: `${directory}.mark` });
  }

  async fill(): Promise<void> {
    const index = await this.openIndex();
    const blobs = await openDiskBlobs({ root: this.dataDir });
    await using store = await openCheckedStore({ index, blobs, inlineBytesMax, reserveBytes: 0 });
    await fillWithTypes(store, this.types);
    await asRelease01(index);
  }

  private start(armed?: { readonly step: Failpoint; readonly occurrence: number }): ServerProcess {
    return new ServerProcess({ dataDir: this.dataDir, inlineBytesMax, armed }, join(this.home, 'cache'));
  }

  /** Starts a server that dies at one of its first batches. @returns false if it served instead. */
  async die(chance: Chance): Promise<boolean> {
    const armed = { step: chance.pick(steps), occurrence: chance.between(1, 3) };
    await using server = this.start(armed);
    if ((await server.whenReady()) !== undefined) return false;
    const ending = await server.whenEnded();
    if (ending !== 'failpoint') this.faults.push(`a start ended with ${ending}: ${server.stderr}`);
    return true;
  }

  async isBetween(): Promise<boolean> {
    await using index = await this.openIndex();
    const listed = await listedTypes(index);
    const plain = this.types.filter((type) => !type.includes(';')).length;
    const now = listed['application/json'] ?? 0;
    return now > plain && now < this.types.length;
  }

  async serve(): Promise<void> {
    {
      await using server = this.start();
      const ready = await server.whenReady();
      if (ready === undefined) {
        this.faults.push(`the last start did not serve: ${server.stderr}`);
        return;
      }
      await using connection = await openConnection(ready.address);
      await this.ask(connection.artifacts);
      await server.stop();
    }
    this.faults.push(...(await inspect(this.dataDir)).faults);
    await using index = await this.openIndex();
    const left = Object.keys(await listedTypes(index)).filter((type) => type.includes(';'));
    if (left.length > 0) this.faults.push(`${left.length} types are listed with parameters, e.g. ${left[0]}`);
  }

  /** Every artifact is found; one that is superseded and one that is deleted are not. */
  private async ask(artifacts: Awaited<ReturnType<typeof openConnection>>['artifacts']): Promise<void> {
    const data = Buffer.from('another');
    const named = (name: string) => ({ by: { case: 'name', value: { session: 's', name } } }) as const;
    const spec = { session: 's', name: 'n0', contentType: 'text/plain' };
    await artifacts.createArtifact({ spec, content: { case: 'data', value: data } });
    await artifacts.deleteArtifact({ artifact: named('n2') });
    const names = new Set<string>();
    let pageToken = '';
    do {
      const filter = 'content_type = application/json';
      const page = await artifacts.listArtifacts({ filter, pageSize: 1_000, pageToken });
      for (const { name } of page.artifacts) names.add(name);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    const expected = this.types.length - 2;
    if (names.size !== expected || names.has('n0') || names.has('n2'))
      this.faults.push(`${names.size} artifacts are found by their type, and there are ${expected}`);
  }
}
