import { describe } from 'vitest';
import { openMemoryDoor } from '../support/door.ts';
import { artifactsSuite } from './artifacts.suite.ts';
import { badInputSuite } from './bad-input.suite.ts';
import { sessionsSuite } from './sessions.suite.ts';

describe('artifacts through the memory door', () => artifactsSuite(openMemoryDoor));
describe('sessions through the memory door', () => sessionsSuite(openMemoryDoor));
describe('bad input through the memory door', () => badInputSuite(openMemoryDoor));
