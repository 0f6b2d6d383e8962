/** One request whose body is to come, and the connection that brings it. */
import type { ConnectError } from '@connectrpc/connect';
import { limits } from '../../domain/limits.ts';
import type { Payer } from '../../domain/principal.ts';

/** The connection of requests, as the source of their bytes. */
export interface Bringer {
  /** Undefined: this machine. */
  readonly address: string | undefined;
  /** Returns the caller on it; undefined if unknown. */
  readonly payer: () => Payer | undefined;
  /** Stops the reading from it, until `goOn` is called. */
  readonly stop: () => void;
  readonly goOn: () => void;
}

/** One connection, with the bytes that have arrived on it. */
export interface Connection {
  readonly bringer: Bringer;
  readonly requests: Set<ReceivedRequest>;
  bytes: number;
  isStopped: boolean;
  /** The number of times that it was stopped or went on. */
  stops: number;
  /** The bytes that have ever arrived on it. */
  arrivedBytes: number;
  /** While it is its payer's turn: the bytes that have arrived since the last check, and the number of checks. */
  broughtBytes: number;
  looks: number;
  /** The number of the latest checks in a row that found no new bytes. */
  idleLooks: number;
  /** The name of the payer whose turn it is. */
  turnOf: string | undefined;
}

/** Counts the bytes of all connections. */
export interface Ledger {
  /** Whether memory is short. */
  readonly isPressed: boolean;
  /** Changes the count by the bytes that have arrived or, if negative, are gone. */
  charge(connection: Connection, bytes: number): void;
}

/** One request, from its head to the end of its call. */
export class ReceivedRequest {
  /**
   * Tells the client that it has lost its room, and drops the bytes that have arrived. The reader of the body replaces
   * it.
   */
  refuse: (error: ConnectError) => void;
  private readonly ledger: Ledger;
  private readonly connection: Connection;
  private counted = 0;
  private stopsSeen: number;
  private arrivedSeen: number;
  private isClosed = false;

  constructor(ledger: Ledger, connection: Connection, refuse: (error: ConnectError) => void) {
    this.ledger = ledger;
    this.connection = connection;
    this.refuse = refuse;
    this.stopsSeen = connection.stops;
    this.arrivedSeen = connection.arrivedBytes;
  }

  /** The number of bytes that have arrived and are not processed. */
  get bytes(): number {
    return this.counted;
  }

  /** Whether memory is short: what has arrived should be processed, even if it is only a part of a message. */
  get isPressed(): boolean {
    return this.ledger.isPressed;
  }

  /**
   * Returns true if the client could not be expected to bring anything in the `ms` milliseconds since the last such
   * question: the service stopped reading from the connection meanwhile, or the connection was busy with other requests
   * and brought at least 16 KiB a second for each request on it.
   */
  isExcused(ms: number): boolean {
    const { isStopped, stops, arrivedBytes, requests } = this.connection;
    const wasStopped = isStopped || stops !== this.stopsSeen;
    const expectedBytes = (limits.uploadRateBytesMin * requests.size * ms) / 1000;
    const wasBusy = arrivedBytes - this.arrivedSeen >= expectedBytes;
    this.stopsSeen = stops;
    this.arrivedSeen = arrivedBytes;
    return wasStopped || wasBusy;
  }

  /** Counts this number of bytes that have arrived. */
  take(bytes: number): void {
    if (this.isClosed || bytes === 0) return;
    this.counted += bytes;
    this.ledger.charge(this.connection, bytes);
  }

  /** Stops counting this number of bytes: they are processed, or counted elsewhere from now on. */
  give(bytes: number): void {
    const given = Math.min(bytes, this.counted);
    if (given === 0) return;
    this.counted -= given;
    this.ledger.charge(this.connection, -given);
  }

  /** Ends the count. Nothing of the request is kept, and bytes that still arrive are dropped. Idempotent. */
  close(): void {
    this.isClosed = true;
    this.connection.requests.delete(this);
    this.give(this.counted);
  }
}
