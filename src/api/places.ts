/**
 * The places for connections of one listener. Whoever is alone may have all. Where there is none left for one more, a
 * connection gives way: of whoever has more than a share, else one that brings nothing or too little. Why so:
 * `docs/decisions/0029-shares.md`.
 */
import type { ConnectError } from '@connectrpc/connect';
import { limits } from '../domain/limits.ts';
import type { Holder } from '../domain/principal.ts';
import { Shares } from '../domain/shares.ts';
import { addressHolder } from '../identity/authentication.ts';
import { toConnectError } from './errors.ts';
import { overloaded } from './sending/unsent-answer.ts';
import type { After } from './timer.ts';

/** What a place needs of its connection. */
interface Peer {
  /** Undefined: this machine. */
  readonly address: string | undefined;
  /** That have come of it, ever. */
  readonly bytesRead: number;
  /** Closes it at once. @param error said before, if there is one and nothing else is being said. */
  readonly close: (error?: ConnectError) => void;
}

/** A call on a connection, as its place knows it. */
export interface PlacedCall {
  /** Whether all of its request has come. */
  readonly isWhole: () => boolean;
  /** Ends it, with the error if its answer has not begun. */
  readonly refuse: (error: ConnectError) => void;
}

interface PlacesOptions {
  readonly connectionsMax: number;
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
  readonly after: After;
}

/** Connections to a door, and to that for probes. */
export const usualPlaces = { door: limits.connectionsMax, adminDoor: limits.adminConnectionsMax };

/** How long the errors of calls have to leave before their connection is closed, in milliseconds; and for how many at once. */
const lingerMs = 250;
const lingeringMax = 64;

/** The places of one listener, and who has them. */
export class Places {
  private readonly options: PlacesOptions;
  private readonly taken = new Shares<Place>();
  private lingering = 0;
  private ended = 0;

  constructor(options: PlacesOptions) {
    this.options = options;
  }

  /** Places that are taken. */
  get size(): number {
    return this.taken.size;
  }

  /** Connections that were ended for others, or found no place, ever. */
  get endedCount(): number {
    return this.ended;
  }

  /** A place for a connection that has come, which must be left when that is closed. Undefined: it was closed at once. */
  enter(peer: Peer): Place | undefined {
    const now = this.options.elapsed();
    const holder = addressHolder(peer.address);
    if (this.taken.size >= this.options.connectionsMax) {
      const victim = this.victim(holder, now);
      if (victim === undefined) {
        this.ended++;
        peer.close(crowded());
        return undefined;
      }
      this.end(victim);
    }
    const place = new Place(this, peer, holder, now);
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

  /** For {@link Place}: it is to be counted by another holder, or has become one that brings nothing. */
  recount(place: Place, change: () => void): void {
    const isTaken = this.taken.delete(place);
    change();
    if (isTaken) this.taken.add(place);
  }

  private victim(asking: Holder, now: number): Place | undefined {
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
  /** At first the address; then the latest credentials that a call on it was made with. */
  holder: Holder;
  /** Whether it is known who makes calls on it; guests are known where they need no credentials. */
  isKnown = false;
  /** Since when it is what it is: silent, or busy. */
  sinceMs: number;
  readonly calls = new Set<PlacedCall>();
  private readonly owner: Places;
  private bytesBefore = 0;

  constructor(owner: Places, peer: Peer, holder: Holder, sinceMs: number) {
    this.owner = owner;
    this.peer = peer;
    this.holder = holder;
    this.sinceMs = sinceMs;
  }

  /** Nothing is asked for on it, or nobody knows by whom. */
  get isSilent(): boolean {
    return this.calls.size === 0 || !this.isKnown;
  }

  /** Whether anything has come since. */
  get hasBrought(): boolean {
    return this.peer.bytesRead > this.bytesBefore;
  }

  /** Bytes a second that came while requests were awaited; undefined if that is not what it waits for, or since a moment. */
  trickle(now: number): number | undefined {
    const seconds = (now - this.sinceMs) / 1000;
    if (seconds <= limits.uploadRateSecondsGrace) return undefined;
    for (const call of this.calls) if (call.isWhole()) return undefined;
    const rate = (this.peer.bytesRead - this.bytesBefore) / seconds;
    return rate < limits.connectionRateBytesMin ? rate : undefined;
  }

  /** A call has begun on it. @returns what ends it. */
  begin(call: PlacedCall): () => void {
    if (this.calls.size === 0) this.turn();
    this.calls.add(call);
    return () => {
      if (this.calls.delete(call) && this.calls.size === 0) this.owner.recount(this, () => this.turn());
    };
  }

  /** Says who makes calls on it. */
  hold(holder: Holder): void {
    this.isKnown = true;
    if (holder.group === this.holder.group && holder.name === this.holder.name) return;
    this.owner.recount(this, () => {
      this.holder = holder;
    });
  }

  /** Its connection is closed. */
  leave(): void {
    this.owner.leave(this);
  }

  private turn(): void {
    this.sinceMs = this.owner.elapsed();
    this.bytesBefore = this.peer.bytesRead;
  }
}

/** The one that is silent for longest, else the one that brings least; undefined: all of them do what they should. */
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
  return toConnectError(overloaded('there are too many connections, and others need the place of this one'));
}
