/** The bucket in a process of its own, which outlives the services. Its one line of output is its address. */
import { writeSync } from 'node:fs';
import { FakeGcs } from '../../support/gcs/server.ts';

const fake = await FakeGcs.open();
writeSync(1, `${fake.endpoint}\n`);
// It ends with the rig, however that ends.
process.stdin.on('end', () => process.exit(0)).resume();
