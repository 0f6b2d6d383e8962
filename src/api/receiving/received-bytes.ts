/**
 * What has come of requests and nobody has dealt with yet, on all connections: pieces of messages that are not
 * complete, and what waits to be read. Each stream may bring 4 MiB ahead, on hundreds of thousands of streams. So while
 * it is much, whoever has more than an equal share is read from on one connection at a time, which loses a request if it
 * gets no further; and when it is too much, whoever has most loses the request that has most. Why so: docs/decisions/0045-received-bytes.md.
 */
import type { ConnectError } from '@connectrpc/connect';
import { limits } from '../../domain/limits.ts';
import { type Holder, nameOfHolder } from '../../domain/principal.ts';
import { addressHolder } from '../../identity/authentication.ts';
import { toConnectError } from '../errors.ts';
import { overloaded } from '../sending/unsent-answer.ts';
import type { After } from '../timer.ts';

/** A connection, as far as what comes by it is concerned. */
export interface Bringer {
  /** Undefined: this machine. */
  readonly address: string | undefined;
  /** Who calls on it; undefined if that is not known. */
  readonly holder: () => Holder | undefined;
  /** Reads no more from it, until `goOn` is called. */
  readonly stop: () => void;
  readonly goOn: () => void;
}

interface ReceivedOptions {
  readonly after: After;
  /** Told of bytes that nobody will deal with. Default: nothing is done. */
  readonly onDropped?: (bytes: number) => void;
  /** Of all connections together. Default: as usual. */
  readonly bytesMax?: number;
  /** Up to so many nobody is slowed. Default: as usual. */
  readonly bytesFree?: number;
  /** Up to so many of one connection it is always read from. Default: as usual. */
  readonly connectionBytesFree?: number;
}

/** How often it is looked whether those who go on get any further, in milliseconds. */
const lookMs = 250;
/** So often in turn one may bring nothing: two seconds. */
const idleLooksMax = 8;
/** So often nothing may be dealt with of one that brings something: ten seconds. */
const looksMax = 40;
/** After so many bytes were dealt with, it is looked who may go on. */
const bytesPerResumption = 1024 * 1024;

/** One connection: what has come by it. */
interface Connection {
  readonly bringer: Bringer;
  readonly requests: Set<ReceivedRequest>;
  bytes: number;
  isStopped: boolean;
  /** While it is the one of its holder that goes on: bytes that have come since the last look, and looks in all. */
  broughtBytes: number;
  looks: number;
  /** The last ones, since which nothing has come. */
  idleLooks: number;
  /** The name of that holder. */
  turnOf: string | undefined;
}

/** What the connections of one holder have brought. */
interface Brought {
  readonly group: string;
  readonly connections: Connection[];
  bytes: number;
}

/** Counts it, on all doors. */
export class ReceivedBytes {
  private readonly after: After;
  private readonly onDropped: (bytes: number) => void;
  private readonly bytesMax: number;
  private readonly bytesFree: number;
  private readonly connectionBytesFree: number;
  private readonly connections = new Map<object, Connection>();
  private readonly stopped = new Set<Connection>();
  /** Of each holder that has more than its share, the connection that is read from all the same. */
  private readonly goingOn = new Map<string, Connection>();
  private isLooking = false;
  private dealtWith = 0;
  private all = 0;
  private most = 0;
  private ended = 0;

  constructor({
    after,
    onDropped = () => undefined,
    bytesMax = limits.receivedBytesMax,
    bytesFree = limits.receivedBytesFree,
    connectionBytesFree = limits.connectionReceivedBytesFree,
  }: ReceivedOptions) {
    this.after = after;
    this.onDropped = onDropped;
    this.bytesMax = bytesMax;
    this.bytesFree = bytesFree;
    this.connectionBytesFree = connectionBytesFree;
  }

  /** That have come and are not dealt with. */
  get bytes(): number {
    return this.all;
  }

  /** The most that {@link bytes} has been. */
  get bytesPeak(): number {
    return this.most;
  }

  /** Requests that were ended for the room of others, ever. */
  get endedCount(): number {
    return this.ended;
  }

