import { Code, ConnectError } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { ReplicaFailures } from '../../src/programs/serving/replica-failures.ts';

const error = new ConnectError('no', Code.Unavailable);

function rig() {
  const reports: [address: string, unreported: number][] = [];
  const clock = { ms: 0 };
  const failures = new ReplicaFailures({
    elapsed: () => clock.ms,
    report: (address, _, unreported) => reports.push([address, unreported]),
  });
  return { reports, clock, failures };
}

it('reports a replica once in ten seconds, with the number of failures between', () => {
  const { reports, clock, failures } = rig();
  for (let at = 0; at < 1_000; at++) failures.note('a:1', error);
  failures.note('b:1', error);
  expect(reports).toEqual([
    ['a:1', 0],
    ['b:1', 0],
  ]);
  clock.ms = 9_999;
  failures.note('a:1', error);
  expect(reports).toHaveLength(2);
  clock.ms = 10_000;
  failures.note('a:1', error);
  failures.note('a:1', error);
  expect(reports.slice(2)).toEqual([['a:1', 1_000]]);
});

it('keeps a hundred addresses, those that were reported last', () => {
  const { reports, failures } = rig();
  for (let at = 0; at <= 100; at++) failures.note(`a:${at}`, error);
  failures.note('a:0', error);
  failures.note('a:100', error);
  expect(reports.slice(101)).toEqual([['a:0', 0]]);
});
