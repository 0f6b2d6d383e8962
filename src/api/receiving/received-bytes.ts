/**
 * The bytes of requests that have arrived and are not processed yet, on all connections: pieces of messages that are
 * not complete, and bytes that wait to be read. Each stream may bring 4 MiB ahead, on hundreds of thousands of streams.
 * So the service does two things:
 *
 * - While the number is large, a payer with more than an equal share is read from on one connection at a time. That
 *   connection loses a request if it makes no progress.
 * - When the number is too large, the payer with the most bytes loses the request with the most bytes.
 *
 * The reasons are in docs/decisions/0045-received-bytes.md.
 */
import type { ConnectError } from '@connectrpc/connect';
import { limits } from '../../domain/limits.ts';
import { nameOfPayer, type Payer } from '../../domain/principal.ts';
import { addressPayer } from '../../identity/authentication.ts';
import { toConnectError } from '../errors.ts';
import { overloaded } from '../sending/unsent-answer.ts';
import type { After } from '../timer.ts';
import { type Bringer, type Connection, type Ledger, ReceivedRequest } from './received-request.ts';

interface ReceivedOptions {
  readonly after: After;
  /**
   * Runs a task when the bytes that are being received have been handed over. Node must not be asked to end a stream
   * before that: it would call its library for HTTP/2 again, which is not made for that (nodejs/node#39076). Default:
   * runs it at once.
   */
  readonly later?: (task: () => void) => void;
  /** Gets the number of bytes that nothing will process. Default: does nothing. */
  readonly onDropped?: (bytes: number) => void;
  /** The limit of all connections together. Default: as usual. */
  readonly bytesMax?: number;
  /** Up to this number of bytes, no connection is slowed. Default: as usual. */
  readonly bytesFree?: number;
  /** Up to this number of bytes of one connection, it is always read from. Default: as usual. */
  readonly connectionBytesFree?: number;
}

/** The time between checks whether the connections whose turn it is make progress, in milliseconds. */
const lookMs = 250;
/** The number of checks in a row in which a connection may bring nothing: two seconds. */
const idleLooksMax = 8;
/** The number of checks in which nothing may be processed of a connection that brings something: ten seconds. */
const looksMax = 40;
/** After this number of processed bytes, the service decides again which connections may go on. */
const bytesPerResumption = 1024 * 1024;

/** The bytes of the connections of one payer. */
interface Brought {
  readonly group: string;
  readonly connections: Connection[];
  bytes: number;
}

/** Counts the received bytes on all transports. */
export class ReceivedBytes implements Ledger {
  private readonly after: After;
  private readonly later: (task: () => void) => void;
  private readonly onDropped: (bytes: number) => void;
  private readonly bytesMax: number;
  private readonly bytesFree: number;
  private readonly connectionBytesFree: number;
  private readonly connections = new Map<object, Connection>();
  private readonly stopped = new Set<Connection>();
  /** For each payer with more than its share, the connection that is still read from. */
  private readonly goingOn = new Map<string, Connection>();
  private isLooking = false;
  private dealtWith = 0;
  private all = 0;
  private most = 0;
  private ended = 0;

  constructor({
    after,
    later = (task) => task(),
    onDropped = () => undefined,
    bytesMax = limits.receivedBytesMax,
    bytesFree = limits.receivedBytesFree,
    connectionBytesFree = limits.connectionReceivedBytesFree,
  }: ReceivedOptions) {
    this.after = after;
    this.later = later;
    this.onDropped = onDropped;
    this.bytesMax = bytesMax;
    this.bytesFree = bytesFree;
    this.connectionBytesFree = connectionBytesFree;
  }

  /** The number of bytes that have arrived and are not processed. */
  get bytes(): number {
    return this.all;
  }

  /** Whether more bytes have arrived than connections may bring at full speed. */
  get isPressed(): boolean {
    return this.all > this.bytesFree;
  }

  /** The highest value of {@link bytes} so far. */
  get bytesPeak(): number {
    return this.most;
  }

  /** The number of requests ended so far to make room for others. */
  get endedCount(): number {
    return this.ended;
  }

  /** The number of connections that are not read from. */
  get stoppedCount(): number {
    return this.stopped.size;
  }