  /** Connections that are not read from. */
  get stoppedCount(): number {
    return this.stopped.size;
  }

  /**
   * A request whose body is to come. It must be closed.
   *
   * @param connection by which it comes, the same object for all of them; it must be forgotten when it is closed.
   * @param refuse tells the client that its request has lost its room, and drops what has come.
   */
  open(connection: object, bringer: () => Bringer, refuse: (error: ConnectError) => void): ReceivedRequest {
    let found = this.connections.get(connection);
    if (found === undefined) {
      found = {
        bringer: bringer(),
        requests: new Set(),
        bytes: 0,
        isStopped: false,
        broughtBytes: 0,
        looks: 0,
        idleLooks: 0,
        turnOf: undefined,
      };
      this.connections.set(connection, found);
    }
    const request = new ReceivedRequest(this, found, refuse);
    found.requests.add(request);
    return request;
  }

  /** The connection is closed, and its requests with it. */
  forget(connection: object): void {
    const found = this.connections.get(connection);
    if (found === undefined) return;
    for (const request of [...found.requests]) request.close();
    this.connections.delete(connection);
    this.stopped.delete(found);
    if (this.endTurn(found)) this.resume();
  }

  /** For {@link ReceivedRequest}: so much more has come, or less is left. */
  charge(connection: Connection, bytes: number): void {
    connection.bytes += bytes;
    this.all += bytes;
    if (bytes > 0) this.hasCome(connection, bytes);
    else if (this.stopped.size > 0) this.isDealtWith(connection, -bytes);
  }

  private hasCome(connection: Connection, bytes: number): void {
    if (this.all > this.bytesMax) this.makeRoom();
    this.most = Math.max(this.most, this.all);
    connection.broughtBytes += bytes;
    if (this.all <= this.bytesFree || connection.isStopped) return;
    if (connection.bytes <= this.connectionBytesFree) return;
    if (connection.turnOf !== undefined) {
      // What is complete of it can be dealt with meanwhile.
      if (this.all > (this.bytesFree + this.bytesMax) / 2) this.stop(connection);
      return;
    }
    const holders = this.holders();
    const name = nameOfHolder(holderOf(connection));
    if ((holders.get(name)?.bytes ?? 0) <= this.bytesFree / holders.size) return;
    if (this.goingOn.has(name)) this.stop(connection);
    else this.letGoOn(name, connection);
  }

  private stop(connection: Connection): void {
    connection.isStopped = true;
    this.stopped.add(connection);
    connection.bringer.stop();
    this.lookLater();
  }

  private isDealtWith(connection: Connection, bytes: number): void {
    this.dealtWith += bytes;
    const isTurnOver = this.endTurn(connection);
    if (!isTurnOver && this.all > this.bytesFree && this.dealtWith < bytesPerResumption) return;
    this.dealtWith = 0;
    this.resume();
  }

  /** Reads again from those who have no more than their share, and from one connection of each who has more: the fullest. */
  private resume(): void {
    const isFree = this.all <= this.bytesFree;
    if (isFree) for (const connection of this.goingOn.values()) this.endTurn(connection);
    const holders = this.holders();
    for (const connection of [...this.stopped].sort((a, b) => b.bytes - a.bytes)) {
      const name = nameOfHolder(holderOf(connection));
      const isOver = !isFree && (holders.get(name)?.bytes ?? 0) > this.bytesFree / holders.size;
      if (isOver && this.goingOn.has(name)) continue;
      if (isOver) this.letGoOn(name, connection);
      this.stopped.delete(connection);
      connection.isStopped = false;
      connection.bringer.goOn();
    }
  }

  private letGoOn(name: string, connection: Connection): void {
    this.goingOn.set(name, connection);
    connection.turnOf = name;
    connection.broughtBytes = 0;
    connection.looks = 0;
    connection.idleLooks = 0;
  }

  /** @returns whether it was going on for its holder. */
  private endTurn(connection: Connection): boolean {
    const { turnOf } = connection;
    connection.turnOf = undefined;
    return turnOf !== undefined && this.goingOn.delete(turnOf);
  }

