/**
 * Random transactions, batches that stall, fail (written or not) or meet a crash, against a plain map. At the end
 * the transactions whose own row is there are replayed in the order in which they ran: that must give the rows that
 * are there, and every answer that was given must be what the replay had at that point.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Failure } from '../../src/domain/errors.ts';
import { PostgresServer, postgresPrograms } from '../support/postgres.ts';
import { unwritten, written } from './faults.ts';
import { openLevelRig, openMemoryRig, openPostgresRig, openWaitingRig } from './rigs.ts';
import {
  del,
  key,
  look,
  type OpenRig,
  put,
  type Rig,
  rowsOf,
  text,
  turns,
  type Watched,
  watch,
} from './support.ts';

const seed = 20_260_102;
const names = ['a', 'b', 'c', 'd', 'e'];

interface Plan {
  readonly kind: 'write' | 'look' | 'refuse';
  readonly reads: readonly string[];
  /** So many of them are asked for first, each of the others when it is come to. */
  readonly atOnce: number;
  readonly puts: readonly string[];
  readonly dels: readonly string[];
  readonly queue: string;
}

type Action =
  | { readonly transaction: Plan }
  | {
      readonly control:
        | 'turn'
        | 'stall'
        | 'release'
        | 'unwritten'
        | 'written'
        | 'full'
        | 'tick'
        | 'crash'
        | 'look';
    };

const some = fc.subarray(names);
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        transaction: fc.record({
          kind: fc.constantFrom('write', 'write', 'write', 'look', 'refuse'),
          reads: some,
          atOnce: fc.nat(names.length),
          puts: some,
          dels: some,
          queue: fc.constantFrom('p', 'q'),
        }),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        control: fc.constantFrom(
          'turn',
          'turn',
          'turn',
          'stall',
          'release',
          'unwritten',
          'written',
          'full',
          'tick',
          'crash',
          'look',
        ),
      }),
    },
  ) as fc.Arbitrary<Action>,
  { minLength: 5, maxLength: 60 },
);

type Row = [name: string, content: string];
type Seen = (string | undefined)[];

interface Started {
  readonly plan: Plan;
  readonly outcome: Watched<Seen>;
}

/** What the test saw while it ran. */
class History {
  readonly started: Started[] = [];
  /** Numbers of transactions in the order in which their decisions ended last. */
  ran: number[] = [];
  readonly looks: Row[][] = [];

  start(rig: Rig, plan: Plan): void {
    const number = this.started.length;
    const ended = (seen: Seen) => {
      this.ran = [...this.ran.filter((each) => each !== number), number];
      if (plan.kind === 'refuse') throw new Failure('SESSION_SEALED', JSON.stringify(seen));
    };
    const decision = rig.index.transact<Seen>({
      ns: plan.queue,
      reads: plan.reads.slice(0, plan.atOnce).map(key),
      *decide(tx) {
        const seen: Seen = [];
        for (const name of plan.reads) {
          yield [key(name)];
          seen.push(text(tx.value(key(name))));
        }
        ended(seen);
        if (plan.kind !== 'look')
          for (const [name, to] of effects(plan, number, seen)) tx.write(writeOf(name, to));
        return seen;
      },
    });
    this.started.push({ plan, outcome: watch(decision) });
  }
}

function writeOf(name: string, content: string | undefined) {
  return content === undefined ? del(name) : put(name, content);
}

/** What a transaction does to the rows. Its own row shows that it is there. */
function effects(plan: Plan, number: number, seen: Seen): [string, string | undefined][] {
  return [
    [`t${number}`, JSON.stringify(seen)],
    ...plan.dels.map((name): [string, undefined] => [name, undefined]),
    ...plan.puts.map((name): [string, string] => [
      name,
      `${number}:${seen.map((each) => each?.length ?? '-').join()}`,
    ]),
  ];
}

