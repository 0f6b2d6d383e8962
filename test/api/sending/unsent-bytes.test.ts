/** The count of the bytes that wait to be sent: who is let in, who is ended, and that all of it comes back. */
import { describe, expect, it } from 'vitest';
import type { UnsentAnswer } from '../../../src/api/sending/unsent-answer.ts';
import { UnsentBytes } from '../../../src/api/sending/unsent-bytes.ts';
import { limits } from '../../../src/domain/limits.ts';
import { TestTimers } from '../../support/timers.ts';

const KiB = 1024;
const none = new AbortController().signal;
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A limit of 1,000 KiB; a payer with more than 250 leaves 250 to the others. */
function limited() {
  const timers = new TestTimers();
  const { after, elapsed } = timers;
  const unsent = new UnsentBytes({
    after,
    elapsed,
    unsentBytesMax: 1_000 * KiB,
    payerUnsentBytesMax: 250 * KiB,
  });
  const ended: string[] = [];
  const disconnected: string[] = [];
  const lost = new Set<string>();
  let made = 0;
  const open = (who: string): UnsentAnswer => {
    const name = `${who}${made++}`;
    const answer = unsent.open(undefined, 1, {
      end: () => ended.push(name),
      charged: () => undefined,
      hasLostPeer: () => lost.has(name),
      disconnect: () => disconnected.push(name),
    });
    // A digit after the first letter tells credentials of one namespace apart.
    answer.chargeTo({ group: who[0]!, name: who });
    return answer;
  };
  /** Asks for room, and says what came of it. */
  const ask = (answer: UnsentAnswer, kibibytes: number) => {
    const asked = { answer, told: 'waits' };
    Promise.resolve(answer.room(kibibytes * KiB, none)).then(
      () => (asked.told = 'has room'),
      (error) => (asked.told = error.reason),
    );
    return asked;
  };
  /** Has room, hands it over, and a slice of it is not taken. */
  const stalled = async (who: string, kibibytes: number): Promise<UnsentAnswer> => {
    const answer = open(who);
    await answer.room(kibibytes * KiB, none);
    answer.hand(kibibytes * KiB);
    answer.sliceBegins(64 * KiB);
    return answer;
  };
  return { timers, unsent, ended, disconnected, lost, open, ask, stalled };
}

describe('room', () => {
  it('exists for a payer with little while another has much', async () => {
    const { unsent, open, ask, stalled } = limited();
    for (let at = 0; at < 7; at++) await stalled('a', 100);
    const more = ask(open('a'), 100);
    const other = ask(open('b'), 100);
    await settle();
    expect([more.told, other.told]).toEqual(['waits', 'has room']);
    expect(unsent.bytes).toBe(800 * KiB);
    expect(unsent.waitingCount).toBe(1);
  });

  it('is given first to the payers that have least, and is never more than exists', async () => {
    const { unsent, open, ask, stalled } = limited();
    const [first] = [await stalled('a', 200), await stalled('b', 200), await stalled('c', 200)];
    await stalled('d', 200);
    await stalled('e', 200);
    const asked = [ask(open('b'), 40), ask(open('f'), 150), ask(open('f'), 40)];
    await settle();
    expect(asked.map(({ told }) => told)).toEqual(['waits', 'waits', 'waits']);
    first.give(200 * KiB);
    await settle();
    expect(asked.map(({ told }) => told)).toEqual(['waits', 'has room', 'has room']);
    expect(unsent.bytesPeak).toBe(1_000 * KiB);
  });

  it('is waited for 20 s, and then whoever asks is to come back', async () => {
    const { timers, unsent, open, ask } = limited();
    // It is being made: nobody's reading is waited for.
    for (const who of ['a', 'b', 'c', 'd']) await open(who).room(250 * KiB, none);
    const waits = ask(open('e'), 100);
    timers.advance(19_999);
    await settle();
    expect(waits.told).toBe('waits');
    timers.advance(1);
    await settle();
    expect(waits.told).toBe('OVERLOADED');
    expect(unsent.waitingCount).toBe(0);
    // Nothing is looked for but what is not taken, now and then.
    timers.advance(1_000);
    expect(timers.count).toBe(1);
  });

  it('is not waited for by whoever has gone, and comes back with the answer that had it', async () => {
    const { unsent, open, stalled } = limited();
    const stalling = await Promise.all(['a', 'b', 'c', 'd'].map((who) => stalled(who, 250)));
    const gone = new AbortController();
    const waits = open('e').room(100 * KiB, gone.signal);
    gone.abort(new Error('has gone'));
    await expect(waits).rejects.toThrow('has gone');
    const [first, second, third, fourth] = stalling as [
      UnsentAnswer,
      UnsentAnswer,
      UnsentAnswer,
      UnsentAnswer,
    ];
    first.close();
    first.give(250 * KiB);
    second.drop();
    second.give(250 * KiB);
    third.sliceEnds();
    third.close();
    third.give(250 * KiB);
    expect(unsent.bytes).toBe(250 * KiB);
    fourth.drop();
    expect([unsent.bytes, unsent.answerCount]).toEqual([0, 0]);
  });

  it('is waited for by so many answers of one payer, and others all the same', async () => {
    const { unsent, open, ask } = limited();
    for (const who of ['a', 'b', 'c', 'd']) await open(who).room(250 * KiB, none);
    const asked = Array.from({ length: 257 }, () => ask(open('e'), 100));
    const other = ask(open('f'), 100);
    await settle();
    expect(asked.filter(({ told }) => told === 'waits')).toHaveLength(256);
    expect([asked.at(-1)!.told, other.told]).toEqual(['OVERLOADED', 'waits']);
    expect(unsent.waitingCount).toBe(257);
  });

  it('reserved counts until what is made is handed over, with its own size', async () => {
    const { unsent, open } = limited();
    const answer = open('a');
    await answer.room(100 * KiB, none);
    await answer.room(100 * KiB, none);
    expect(unsent.bytes).toBe(100 * KiB);
    answer.hand(5);
    expect(unsent.bytes).toBe(5);
    await answer.room(100 * KiB, none);
    answer.sliceBegins(5);
    answer.close();
    expect(unsent.bytes).toBe(5);
    answer.sliceEnds();
    answer.give(5);
    expect([unsent.bytes, unsent.answerCount]).toEqual([0, 0]);
  });
});

