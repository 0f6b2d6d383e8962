/** The suites of the API over TLS: the same answers, codes and reasons as through the memory door. */
import { describe } from 'vitest';
import { suitesThrough } from '../api/suites.ts';
import { hasOpenssl } from '../support/certificates.ts';
import { openTlsDoor } from './tls-doors.ts';

describe.skipIf(!hasOpenssl())('with a certificate', () => {
  suitesThrough('gRPC over TLS', openTlsDoor('gRPC'));
  suitesThrough('Connect over TLS and HTTP/1.1', openTlsDoor('Connect over HTTP/1.1'));
  suitesThrough('Connect over TLS and HTTP/2', openTlsDoor('Connect over HTTP/2'));
});
