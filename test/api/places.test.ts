/** The places for connections: who gives way to whom, and that nobody does without need. */
import { describe, expect, it } from 'vitest';
import { type Place, type PlacedCall, Places } from '../../src/api/places.ts';
import { limits } from '../../src/domain/limits.ts';
import { TestTimers } from '../support/timers.ts';

const KiB = 1024;

interface TestPeer {
  readonly address: string;
  bytesRead: number;
  said: string | undefined;
  isClosed: boolean;
  place: Place | undefined;
}

function crowd(connectionsMax: number) {
  const timers = new TestTimers();
  const places = new Places({ connectionsMax, ...timers });
  const enter = (address: string): TestPeer => {
    const peer: TestPeer = { address, bytesRead: 0, said: undefined, isClosed: false, place: undefined };
    peer.place = places.enter({
      address,
      get bytesRead() {
        return peer.bytesRead;
      },
      close: (error) => {
        peer.isClosed = true;
        peer.said = error?.rawMessage;
        peer.place?.leave();
      },
    });
    return peer;
  };
  const enterAll = (address: string, count: number) => Array.from({ length: count }, () => enter(address));
  return { timers, places, enter, enterAll };
}

/** Somebody with that credential asks for something, which is under way. */
function ask(peer: TestPeer, who: string, isWhole = true) {
  const asked = { refused: '' };
  const call: PlacedCall = { isWhole: () => isWhole, refuse: (error) => (asked.refused = error.rawMessage) };
  const end = peer.place!.begin(call);
  peer.place!.chargeTo({ group: who[0]!, name: who });
  return Object.assign(asked, { end });
}

const closedOf = (peers: readonly TestPeer[]) =>
  peers.map(({ isClosed }, at) => (isClosed ? at : -1)).filter((at) => at >= 0);

describe('places for connections', () => {
  it('are all for whoever is alone', () => {
    const { places, enterAll } = crowd(10);
    const peers = enterAll('10.0.0.1', 10);
    expect([places.size, places.endedCount, closedOf(peers)]).toEqual([10, 0, []]);
  });

  it('are given up by what is silent, the oldest first, also to others at the same address', () => {
    const { timers, places, enterAll } = crowd(4);
    const silent = enterAll('10.0.0.1', 4);
    timers.advance(1);
    const others = enterAll('10.0.0.1', 3);
    expect([closedOf(silent), closedOf(others), places.size]).toEqual([[0, 1, 2], [], 4]);
  });

  it('are given up by whoever sends a head a byte at a time, and is told so', () => {
    const { timers, enter, enterAll } = crowd(2);
    const slow = enterAll('10.0.0.1', 2);
    for (const peer of slow) peer.bytesRead = 20;
    timers.advance(60_000);
    expect(closedOf(slow)).toEqual([]);
    enter('10.0.0.1');
    expect(closedOf(slow)).toEqual([0]);
    expect(slow[0]!.said).toContain('this connection was closed, because too many are open');
  });

  it('are given up by whoever trickles a request, when it had its time and not before', () => {
    const { timers, places, enter, enterAll } = crowd(2);
    const [one, two] = enterAll('10.0.0.1', 2);
    const trickling = ask(one!, 'a', false);
    const fast = ask(two!, 'b', false);
    timers.advance(limits.uploadRateSecondsGrace * 1_000);
    two!.bytesRead = 20 * limits.connectionRateBytesMin;
    expect(enter('10.0.0.2').isClosed).toBe(true);
    timers.advance(1);
    expect(enter('10.0.0.2').isClosed).toBe(false);
    expect(trickling.refused).toContain('this connection was closed, because too many are open');
    expect([fast.refused, places.size]).toEqual(['', 2]);
  });

  it('are not taken from those who work by others who have as much', () => {
    const { timers, places, enter, enterAll } = crowd(2);
    const [one, two] = enterAll('10.0.0.1', 2);
    ask(one!, 'a');
    ask(two!, 'b');
    timers.advance(3_600_000);
    const third = enter('10.0.0.3');
    expect([third.isClosed, one!.isClosed, two!.isClosed, places.endedCount]).toEqual([
      true,
      false,
      false,
      1,
    ]);
  });

  it('are given up by who has most of them, whatever it does: the calls are told first', () => {
    const { timers, enter, enterAll } = crowd(10);
    const peers = enterAll('10.0.0.1', 10);
    const calls = peers.map((peer) => ask(peer, 'a1'));
    const other = enter('10.0.0.1');
    expect(other.isClosed).toBe(false);
    expect(calls.map(({ refused }) => refused === '')).toEqual([...Array(9).fill(true), false]);
    expect(closedOf(peers)).toEqual([]);
    timers.advance(1_000);
    expect(closedOf(peers)).toEqual([9]);
  });

  it('are given up first by its connections on which nothing is asked for', () => {
    const { enter, enterAll } = crowd(10);
    const peers = enterAll('10.0.0.1', 10);
    const calls = peers.map((peer) => ask(peer, 'a1'));
    calls[3]!.end();
    enter('10.0.0.2');
    expect(closedOf(peers)).toEqual([3]);
    expect(calls.every(({ refused }) => refused === '')).toBe(true);
  });

  it('go to namespaces before credentials: many of one are one', () => {
    const { timers, enterAll } = crowd(20);
    const peers = enterAll('10.0.0.1', 20);
    for (const [at, peer] of peers.entries()) ask(peer, at < 4 ? 'b1' : `a${at}`);
    const others = enterAll('10.0.0.2', 7);
    timers.advance(1_000);
    expect(others.filter(({ isClosed }) => isClosed)).toEqual([]);
    expect(closedOf(peers.slice(0, 4))).toEqual([]);
  });

  it('are not taken from the few of one by the many of another at the same address', () => {
    const { timers, enter, enterAll } = crowd(20);
    const canary = enterAll('10.0.0.1', 2);
    for (const peer of canary) ask(peer, 'b1').end();
    timers.advance(60_000);
    for (let at = 0; at < 1_000; at++) enter('10.0.0.1');
    expect(closedOf(canary)).toEqual([]);
  });

  it('are not kept by calls of nobody who is known', () => {
    const { enter, enterAll } = crowd(3);
    const peers = enterAll('10.0.0.1', 3);
    for (const peer of peers) peer.place!.begin({ isWhole: () => true, refuse: () => undefined });
    enter('10.0.0.1');
    expect(closedOf(peers)).toEqual([0]);
  });

  it('are free again when connections are closed', () => {
    const { places, enterAll } = crowd(3);
    for (const peer of enterAll('10.0.0.1', 3)) peer.place!.leave();
    expect(places.size).toBe(0);
    enterAll('10.0.0.1', 3);
    expect([places.size, places.endedCount]).toEqual([3, 0]);
  });

  it('are told to go to no more connections at once than can linger', () => {
    const { timers, enterAll } = crowd(200);
    const peers = enterAll('10.0.0.1', 200);
    for (const peer of peers) ask(peer, 'a1');
    enterAll('10.0.0.2', 90);
    expect(closedOf(peers).length).toBe(90 - 64);
    timers.advance(1_000);
    expect(closedOf(peers).length).toBe(90);
  });
});

it('a rate is that of the request which is awaited', () => {
  const { timers, enter } = crowd(1);
  const peer = enter('10.0.0.1');
  timers.advance(1_000);
  ask(peer, 'a', false);
  timers.advance(20_000);
  peer.bytesRead = 100 * KiB;
  expect(peer.place!.trickle(timers.now)).toBe(5 * KiB);
  peer.bytesRead = 400 * KiB;
  expect(peer.place!.trickle(timers.now)).toBeUndefined();
});
