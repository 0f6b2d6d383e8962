import { describe } from 'vitest';
import { openMemoryDoor } from '../support/door.ts';
import { openNamespaceDoor } from '../support/namespace-door.ts';
import { amendSuite } from './amend.suite.ts';
import { artifactsSuite } from './artifacts.suite.ts';
import { badInputSuite } from './bad-input.suite.ts';
import { comparisonSuite } from './comparison.suite.ts';
import { earlySuite } from './early.suite.ts';
import { lineageSuite } from './lineage.suite.ts';
import { maintenanceSuite } from './maintenance.suite.ts';
import { openSessionSuite } from './open-session.suite.ts';
import { queriesSuite } from './queries.suite.ts';
import { readingSuite } from './reading.suite.ts';
import { sessionsSuite } from './sessions.suite.ts';
import { watchSuite } from './watch.suite.ts';

describe('artifacts through the memory door', () => artifactsSuite(openMemoryDoor));
describe('sessions through the memory door', () => sessionsSuite(openMemoryDoor));
describe('bad input through the memory door', () => badInputSuite(openMemoryDoor));
describe('early answers through the memory door', () => earlySuite(openMemoryDoor));
describe('opening sessions through the memory door', () => openSessionSuite(openMemoryDoor));
describe('queries through the memory door', () => queriesSuite(openMemoryDoor));
describe('watching through the memory door', () => watchSuite(openMemoryDoor));
describe('amending through the memory door', () => amendSuite(openMemoryDoor));
describe('maintenance through the memory door', () => maintenanceSuite(openMemoryDoor));
describe('reading through the memory door', () => readingSuite(openMemoryDoor));

describe('artifacts in another namespace', () => artifactsSuite(openNamespaceDoor));
describe('sessions in another namespace', () => sessionsSuite(openNamespaceDoor));
describe('maintenance in another namespace', () => maintenanceSuite(openNamespaceDoor));
describe('queries in another namespace', () => queriesSuite(openNamespaceDoor));
describe('lineage through the memory door', () => lineageSuite(openMemoryDoor));
describe('comparisons through the memory door', () => comparisonSuite(openMemoryDoor));

describe('artifacts in another namespace', () => artifactsSuite(openNamespaceDoor));
describe('sessions in another namespace', () => sessionsSuite(openNamespaceDoor));
describe('lineage in another namespace', () => lineageSuite(openNamespaceDoor));
describe('comparisons in another namespace', () => comparisonSuite(openNamespaceDoor));
