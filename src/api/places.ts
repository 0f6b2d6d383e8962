/**
 * The places for connections of one listener. A payer that is alone may have all of them. If no place is left for one
 * more connection, another connection gives way. It is one of a payer with more than a share, else one that brings
 * nothing or too little. The reasons are in `docs/decisions/0029-shares.md`.
 */
import type { ConnectError } from '@connectrpc/connect';
import { limits } from '../domain/limits.ts';
import { Shares } from '../domain/load/shares.ts';
import type { Payer } from '../domain/principal.ts';
import { addressPayer } from '../identity/authentication.ts';
import { toConnectError } from './errors.ts';
import { overloaded } from './sending/unsent-answer.ts';
import type { After } from './timer.ts';

/** The parts of a connection that its place needs. */
interface Peer {
  /** The address of the client. Undefined: this machine. */
  readonly address: string | undefined;
  /** The number of bytes that have come from the connection in all. */
  readonly bytesRead: number;
  /** Closes the connection at once. @param error sent before, if given and nothing else is being sent. */
  readonly close: (error?: ConnectError) => void;
}

/** The parts of a call on a connection that its place needs. */
export interface PlacedCall {
  /** Whether the whole request has come. */
  readonly isWhole: () => boolean;
  /** Ends the call, with the error if its answer has not begun. */
  readonly refuse: (error: ConnectError) => void;
}

interface PlacesOptions {
  readonly connectionsMax: number;
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
  readonly after: After;
}

/** The number of connections to a listener, and to the listener for probes. */
export const usualPlaces = { listener: limits.connectionsMax, adminListener: limits.adminConnectionsMax };

/**
 * The time that the errors of calls have to leave before their connection is closed, in milliseconds; and the number of
 * connections that wait so at once.
 */
const lingerMs = 250;
const lingeringMax = 64;

/** The places of one listener, and their payers. */
export class Places {
  private readonly options: PlacesOptions;
  private readonly taken = new Shares<Place>();
  private lingering = 0;
  private ended = 0;

  constructor(options: PlacesOptions) {
    this.options = options;
  }

  /** The number of places that are taken. */
  get size(): number {
    return this.taken.size;
  }

  /** The number of connections that were ended in favour of others, or found no place, in all. */
  get endedCount(): number {
    return this.ended;
  }

  /**
   * Returns a place for a connection that has come. The place must be left when the connection is closed. Undefined:
   * the connection was closed at once.
   */
  enter(peer: Peer): Place | undefined {
    const now = this.options.elapsed();
    const payer = addressPayer(peer.address);
    if (this.taken.size >= this.options.connectionsMax) {
      const victim = this.victim(payer, now);
      if (victim === undefined) {
        this.ended++;
        peer.close(crowded());
        return undefined;
      }
      this.end(victim);
    }
    const place = new Place(this, peer, payer, now);
    this.taken.add(place);
    return place;
  }

  /** For {@link Place}. */
  leave(place: Place): void {
    this.taken.delete(place);
  }

  /** For {@link Place}. */
  elapsed(): number {
    return this.options.elapsed();
  }

  /** For {@link Place}: counts it for another payer, or as one that brings nothing now. */
  recount(place: Place, change: () => void): void {
    const isTaken = this.taken.delete(place);
    change();
    if (isTaken) this.taken.add(place);
  }

  private victim(asking: Payer, now: number): Place | undefined {
    const over = this.taken.overShare(asking);
    if (over.size > 0) return idlest(over, now) ?? [...over].at(-1);
    let found: { readonly place: Place; readonly size: number } | undefined;
    for (const uses of this.taken.notUnder(asking)) {
      if (found !== undefined && uses.size < found.size) continue;
      const place = idlest(uses, now);
      if (place === undefined) continue;
      if (found === undefined || uses.size > found.size || place.sinceMs < found.place.sinceMs)
        found = { place, size: uses.size };
    }
    return found?.place;
  }

  private end(place: Place): void {
    this.ended++;
    this.taken.delete(place);
    const { peer, calls } = place;
    const error = crowded();
    if (calls.size === 0) peer.close(place.hasBrought ? error : undefined);
    else if (!place.isKnown || this.lingering >= lingeringMax) peer.close();
    else {
      for (const call of [...calls]) call.refuse(error);
      this.lingering++;
      this.options.after(lingerMs, () => {
        this.lingering--;
        peer.close();
      });
    }
  }
}

/** One connection that has a place. */
export class Place {
  readonly peer: Peer;
  /** At first the address; then the latest credentials of a call on the connection. */
  payer: Payer;
  /** Whether the caller is known. Guests are known if they need no credentials. */
  isKnown = false;
  /** The time since which its state is the present one: silent, or busy. */
  sinceMs: number;
  readonly calls = new Set<PlacedCall>();
  private readonly owner: Places;
  private bytesBefore = 0;

  constructor(owner: Places, peer: Peer, payer: Payer, sinceMs: number) {
    this.owner = owner;
    this.peer = peer;
    this.payer = payer;
    this.sinceMs = sinceMs;
  }

  /** True if the connection has no call, or its caller is not known. */
  get isSilent(): boolean {
    return this.calls.size === 0 || !this.isKnown;
  }

  /** Whether any bytes have come since then. */
  get hasBrought(): boolean {
    return this.peer.bytesRead > this.bytesBefore;
  }

  /**
   * Returns the bytes a second that came while requests were awaited, if they are too few. Undefined if the connection
   * does not wait for a request, or only does so since a moment ago.
   */
  trickle(now: number): number | undefined {
    const seconds = (now - this.sinceMs) / 1000;
    if (seconds <= limits.uploadRateSecondsGrace) return undefined;
    for (const call of this.calls) if (call.isWhole()) return undefined;
    const rate = (this.peer.bytesRead - this.bytesBefore) / seconds;
    return rate < limits.connectionRateBytesMin ? rate : undefined;
  }

  /** Records that a call has begun on the connection. @returns a function that records its end. */
  begin(call: PlacedCall): () => void {
    if (this.calls.size === 0) this.turn();
    this.calls.add(call);
    return () => {
      if (this.calls.delete(call) && this.calls.size === 0) this.owner.recount(this, () => this.turn());
    };
  }

  /** Charges the connection to the payer that makes calls on it. */
  chargeTo(payer: Payer): void {
    this.isKnown = true;
    if (payer.group === this.payer.group && payer.name === this.payer.name) return;
    this.owner.recount(this, () => {
      this.payer = payer;
    });
  }

  /** Leaves the place after its connection was closed. */
  leave(): void {
    this.owner.leave(this);
  }

  private turn(): void {
    this.sinceMs = this.owner.elapsed();
    this.bytesBefore = this.peer.bytesRead;
  }
}

/**
 * Returns the place that is silent for longest, else the place that brings least. Undefined: all of them do what they
 * should.
 */
function idlest(uses: Iterable<Place>, now: number): Place | undefined {
  let slowest: Place | undefined;
  let least = Number.POSITIVE_INFINITY;
  let silent: Place | undefined;
  for (const place of uses) {
    if (place.isSilent) {
      if (silent === undefined || place.sinceMs < silent.sinceMs) silent = place;
    } else if (silent === undefined) {
      const rate = place.trickle(now);
      if (rate === undefined || rate >= least) continue;
      slowest = place;
      least = rate;
    }
  }
  return silent ?? slowest;
}

function crowded(): ConnectError {
  return toConnectError(
    overloaded('this connection was closed, because too many are open; connect again in a moment'),
  );
}
