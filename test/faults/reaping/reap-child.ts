/**
 * Reaps a store and kills itself on the way. Arguments: the data directory, the time in milliseconds, the step at which it
 * kills itself and the how-manieth passing of it.
 */
import { workOn } from './work.ts';

const [dataDir = '', now, step, occurrence] = process.argv.slice(2);
let passed = 0;
await workOn(dataDir, 'reap', Number(now), (reached) => {
  if (reached === step && ++passed === Number(occurrence)) process.kill(process.pid, 'SIGKILL');
});