describe('while somebody waits', () => {
  /** Four payers have it all; the slice of each is of 64 KiB, which takes 4 s at 16 KiB/s. */
  async function full() {
    const rig = limited();
    const answers = [];
    for (const who of ['a', 'b', 'c', 'd']) answers.push(await rig.stalled(who, 250));
    return { ...rig, answers };
  }

  /** Goes on reading at 16 KiB/s for so many seconds: a slice of 64 KiB every 4 s. */
  function reading(timers: TestTimers, answers: readonly UnsentAnswer[], seconds: number): void {
    for (let at = 4; at <= seconds; at += 4) {
      timers.advance(4_000);
      for (const answer of answers) {
        answer.sliceEnds();
        answer.sliceBegins(64 * KiB);
      }
    }
  }

  it('the answer that is taken slowest is ended, and no other', async () => {
    const { timers, ended, open, ask, answers } = await full();
    reading(timers, answers.slice(1), 8);
    expect(ended).toEqual([]);
    const waits = ask(open('e'), 250);
    expect(ended).toEqual(['a0']);
    answers[0]!.drop();
    await settle();
    expect(waits.told).toBe('has room');
  });

  it('nobody is ended who takes 16 KiB a second, nor while nobody waits', async () => {
    const { timers, ended, open, ask, answers } = await full();
    timers.advance(60_000);
    expect(ended).toEqual([]);
    for (const answer of answers) {
      answer.sliceEnds();
      answer.sliceBegins(64 * KiB);
    }
    // More than its share of five would be.
    const waits = ask(open('e'), 240);
    reading(timers, answers, 16);
    expect(ended).toEqual([]);
    timers.advance(4_000);
    await settle();
    expect(waits.told).toBe('OVERLOADED');
  });

  it('but a payer with more than a share for each gives up an answer for one with less', async () => {
    const { timers, ended, open, ask } = await full();
    ask(open('e'), 100);
    timers.advance(999);
    expect(ended).toEqual([]);
    timers.advance(1);
    expect(ended).toHaveLength(1);
  });

  it('a connection that keeps what was ended is closed', async () => {
    const { timers, ended, disconnected, open, ask, answers } = await full();
    timers.advance(10_000);
    ask(open('e'), 250);
    expect(ended).toEqual(['a0']);
    answers[0]!.close();
    timers.advance(999);
    expect(disconnected).toEqual([]);
    timers.advance(1);
    expect(disconnected).toEqual(['a0']);
    expect(ended).toEqual(['a0']);
  });
});

it('what nobody takes for two minutes is ended, also while nobody waits', async () => {
  const { timers, unsent, ended, disconnected, stalled } = limited();
  const answer = await stalled('a', 100);
  timers.advance(120_000);
  expect(ended).toEqual([]);
  timers.advance(30_000);
  expect(ended).toEqual(['a0']);
  timers.advance(30_000);
  expect(disconnected).toEqual(['a0']);
  answer.drop();
  timers.advance(30_000);
  expect([unsent.bytes, timers.count]).toEqual([0, 0]);
});

