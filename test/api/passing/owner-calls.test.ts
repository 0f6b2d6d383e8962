/** Looking for the owner of a namespace: how often, for how long, and what comes of it. */
import { describe, expect, it } from 'vitest';
import { AnswerLost, NotBegun, OwnerCalls, seekingMsMax } from '../../../src/api/passing/owner-calls.ts';
import { Failure } from '../../../src/domain/errors.ts';
import { here, notOwner, type Owner } from '../../../src/index/owners.ts';
import { TestTimers } from '../../support/timers.ts';

const own = 'a:1';

interface Asked {
  readonly owner?: () => Owner;
  readonly here?: () => Promise<string>;
  readonly there?: (address: string) => Promise<string>;
  readonly mayRepeat?: boolean;
  readonly remainingMs?: number;
  readonly signal?: AbortSignal;
}

function rig(asked: Asked) {
  const timers = new TestTimers();
  const { elapsed, after } = timers;
  const log: string[] = [];
  const owners = {
    ownerOf: async () => {
      log.push('who');
      return asked.owner?.() ?? { isHere: false as const, address: 'b:1' };
    },
    forget: (ns: string) => void log.push(`forget ${ns}`),
    onTaken: () => undefined,
    serve: async () => undefined,
    leave: async () => undefined,
  };
  const call = new OwnerCalls({ address: own, after, elapsed }).run(owners, 'team', {
    here: asked.here ?? (async () => 'here'),
    there: async (address) => {
      log.push(address);
      return await (asked.there ?? (async () => 'there'))(address);
    },
    mayRepeat: asked.mayRepeat ?? false,
    remainingMs: () => asked.remainingMs ?? Number.POSITIVE_INFINITY,
    ...(asked.signal === undefined ? {} : { signal: asked.signal }),
  });
  call.catch(() => undefined);
  return { timers, log, call };
}

/** Lets everything happen that needs no time. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 1));

async function runOut(timers: TestTimers, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 20) {
    await settle();
    timers.advance(20);
  }
  await settle();
}

describe('an owner that is', () => {
  it('here decides here', async () => {
    const { call, log } = rig({ owner: () => here });
    expect(await call).toBe('here');
    expect(log).toEqual(['who']);
  });

  it('elsewhere decides there, and its failures are those of the call', async () => {
    expect(await rig({}).call).toBe('there');
    const failure = new Failure('SESSION_SEALED', 'sealed');
    const { call, log } = rig({ there: () => Promise.reject(failure) });
    await expect(call).rejects.toBe(failure);
    expect(log).toEqual(['who', 'b:1']);
  });
});

describe('an owner that is not reached', () => {
  it('is asked again after pauses that grow, for at most the time that a call may seek', async () => {
    const { call, log, timers } = rig({ there: () => Promise.reject(new NotBegun('no')) });
    const times: number[] = [];
    let asked = 0;
    for (let ms = 0; ms <= seekingMsMax; ms += 20) {
      await settle();
      const now = log.filter((entry) => entry === 'b:1').length;
      if (now > asked) times.push(timers.now);
      asked = now;
      timers.advance(20);
    }
    await expect(call).rejects.toMatchObject({ reason: 'NOT_OWNER', retryAfterMs: 1_000 });
    expect(times.slice(0, 7)).toEqual([0, 20, 60, 140, 300, 560, 820]);
    expect(times.length).toBeLessThan(65);
    expect(log.slice(0, 6)).toEqual(['who', 'b:1', 'forget team', 'who', 'b:1', 'forget team']);
    expect(timers.count).toBe(0);
  });

  it('is sought no longer than the call has', async () => {
    const { call, timers } = rig({ remainingMs: 100, there: () => Promise.reject(new NotBegun('no')) });
    await runOut(timers, 120);
    await expect(call).rejects.toMatchObject({ reason: 'NOT_OWNER' });
    expect(timers.now).toBeLessThanOrEqual(140);
  });

  it('is sought no longer than the caller waits', async () => {
    const stop = new AbortController();
    const { call, timers } = rig({ signal: stop.signal, there: () => Promise.reject(new NotBegun('no')) });
    await settle();
    stop.abort(new Failure('CANCELLED', 'gone'));
    await expect(call).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(timers.count).toBe(0);
  });
});

describe('a process that is not the owner', () => {
  it('names the owner, which is asked at once', async () => {
    const there = (address: string) =>
      address === 'b:1' ? Promise.reject(notOwner('team', 'c:1')) : Promise.resolve(address);
    const { call, log } = rig({ there });
    expect(await call).toBe('c:1');
    expect(log).toEqual(['who', 'b:1', 'forget team', 'c:1']);
  });

  it('may name this one', async () => {
    const answers: Owner[] = [{ isHere: false, address: 'b:1' }, here];
    const { call, log, timers } = rig({
      owner: () => answers.shift() ?? here,
      there: () => Promise.reject(notOwner('team', own)),
    });
    await runOut(timers, 40);
    expect(await call).toBe('here');
    expect(log).toEqual(['who', 'b:1', 'forget team', 'who']);
  });

  it('may name another that names it, without end', async () => {
    const other: Record<string, string> = { 'b:1': 'c:1', 'c:1': 'b:1' };
    const { call, log, timers } = rig({
      remainingMs: 1_000,
      there: (address) => Promise.reject(notOwner('team', other[address])),
    });
    await runOut(timers, 1_100);
    // Clients do not learn the addresses of replicas.
    await expect(call).rejects.toMatchObject({ reason: 'NOT_OWNER', metadata: {} });
    expect(log.filter((entry) => entry.endsWith(':1')).length).toBeLessThan(20);
  });

  it('may be this one', async () => {
    const { call, log } = rig({
      owner: () => here,
      here: () => Promise.reject(notOwner('team', 'b:1')),
    });
    expect(await call).toBe('there');
    expect(log).toEqual(['who', 'forget team', 'b:1']);
  });
});

describe('an answer that is lost', () => {
  const unknown = { reason: 'STORE_UNAVAILABLE', message: expect.stringMatching(/^the outcome is unknown/) };

  it('leaves the outcome unknown', async () => {
    const { call, log } = rig({ there: () => Promise.reject(new AnswerLost('lost')) });
    await expect(call).rejects.toMatchObject(unknown);
    expect(log).toEqual(['who', 'b:1']);
  });

  it('is asked for again if the call may be repeated', async () => {
    const answers = [() => Promise.reject(new AnswerLost('lost')), async () => 'done'];
    const { call, timers } = rig({ mayRepeat: true, there: () => answers.shift()!() });
    await runOut(timers, 40);
    expect(await call).toBe('done');
  });

  it('leaves the outcome unknown if no later one comes, also if a later call was not sent', async () => {
    const answers = [new AnswerLost('lost')];
    const { call, timers } = rig({
      mayRepeat: true,
      remainingMs: 300,
      there: () => Promise.reject(answers.shift() ?? new NotBegun('no')),
    });
    await runOut(timers, 400);
    await expect(call).rejects.toMatchObject(unknown);
  });
});
