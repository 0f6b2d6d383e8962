/**
 * Where the processes that tests start keep what V8 has compiled. One directory for all of them, though each test has a
 * home of its own: a command line that finds nothing here spends two thirds of its processor time on compiling.
 */
import { resolve } from 'node:path';

export const compileCache = resolve(import.meta.dirname, '../../node_modules/.cache/artifacta-compiled');