  private lookLater(): void {
    if (this.isLooking) return;
    this.isLooking = true;
    this.after(lookMs, () => {
      this.isLooking = false;
      for (const connection of [...this.goingOn.values()]) this.look(connection);
      this.resume();
      if (this.stopped.size > 0) this.lookLater();
    });
  }

  /** Ends a request that the others wait for and that gets no further. */
  private look(connection: Connection): void {
    connection.looks++;
    connection.idleLooks = connection.broughtBytes > 0 ? 0 : connection.idleLooks + 1;
    connection.broughtBytes = 0;
    if (connection.idleLooks < idleLooksMax && connection.looks < looksMax) return;
    this.endTurn(connection);
    // Where nobody waits, nobody needs its room.
    const victim = this.stopped.size > 0 ? largest(connection.requests) : undefined;
    if (victim !== undefined) this.end(victim);
  }

  /** Ends requests of those who have most. */
  private makeRoom(): void {
    while (this.all > this.bytesMax) {
      const victim = largestRequest(this.holders());
      if (victim === undefined) return;
      this.end(victim);
    }
  }

  private end(victim: ReceivedRequest): void {
    this.ended++;
    this.onDropped(victim.bytes);
    victim.end(toConnectError(overloaded('others need the room of this request')));
  }

  private holders(): Map<string, Brought> {
    const holders = new Map<string, Brought>();
    for (const connection of this.connections.values()) {
      if (connection.bytes === 0) continue;
      const holder = holderOf(connection);
      const name = nameOfHolder(holder);
      const brought = holders.get(name) ?? { group: holder.group, connections: [], bytes: 0 };
      brought.connections.push(connection);
      brought.bytes += connection.bytes;
      holders.set(name, brought);
    }
    return holders;
  }
}

/** One request, from its head to the end of its call. */
export class ReceivedRequest {
  /** Tells the client that it has lost its room, and drops what has come. Whoever goes on to read the body replaces it. */
  refuse: (error: ConnectError) => void;
  private readonly owner: ReceivedBytes;
  private readonly connection: Connection;
  private held = 0;
  private isClosed = false;

  constructor(owner: ReceivedBytes, connection: Connection, refuse: (error: ConnectError) => void) {
    this.owner = owner;
    this.connection = connection;
    this.refuse = refuse;
  }

  /** That have come and are not dealt with. */
  get bytes(): number {
    return this.held;
  }

  /** So much more has come. */
  take(bytes: number): void {
    if (this.isClosed || bytes === 0) return;
    this.held += bytes;
    this.owner.charge(this.connection, bytes);
  }

  /** So much is dealt with, or counted by somebody else from now on. */
  give(bytes: number): void {
    const given = Math.min(bytes, this.held);
    if (given === 0) return;
    this.held -= given;
    this.owner.charge(this.connection, -given);
  }

  /** Nothing of it is kept any more, and what still comes is dropped. Idempotent. */
  close(): void {
    this.isClosed = true;
    this.connection.requests.delete(this);
    this.give(this.held);
  }

  /** For {@link ReceivedBytes}. */
  end(error: ConnectError): void {
    this.close();
    this.refuse(error);
  }
}

function holderOf({ bringer }: Connection): Holder {
  return bringer.holder() ?? addressHolder(bringer.address);
}

/** Of the largest group, of its largest holder, on that one's fullest connection. */
function largestRequest(holders: ReadonlyMap<string, Brought>): ReceivedRequest | undefined {
  const groups = new Map<string, { bytes: number; largest: Brought }>();
  for (const brought of holders.values()) {
    const group = groups.get(brought.group) ?? { bytes: 0, largest: brought };
    group.bytes += brought.bytes;
    if (brought.bytes > group.largest.bytes) group.largest = brought;
    groups.set(brought.group, group);
  }
  const connection = largest(largest(groups.values())?.largest.connections ?? []);
  return largest(connection?.requests ?? []);
}

function largest<T extends { readonly bytes: number }>(parts: Iterable<T>): T | undefined {
  let most: T | undefined;
  for (const part of parts) if (most === undefined || part.bytes > most.bytes) most = part;
  return most;
}
