/** The scheme of collection as an executable specification: every interleaving of it, with a crash at any step. */
import { expect, it } from 'vitest';
import type { Extent, Variant } from './collection-model.ts';
import { explore } from './exploring.ts';

const extents: [string, Extent][] = [
  ['two uploads, two collectors, a crash', { uploads: 2, collectors: 2, crashes: 1 }],
  ['three uploads and a collector', { uploads: 3, collectors: 1, crashes: 0 }],
  [
    'a bucket: two uploads, a collector, a crash, another program',
    { uploads: 2, collectors: 1, crashes: 1, bucket: { others: 1, isLocked: false } },
  ],
  [
    'a bucket under a retention lock: two uploads, two collectors',
    { uploads: 2, collectors: 2, crashes: 0, bucket: { others: 0, isLocked: true } },
  ],
  [
    'a direct upload with two ends, an upload, a collector, a crash',
    { uploads: 1, collectors: 1, crashes: 1, ends: 2 },
  ],
  [
    'a bucket under a retention lock: a direct upload with two ends, an upload, a collector',
    { uploads: 1, collectors: 1, crashes: 0, ends: 2, bucket: { others: 0, isLocked: true } },
  ],
];

it.each(extents)(
  'I8, I9, I10 hold in every state: %s',
  (_name, bound) => {
    const { states, violation } = explore(bound);
    expect(violation).toBeUndefined();
    expect(states).toBeGreaterThan(10_000);
  },
  120_000,
);

/** What each of them breaks first. */
const broken: [Variant, RegExp][] = [
  ['condemns by what it saw', /^I8: a content is referred to and is not there/],
  ['grace by file time', /^I8: a content is there without its file/],
  ['reuses names', /^I(8|9)/],
  ['commits condemned names', /^I9/],
  ['commits without a limit of time', /^I8|^I9/],
  ['young orphans', /^I8/],
  ['unlinks orphans directly', /^I8/],
  ['no search for orphans', /^I10/],
  ['counts outside of the transaction', /^I8: \d refer/],
];

it.each(broken)(
  'is shown to fail where it is another scheme: %s',
  (variant, what) => {
    const { violation } = explore({ uploads: 2, collectors: 2, crashes: 1 }, variant);
    expect(violation?.what).toMatch(what);
    expect(violation?.trace.length).toBeGreaterThan(0);
  },
  120_000,
);

const inBucket: [Variant, RegExp][] = [
  ['deletes whatever has the name', /^an object of another program was deleted/],
  ['creates over others', /^an object of another program was overwritten/],
  ['lists late', /^I10/],
  ['stops at a refusal', /^I10/],
  ['forgets what is refused', /^I10/],
  ['condemns by what it saw', /^I8/],
];

it.each(inBucket)(
  'is shown to fail in a bucket where it is another scheme: %s',
  (variant, what) => {
    const bucket = { others: 1, isLocked: true };
    const { violation } = explore({ uploads: 2, collectors: 1, crashes: 1, bucket }, variant);
    expect(violation?.what).toMatch(what);
    expect(violation?.trace.length).toBeGreaterThan(0);
  },
  120_000,
);

const direct: [Variant, RegExp][] = [
  ['leaves a finished name in the queue', /^I10: something stays in the queues/],
  ['sweeps a finished name', /^I8: a content is there without its file/],
  ['finishes at any time', /^I8: a content is there without its file|^I9/],
  ['finishes what no row knows', /^I8: a content is there without its file/],
  ['sweeps an awaited name once', /^I10: no row has what a client has sent/],
  ['awaits without a row', /^I10: no row has what a client has sent/],
  ['takes the bytes unread', /^I8: a content has other bytes than it says/],
];

it.each(direct)(
  'is shown to fail for direct uploads where it is another scheme: %s',
  (variant, what) => {
    const { violation } = explore({ uploads: 1, collectors: 1, crashes: 0, ends: 2 }, variant);
    expect(violation?.what).toMatch(what);
    expect(violation?.trace.length).toBeGreaterThan(0);
  },
  120_000,
);
