/** What `helm test` runs: pushes, queries, pulls and compares, with the command of the image. */
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const id = randomUUID();
const session = `helm-test-${id}`;
const directory = mkdtempSync('/tmp/test-');
const sent = join(directory, 'sent.bin');
// Larger than what the index keeps: a file of the volume has to be written and read.
const bytes = randomBytes(100_000);
writeFileSync(sent, bytes);

function artifacta(...args) {
  console.log(`$ artifacta ${args.join(' ')}`);
  const out = execFileSync('artifacta', args, {
    encoding: 'utf8',
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.stdout.write(out);
  return out;
}

function fail(text) {
  console.error(`helm test: ${text}`);
  process.exit(1);
}

try {
  artifacta('push', sent, '--session', session, '--name', 'sent.bin', '--meta', `helm_test=${id}`);
  const found = artifacta('query', '--where', `helm_test=${id}`, '--json').trim().split('\n');
  if (found.length !== 1 || JSON.parse(found[0]).name !== 'sent.bin')
    fail('the query does not find what was pushed');
  artifacta('pull', session, '--to', join(directory, 'pulled'));
  if (!readFileSync(join(directory, 'pulled', 'sent.bin')).equals(bytes))
    fail('other bytes came back than were pushed');
  artifacta('session', 'rm', session);
  console.log('helm test: pushed, found, pulled and compared');
} catch (error) {
  if (error.status === 5) {
    console.error('helm test: set test.token.existingSecret to a Secret with an API key, or');
    console.error('test.clientCertificate.existingSecret to one with a certificate; see docs/kubernetes.md');
  }
  fail(error.message);
}
