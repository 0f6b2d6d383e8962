/** All connections of this process to one database. */
import { Connection } from './connection.ts';
import { DatabaseTrouble } from './troubles.ts';

/** The code of a server that takes no further connection, but has those that exist. */
const noneLeft = '53300';

/** See the head of this file. */
export class Connections {
  private readonly url: string;
  private readonly open = new Set<Connection>();
  private abandonedFor: DatabaseTrouble | undefined;
  private isAnswering = true;

  /** @param url such as `postgres://user:password@host:5432/database`. */
  constructor(url: string) {
    this.url = url;
  }

  /** False if the last attempt to make a connection has failed: then nothing can be read either. */
  get isReachable(): boolean {
    return this.isAnswering;
  }

  /** Called when the server does not answer on one of them: cuts them all, so that no caller waits for it in vain. */
  leave(silent: DatabaseTrouble): void {
    this.isAnswering = false;
    for (const connection of this.open) connection.cut(silent);
  }

  /** @throws DatabaseTrouble */
  async connect(): Promise<Connection> {
    try {
      const made = await Connection.open(this.url, (begun) => this.note(begun));
      this.isAnswering = true;
      return made;
    } catch (error) {
      if (!(error instanceof DatabaseTrouble && error.code === noneLeft)) this.isAnswering = false;
      throw error;
    }
  }

  private note(begun: Connection): void {
    if (this.abandonedFor !== undefined) {
      begun.cut(this.abandonedFor);
      return;
    }
    this.open.add(begun);
    void begun.ended.then(() => this.open.delete(begun));
  }

  /** Cuts them all, and makes no more. What the server was asked to write, it may write. Idempotent. */
  abandon(): void {
    this.abandonedFor ??= new DatabaseTrouble('the database does not answer, and the index is being closed');
    for (const connection of this.open) connection.cut(this.abandonedFor);
  }
}
