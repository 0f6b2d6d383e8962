/** The suites of the API over the network: the same answers, codes and reasons as through the memory door. */
import { describe } from 'vitest';
import { artifactsSuite } from '../api/artifacts/artifacts.suite.ts';
import { earlySuite } from '../api/artifacts/early.suite.ts';
import { lineageSuite } from '../api/artifacts/lineage.suite.ts';
import { queriesSuite } from '../api/artifacts/queries.suite.ts';
import { readingSuite } from '../api/artifacts/reading.suite.ts';
import { shareLinksSuite } from '../api/artifacts/share-links.suite.ts';
import { badInputSuite } from '../api/bad-input.suite.ts';
import { lifecycleSuite } from '../api/lifecycle.suite.ts';
import { maintenanceRefusedSuite, maintenanceSuite } from '../api/maintenance/maintenance.suite.ts';
import { amendSuite } from '../api/sessions/amend.suite.ts';
import { comparisonSuite } from '../api/sessions/comparison.suite.ts';
import { openSessionSuite } from '../api/sessions/open-session.suite.ts';
import { sessionsSuite } from '../api/sessions/sessions.suite.ts';
import { watchSuite } from '../api/sessions/watch.suite.ts';
import { openGrpcDoor, openSocketDoor } from './grpc/doors.ts';
import { openHttpDoor, unsendableAsJson } from './http/doors.ts';

describe('artifacts through the gRPC door', () => artifactsSuite(openGrpcDoor));
describe('sessions through the gRPC door', () => sessionsSuite(openGrpcDoor));
describe('bad input through the gRPC door', () => badInputSuite(openGrpcDoor));
describe('early answers through the gRPC door', () => earlySuite(openGrpcDoor));
describe('opening sessions through the gRPC door', () => openSessionSuite(openGrpcDoor));
describe('queries through the gRPC door', () => queriesSuite(openGrpcDoor));
describe('watching through the gRPC door', () => watchSuite(openGrpcDoor));
describe('amending through the gRPC door', () => amendSuite(openGrpcDoor));
describe('share links through the gRPC door', () => shareLinksSuite(openGrpcDoor));
describe('lifecycles through the gRPC door', () => lifecycleSuite(openGrpcDoor));
describe('lineage through the gRPC door', () => lineageSuite(openGrpcDoor));
describe('comparisons through the gRPC door', () => comparisonSuite(openGrpcDoor));
describe('reading through the gRPC door', () => readingSuite(openGrpcDoor));

describe('maintenance through the gRPC door', () => maintenanceRefusedSuite(openGrpcDoor));

describe('artifacts through the local door', () => artifactsSuite(openSocketDoor));
describe('lifecycles through the local door', () => lifecycleSuite(openSocketDoor, { forOperators: true }));
describe('maintenance through the local door', () => maintenanceSuite(openSocketDoor));

describe.each(['Connect', 'Connect with JSON', 'gRPC-Web'] as const)('%s over HTTP/1.1', (protocol) => {
  const open = openHttpDoor(protocol);
  describe('artifacts', () => artifactsSuite(open));
  describe('sessions', () => sessionsSuite(open));
  describe('bad input', () => badInputSuite(open, protocol === 'Connect with JSON' ? unsendableAsJson : []));
  describe('early answers', () => earlySuite(open));
  describe('opening sessions', () => openSessionSuite(open));
  describe('queries', () => queriesSuite(open));
  describe('watching', () => watchSuite(open));
  describe('amending', () => amendSuite(open));
  describe('share links', () =>
    shareLinksSuite(open, protocol === 'Connect with JSON' ? unsendableAsJson : []));
  describe('lifecycles', () =>
    lifecycleSuite(open, { unsendable: protocol === 'Connect with JSON' ? unsendableAsJson : [] }));
  describe('lineage', () => lineageSuite(open));
  describe('comparisons', () => comparisonSuite(open));
  describe('reading', () => readingSuite(open));
  describe('maintenance', () => maintenanceRefusedSuite(open));
});
