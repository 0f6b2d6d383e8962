/**
 * Which suite of the API runs through which listener. Every suite goes through three: inside the process, gRPC, and Connect
 * over HTTP/1.1, which stands for HTTP. The others put the same routes behind another encoding or another way to
 * connect, so a suite goes through them only for what that could change; the table says what it is.
 */
import { describe } from 'vitest';
import type { OpenService } from '../support/service.ts';
import { artifactsSuite } from './artifacts/artifacts.suite.ts';
import { contentTypesSuite } from './artifacts/content-types.suite.ts';
import { earlySuite } from './artifacts/early.suite.ts';
import { encodingsSuite } from './artifacts/encodings.suite.ts';
import { lineageSuite } from './artifacts/lineage.suite.ts';
import { queriesSuite } from './artifacts/queries.suite.ts';
import { readingSuite } from './artifacts/reading.suite.ts';
import { shareLinksSuite } from './artifacts/share-links.suite.ts';
import { badInputSuite } from './bad-input.suite.ts';
import { lifecycleSuite } from './lifecycle.suite.ts';
import { maintenanceRefusedSuite, maintenanceSuite } from './maintenance/maintenance.suite.ts';
import { amendSuite } from './sessions/amend.suite.ts';
import { archiveSuite } from './sessions/archive.suite.ts';
import { comparisonSuite } from './sessions/comparison.suite.ts';
import { openSessionSuite } from './sessions/open-session.suite.ts';
import { sessionsSuite } from './sessions/sessions.suite.ts';
import { watchSuite } from './sessions/watch.suite.ts';

/** What a suite has to know of a listener. */
interface Traits {
  /** Whoever comes through it may do what operators do. Default false. */
  readonly forOperators?: boolean;
  /** What clients refuse to send through it. Default: nothing. */
  readonly unsendable?: readonly string[];
}

/** JSON writes times and durations as text, and its clients refuse those that have none. */
const unsendableAsJson = [
  'an overflowing ttl',
  'an expiry after time',
  'a time that overflows',
  'a time of ten thousand years',
  'a time that is none',
];

const listeners = {
  'the memory transport': { forOperators: true },
  'the gRPC listener': {},
  'Connect over HTTP/1.1': {},
  'another namespace': { forOperators: true },
  'a store in a bucket': { forOperators: true },
  'an index in PostgreSQL': { forOperators: true },
  'the local listener': { forOperators: true },
  'Connect with JSON over HTTP/1.1': { unsendable: unsendableAsJson },
  'gRPC-Web over HTTP/1.1': {},
  'gRPC over TLS': {},
  'Connect over TLS and HTTP/1.1': {},
  'Connect over TLS and HTTP/2': {},
} satisfies Record<string, Traits>;

type ListenerName = keyof typeof listeners;

const always: ReadonlySet<ListenerName> = new Set([
  'the memory transport',
  'the gRPC listener',
  'Connect over HTTP/1.1',
]);

interface Suite {
  readonly name: string;
  readonly run: (open: OpenService, traits: Traits) => void;
  /** The listeners that it goes through beyond those of every suite, and what could differ there. */
  readonly also?: Partial<Record<ListenerName, string>>;
}

const rowsOfNamespace = 'its rows have the namespace in their keys';
const inBucket = 'every content is an object, with a generation';
const waits = 'decisions wait for their reads, and snapshots are transactions';