async function play(rig: Rig, script: readonly Action[]): Promise<History> {
  const history = new History();
  for (const action of script) {
    if ('transaction' in action) history.start(rig, action.transaction);
    else if (action.control === 'turn') await turns(1);
    else if (action.control === 'stall') void rig.faults.stall();
    else if (action.control === 'release') rig.faults.release();
    else if (action.control === 'unwritten') rig.faults.plan(unwritten);
    else if (action.control === 'written') rig.faults.plan(written);
    else if (action.control === 'full') {
      rig.faults.plan(unwritten);
      rig.faults.failProbes(new Error('injected: No space left on device'));
    } else if (action.control === 'tick') rig.timer.fire();
    else if (action.control === 'crash') await rig.crash();
    // Whatever has failed.
    else history.looks.push(await rowsOf(rig.index));
  }
  rig.faults.release();
  await Promise.all(history.started.map(({ outcome }) => outcome.settled));
  // Until the database is open again, if the last batch failed.
  while ((await look(rig.index, 'a').catch(() => rig)) === rig) {
    rig.timer.fire();
    await turns(1);
  }
  return history;
}

function check(history: History, final: readonly Row[]): { there: number; unknown: number } {
  const present = new Map(final);
  const state = new Map<string, string>();
  const states = [serialise(state)];
  let unknown = 0;
  for (const number of history.ran) {
    const { plan, outcome } = history.started[number]!;
    const expected = plan.reads.map((name) => state.get(name));
    const isUnknown = outcome.error instanceof Failure && outcome.error.reason === 'STORE_UNAVAILABLE';
    if (isUnknown) unknown++;
    else if (plan.kind === 'refuse')
      expect(outcome.error).toMatchObject({ message: JSON.stringify(expected) });
    else expect(outcome.value).toEqual(expected);
    if (!present.has(`t${number}`)) {
      // Only what writes nothing, or is unknown, may be absent.
      expect(isUnknown || plan.kind !== 'write').toBe(true);
      continue;
    }
    for (const [name, content] of effects(plan, number, expected)) {
      if (content === undefined) state.delete(name);
      else state.set(name, content);
    }
    states.push(serialise(state));
  }
  expect(serialise(present)).toBe(serialise(state));
  for (const rows of history.looks) expect(states).toContain(serialise(new Map(rows)));
  const notRun = history.started.filter((_each, number) => !history.ran.includes(number));
  for (const { outcome } of notRun) expect(outcome.error).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  return { there: states.length - 1, unknown };
}

function serialise(state: ReadonlyMap<string, string>): string {
  return JSON.stringify([...state].sort(([left], [right]) => (left < right ? -1 : 1)));
}

let server: PostgresServer | undefined;
const hasPostgres = !('missing' in postgresPrograms());
beforeAll(async () => {
  if (hasPostgres) server = await PostgresServer.start(['fsync=off']);
}, 60_000);
afterAll(() => server?.[Symbol.asyncDispose]());

describe.each<[name: string, open: OpenRig, numRuns: number]>([
  ['memory', openMemoryRig, 300],
  ['memory whose reads take a turn', openWaitingRig, 300],
  ['LevelDB', openLevelRig, 60],
  ...(hasPostgres
    ? [['PostgreSQL', openPostgresRig(() => server!), 30] satisfies [string, OpenRig, number]]
    : []),
])('%s against a map', (_name, open, numRuns) => {
  test(`what was acknowledged is there, the rest whole or absent, and every answer is true (seed ${seed})`, async () => {
    let there = 0;
    let unknown = 0;
    await fc.assert(
      fc.asyncProperty(actions, async (script) => {
        await using rig = await open();
        const history = await play(rig, script);
        const before = check(history, await rowsOf(rig.index));
        await rig.crash();
        expect(check(history, await rowsOf(rig.index))).toEqual(before);
        there += before.there;
        unknown += before.unknown;
      }),
      { seed, numRuns },
    );
    // The scripts do reach both.
    expect(there).toBeGreaterThan(numRuns);
    expect(unknown).toBeGreaterThan(numRuns);
  }, 180_000);
});
