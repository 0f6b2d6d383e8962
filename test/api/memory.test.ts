import { openMemoryDoor } from '../support/door.ts';
import { openNamespaceDoor } from '../support/namespace-door.ts';
import { suitesThrough } from './suites.ts';

suitesThrough('the memory door', openMemoryDoor);
suitesThrough('another namespace', openNamespaceDoor);
