/** Replicas over one PostgreSQL and one fake bucket, with a proxy before everything that one of them talks to. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeAddress } from '../../../scripts/free-port.ts';
import { connect } from '../../../src/client/client.ts';
import { removeDirectory } from '../../support/directories.ts';
import { PostgresServer } from '../../support/postgres.ts';
import { BucketProcess } from '../bucket/bucket-process.ts';
import { Breakable } from './breakable.ts';
import { Replica } from './replica.ts';

/** After this, others take over what a silent replica owned. */
export const leaseMs = 2_000;

/** Small contents are in the index, and others in the bucket. */
const stored = ['--blobs', 'gs://bucket/store', '--inline-bytes-max', '2048'];

/** A replica, and what stands between it and the others. */
export interface Member {
  readonly replica: Replica;
  /** Before the database. */
  readonly database: Breakable;
  /** Before the listener for other replicas. */
  readonly peers: Breakable;
}

export class Cluster implements AsyncDisposable {
  readonly members: readonly Member[];
  /** The secret of an operator's key. */
  operator = '';
  /** The bucket, past the replicas. */
  readonly bucket: {
    readonly address: { readonly bucket: string; readonly prefix: string };
    readonly endpoint: string;
  };
  private readonly ends: AsyncDisposableStack;

  private constructor(members: readonly Member[], endpoint: string, ends: AsyncDisposableStack) {
    this.members = members;
    this.bucket = { address: { bucket: 'bucket', prefix: 'store' }, endpoint };
    this.ends = ends;
  }

  get replicas(): readonly Replica[] {
    return this.members.map(({ replica }) => replica);
  }

  /** Starts so many replicas on an empty store. One alone is no replica, and has the store for itself. */
  static async start(size: number): Promise<Cluster> {
    await using stack = new AsyncDisposableStack();
    const home = await mkdtemp(join(tmpdir(), 'artifacta-replicas-'));
    stack.defer(() => removeDirectory(home));
    // What a failure of the machine would lose is not looked at here.
    const postgres = stack.use(await PostgresServer.start(['fsync=off']));
    const bucket = stack.use(await BucketProcess.start());
    const secret = join(home, 'secret');
    await writeFile(secret, randomBytes(32).toString('hex'), { mode: 0o600 });
    const members: Member[] = [];
    for (let number = 1; number <= size; number++) {
      const listener = await freeAddress();
      const database = stack.use(await Breakable.before(postgres.address));
      const peers = stack.use(await Breakable.before(listener));
      const index = `${postgres.urlAt(database.address)}?schema=store`;
      const asReplica = [
        ...['--replica-listen', listener, '--replica-address', peers.address],
        ...['--replica-secret-file', secret, '--replica-lease-seconds', `${leaseMs / 1_000}`],
      ];
      const name = `r${number}`;
      const replica = new Replica({
        name,
        home: join(home, name),
        args: [...stored, '--index', index, ...(size === 1 ? [] : asReplica)],
        variables: { STORAGE_EMULATOR_HOST: bucket.endpoint, XDG_CACHE_HOME: join(home, 'cache') },
      });
      members.push({ replica: stack.use(replica), database, peers });
    }
    const cluster = new Cluster(members, bucket.endpoint, stack.move());
    await Promise.all(cluster.replicas.map((replica) => replica.start()));
    cluster.operator = await cluster.operatorKey();
    return cluster;
  }

  /** Puts everything right that is between processes. */
  mend(): void {
    for (const { database, peers } of this.members) {
      database.mend();
      peers.mend();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mend();
    await this.ends.disposeAsync();
  }

  private async operatorKey(): Promise<string> {
    await using client = await connect(`unix:${this.replicas[0]!.addresses!.socket}`);
    const { secret } = await client.access.createKey({ operator: true });
    return secret;
  }
}
