/** The suites of the API over TLS: the same answers, codes and reasons as through the memory door. */
import { describe } from 'vitest';
import { artifactsSuite } from '../api/artifacts/artifacts.suite.ts';
import { earlySuite } from '../api/artifacts/early.suite.ts';
import { queriesSuite } from '../api/artifacts/queries.suite.ts';
import { readingSuite } from '../api/artifacts/reading.suite.ts';
import { badInputSuite } from '../api/bad-input.suite.ts';
import { sessionsSuite } from '../api/sessions/sessions.suite.ts';
import { watchSuite } from '../api/sessions/watch.suite.ts';
import { hasOpenssl } from '../support/certificates.ts';
import { unsendableAsJson } from './http/doors.ts';
import { openTlsDoor } from './tls-doors.ts';

describe.skipIf(!hasOpenssl()).each(['gRPC', 'Connect', 'Connect with JSON', 'gRPC-Web'] as const)(
  '%s over HTTP/2 and TLS',
  (protocol) => {
    const open = openTlsDoor(protocol);
    describe('artifacts', () => artifactsSuite(open));
    describe('sessions', () => sessionsSuite(open));
    describe('bad input', () =>
      badInputSuite(open, protocol === 'Connect with JSON' ? unsendableAsJson : []));
    describe('early answers', () => earlySuite(open));
    describe('queries', () => queriesSuite(open));
    describe('watching', () => watchSuite(open));
    describe('reading', () => readingSuite(open));
  },
);