  /**
   * Begins a request whose body is to come. The caller must close it.
   *
   * @param connection the connection of the request, the same object for all its requests; it must be forgotten when it
   * is closed.
   * @param refuse tells the client that its request has lost its room, and drops the bytes that have arrived.
   */
  open(connection: object, bringer: () => Bringer, refuse: (error: ConnectError) => void): ReceivedRequest {
    let found = this.connections.get(connection);
    if (found === undefined) {
      found = {
        bringer: bringer(),
        requests: new Set(),
        bytes: 0,
        isStopped: false,
        stops: 0,
        arrivedBytes: 0,
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

  /** Forgets a connection that is closed, and its requests. */
  forget(connection: object): void {
    const found = this.connections.get(connection);
    if (found === undefined) return;
    for (const request of [...found.requests]) request.close();
    this.connections.delete(connection);
    this.stopped.delete(found);
    if (this.endTurn(found)) this.resume();
  }

  /** For {@link ReceivedRequest}: changes the count by the bytes that have arrived or, if negative, are gone. */
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
    connection.arrivedBytes += bytes;
    if (connection.isStopped) {
      // Node reads again after a write.
      connection.bringer.stop();
      return;
    }
    if (this.all <= this.bytesFree) return;
    if (connection.bytes <= this.connectionBytesFree) return;
    if (connection.turnOf !== undefined) {
      // The complete messages of it can be processed meanwhile.
      if (this.all > (this.bytesFree + this.bytesMax) / 2) this.stop(connection);
      return;
    }
    const payers = this.payers();
    const name = nameOfPayer(payerOf(connection));
    if ((payers.get(name)?.bytes ?? 0) <= this.bytesFree / payers.size) return;
    if (this.goingOn.has(name)) this.stop(connection);
    else this.letGoOn(name, connection);
  }

  private stop(connection: Connection): void {
    connection.isStopped = true;
    connection.stops++;
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

  /**
   * Reads again from the payers that have no more than their share, and from one connection of each other payer: the
   * fullest.
   */
  private resume(): void {
    const isFree = this.all <= this.bytesFree;
    if (isFree) for (const connection of this.goingOn.values()) this.endTurn(connection);
    const payers = this.payers();
    for (const connection of [...this.stopped].sort((a, b) => b.bytes - a.bytes)) {
      const name = nameOfPayer(payerOf(connection));
      const isOver = !isFree && (payers.get(name)?.bytes ?? 0) > this.bytesFree / payers.size;
      if (isOver && this.goingOn.has(name)) continue;
      if (isOver) this.letGoOn(name, connection);
      this.stopped.delete(connection);
      connection.isStopped = false;
      connection.stops++;
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

  /** @returns true if it was this connection's turn for its payer. */
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

  /** Ends a request that others wait for and that makes no progress. */
  private look(connection: Connection): void {
    connection.looks++;
    connection.idleLooks = connection.broughtBytes > 0 ? 0 : connection.idleLooks + 1;
    connection.broughtBytes = 0;
    if (connection.idleLooks < idleLooksMax && connection.looks < looksMax) return;
    this.endTurn(connection);
    // If no connection waits, none needs its room.
    const victim = this.stopped.size > 0 ? largest(connection.requests) : undefined;
    if (victim !== undefined) this.end(victim);
  }

  /** Ends requests of the payers with the most bytes. */
  private makeRoom(): void {
    while (this.all > this.bytesMax) {
      const victim = largestRequest(this.payers());
      if (victim === undefined) return;
      this.end(victim);
    }
  }

  private end(victim: ReceivedRequest): void {
    this.ended++;
    this.onDropped(victim.bytes);
    victim.close();
    const why = 'this request was ended to free memory for other callers; try again in a moment';
    this.later(() => victim.refuse(toConnectError(overloaded(why))));
  }

  private payers(): Map<string, Brought> {
    const payers = new Map<string, Brought>();
    for (const connection of this.connections.values()) {
      if (connection.bytes === 0) continue;
      const payer = payerOf(connection);
      const name = nameOfPayer(payer);
      const brought = payers.get(name) ?? { group: payer.group, connections: [], bytes: 0 };
      brought.connections.push(connection);
      brought.bytes += connection.bytes;
      payers.set(name, brought);
    }
    return payers;
  }
}

function payerOf({ bringer }: Connection): Payer {
  return bringer.payer() ?? addressPayer(bringer.address);
}

/** Returns the largest request on the fullest connection of the largest payer in the largest group. */
function largestRequest(payers: ReadonlyMap<string, Brought>): ReceivedRequest | undefined {
  const groups = new Map<string, { bytes: number; largest: Brought }>();
  for (const brought of payers.values()) {
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