const suites: readonly Suite[] = [
  {
    name: 'artifacts',
    run: artifactsSuite,
    also: {
      'an index in PostgreSQL': waits,
      'a store in a bucket': inBucket,
      'another namespace': rowsOfNamespace,
      'Connect with JSON over HTTP/1.1':
        'contents as base64, 64-bit numbers and times as text, in streams too',
      'gRPC-Web over HTTP/1.1': 'streams both ways, whose trailers are a part of the body',
      'gRPC over TLS': 'a port of its own, whose server takes the certificate',
      'Connect over TLS and HTTP/1.1': 'what a client that knows no HTTP/2 is left with',
      'Connect over TLS and HTTP/2': 'the one way to HTTP/2 at the HTTP listener',
    },
  },
  {
    name: 'sessions',
    run: sessionsSuite,
    also: { 'an index in PostgreSQL': waits, 'another namespace': rowsOfNamespace },
  },
  {
    name: 'bad input',
    run: (open, { unsendable }) => badInputSuite(open, unsendable),
    also: {
      'Connect with JSON over HTTP/1.1': 'bytes, odd names and the details of errors as text',
      'gRPC-Web over HTTP/1.1': 'errors in trailers that are a part of the body, messages in their headers',
    },
  },
  {
    name: 'early answers',
    run: earlySuite,
    also: {
      'a store in a bucket': 'nothing is staged, and what was begun is cancelled',
      'gRPC-Web over HTTP/1.1': 'the answer ends while the request is still sent',
      'Connect over TLS and HTTP/2': 'a stream is reset, not a connection closed',
    },
  },
  { name: 'opening sessions', run: openSessionSuite },
  {
    name: 'queries',
    run: queriesSuite,
    also: { 'an index in PostgreSQL': waits, 'another namespace': rowsOfNamespace },
  },
  { name: 'content types', run: contentTypesSuite, also: { 'another namespace': rowsOfNamespace } },
  {
    name: 'watching',
    run: watchSuite,
    also: {
      'an index in PostgreSQL': waits,
      'Connect with JSON over HTTP/1.1': 'each event is a document of its own',
      'gRPC-Web over HTTP/1.1': 'the end of a stream is a part of the body',
      'Connect over TLS and HTTP/2': 'whoever gives up resets a stream, not a connection',
    },
  },
  { name: 'amending', run: amendSuite },
  {
    name: 'archives',
    run: archiveSuite,
    also: {
      'an index in PostgreSQL': waits,
      'a store in a bucket': inBucket,
      'another namespace': rowsOfNamespace,
      'Connect with JSON over HTTP/1.1': 'pieces are base64',
    },
  },
  {
    name: 'share links',
    run: (open, { unsendable }) => shareLinksSuite(open, unsendable),
    also: { 'an index in PostgreSQL': waits, 'another namespace': rowsOfNamespace },
  },
  {
    name: 'lifecycles',
    run: (open, traits) => lifecycleSuite(open, traits),
    also: {
      'an index in PostgreSQL': waits,
      'a store in a bucket': inBucket,
      'another namespace': rowsOfNamespace,
      'the local listener': 'the one listener of a service through which operators may reap',
    },
  },
  {
    name: 'lineage',
    run: lineageSuite,
    also: { 'an index in PostgreSQL': waits, 'another namespace': rowsOfNamespace },
  },
  {
    name: 'comparisons',
    run: comparisonSuite,
    also: { 'an index in PostgreSQL': waits, 'another namespace': rowsOfNamespace },
  },
  {
    name: 'reading',
    run: readingSuite,
    also: {
      'an index in PostgreSQL': waits,
      'a store in a bucket': 'windows are ranges of objects',
      'Connect with JSON over HTTP/1.1': 'pieces are bytes, text, rows or JSON within JSON',
    },
  },
  {
    name: 'encodings',
    run: encodingsSuite,
    also: {
      'Connect with JSON over HTTP/1.1': 'the count is a number as text',
      'gRPC-Web over HTTP/1.1': 'the clients of browsers see the count, too',
    },
  },
  {
    name: 'maintenance',
    run: (open, { forOperators }) => (forOperators ? maintenanceSuite : maintenanceRefusedSuite)(open),
    also: {
      'an index in PostgreSQL': waits,
      'a store in a bucket': inBucket,
      'another namespace': rowsOfNamespace,
      'the local listener': 'the one listener of a service through which it is not refused',
    },
  },
];

/** Declares the tests of every suite that goes through a listener. */
export function suitesThrough(service: ListenerName, open: OpenService): void {
  for (const { name, run, also = {} } of suites)
    if (always.has(service) || also[service] !== undefined)
      describe(`${name} through ${service}`, () => run(open, listeners[service]));
}