describe('credentials of one namespace', () => {
  it('leave half to another namespace, however many they are', async () => {
    const { timers, open, ask, ended, stalled } = limited();
    for (const who of ['a1', 'a2', 'a3', 'a4']) for (let at = 0; at < 2; at++) await stalled(who, 125);
    const other = ask(open('b1'), 230);
    await settle();
    expect(other.told).toBe('waits');
    timers.advance(1_000);
    timers.advance(1_000);
    expect(ended.map((name) => name[0])).toEqual(['a', 'a']);
  });

  it('do not wait for one of another namespace that has its part already', async () => {
    const { open, ask, stalled } = limited();
    for (const who of ['a1', 'a2']) await stalled(who, 250);
    await stalled('b1', 240);
    const more = ask(open('b1'), 100);
    const other = ask(open('a3'), 100);
    await settle();
    expect([more.told, other.told]).toEqual(['waits', 'has room']);
  });
});

it('what is in memory twice counts twice', async () => {
  const { unsent } = limited();
  const answer = unsent.open(undefined, 2, {
    end: () => undefined,
    charged: () => undefined,
    hasLostPeer: () => false,
    disconnect: () => undefined,
  });
  await answer.room(100 * KiB, none);
  expect(unsent.bytes).toBe(200 * KiB);
  answer.hand(50 * KiB);
  expect(unsent.bytes).toBe(100 * KiB);
  answer.give(50 * KiB);
  expect(unsent.bytes).toBe(0);
});

describe('waiting', () => {
  /** Nothing is left, and nobody is slow yet. */
  async function full() {
    const test = limited();
    for (const who of ['a', 'b', 'c', 'd']) await test.stalled(who, 250);
    return test;
  }

  it('ends with its answer, and nothing is made for it when there is room', async () => {
    const { unsent, open, ask, stalled } = limited();
    const stalling = await Promise.all(['a', 'b', 'c', 'd'].map((who) => stalled(who, 250)));
    const [closed, dropped] = [open('e'), open('e')];
    const asked = [ask(closed, 1), ask(dropped, 1)];
    await settle();
    expect(unsent.waitingCount).toBe(2);
    closed.close();
    dropped.drop();
    expect(unsent.waitingCount).toBe(0);
    for (const answer of stalling) answer.drop();
    await settle();
    expect(asked.map(({ told }) => told)).toEqual(['CANCELLED', 'CANCELLED']);
    const late = ask(closed, 1);
    await settle();
    expect([late.told, unsent.bytes]).toEqual(['CANCELLED', 0]);
  });

  it('is for so many of one payer, and fewer with large requests', async () => {
    const { unsent, open, ask } = await full();
    const many = Array.from({ length: limits.payerWaitingMax + 1 }, () => ask(open('e'), 1));
    await settle();
    expect(many.filter(({ told }) => told === 'OVERLOADED')).toEqual([many.at(-1)]);
    const large = Array.from({ length: 8 }, () => {
      const answer = open('f');
      answer.ask(2 * 1024 * KiB);
      return ask(answer, 1);
    });
    await settle();
    expect(large.map(({ told }) => told)).toEqual([...Array(7).fill('waits'), 'OVERLOADED']);
    expect(unsent.refusedCount).toBe(2);
  });

  it('of those who wait most, the latest makes way for somebody else', async () => {
    const { unsent, open, ask } = await full();
    const most = limits.waitingBytesMax / limits.waitingCallBytes;
    const first = Array.from({ length: most }, (_, at) => ask(open(`e${at % 4}`), 1));
    await settle();
    expect(unsent.waitingCount).toBe(most);
    const another = ask(open('f'), 1);
    await settle();
    expect(another.told).toBe('waits');
    expect(first.filter(({ told }) => told === 'OVERLOADED')).toEqual([first.at(-4)]);
    // Whoever waits as much as everybody makes nobody give way.
    const more = ask(open('e1'), 1);
    await settle();
    expect([more.told, unsent.waitingCount]).toEqual(['OVERLOADED', most]);
  });
});

it('a connection without a peer is broken off soon, though nobody waits', async () => {
  const { timers, lost, stalled, disconnected } = limited();
  await stalled('a', 100);
  await stalled('b', 100);
  lost.add('b1');
  timers.advance(5_000);
  expect(disconnected).toEqual(['b1']);
});

it('so is that of an answer which was passed on as a whole, or is being made', async () => {
  const { timers, lost, open, disconnected } = limited();
  open('a').hand(26_538);
  await open('b').room(1_000, none);
  open('c');
  for (const name of ['a0', 'b1', 'c2']) lost.add(name);
  timers.advance(5_000);
  expect(disconnected).toEqual(['a0', 'b1']);
});

it('says how many answers are open', async () => {
  const { unsent, open, stalled } = limited();
  const answers = [open('a'), await stalled('b', 1)];
  expect(unsent.openCount).toBe(2);
  for (const answer of answers) answer.drop();
  expect(unsent.openCount).toBe(0);
});
