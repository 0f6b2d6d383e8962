import { openNamespaceService } from '../support/namespace-service.ts';
import { openMemoryService } from '../support/service.ts';
import { suitesThrough } from './suites.ts';

suitesThrough('the memory transport', openMemoryService);
suitesThrough('another namespace', openNamespaceService);
