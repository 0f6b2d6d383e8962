/** The suites of the API over TLS: the same answers, codes and reasons as through the memory transport. */
import { describe } from 'vitest';
import { suitesThrough } from '../api/suites.ts';
import { hasOpenssl } from '../support/certificates.ts';
import { openTlsService } from './tls-listeners.ts';

describe.skipIf(!hasOpenssl())('with a certificate', () => {
  suitesThrough('gRPC over TLS', openTlsService('gRPC'));
  suitesThrough('Connect over TLS and HTTP/1.1', openTlsService('Connect over HTTP/1.1'));
  suitesThrough('Connect over TLS and HTTP/2', openTlsService('Connect over HTTP/2'));
});
