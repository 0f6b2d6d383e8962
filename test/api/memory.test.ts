import { describe } from 'vitest';
import { openMemoryDoor } from '../support/door.ts';
import { openNamespaceDoor } from '../support/namespace-door.ts';
import { artifactsSuite } from './artifacts.suite.ts';
import { badInputSuite } from './bad-input.suite.ts';
import { earlySuite } from './early.suite.ts';
import { openSessionSuite } from './open-session.suite.ts';
import { readingSuite } from './reading.suite.ts';
import { sessionsSuite } from './sessions.suite.ts';

describe('artifacts through the memory door', () => artifactsSuite(openMemoryDoor));
describe('sessions through the memory door', () => sessionsSuite(openMemoryDoor));
describe('bad input through the memory door', () => badInputSuite(openMemoryDoor));
describe('early answers through the memory door', () => earlySuite(openMemoryDoor));
describe('opening sessions through the memory door', () => openSessionSuite(openMemoryDoor));
describe('reading through the memory door', () => readingSuite(openMemoryDoor));

describe('artifacts in another namespace', () => artifactsSuite(openNamespaceDoor));
describe('sessions in another namespace', () => sessionsSuite(openNamespaceDoor));
