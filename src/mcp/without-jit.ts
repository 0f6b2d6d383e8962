/**
 * Makes zod check values without code that it writes at run time. That code pays off after many values of one schema.
 * A process that serves one client sees few, and over HTTP each request makes its own schemas. It has to be imported
 * before anything that makes a schema, the SDK of MCP included.
 */
import { config } from 'zod/v4';

config({ jitless: true });
