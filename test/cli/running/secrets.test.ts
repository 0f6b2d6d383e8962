import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isSecretFile, secretFiles, withoutSecrets } from '../../../src/cli/running/secrets.ts';

describe('a file of secrets', () => {
  it.each([
    '.env',
    'app/.env.production',
    'tls/Server.PEM',
    'id_rsa',
    'home/.ssh/config',
    '.aws/credentials',
    'deep/credentials.json',
    '.docker/config.json',
  ])('is %s', (name) => expect(isSecretFile(name)).toBe(true));

  it.each(['env.txt', 'environment', 'keys.csv', 'monkey', 'report.pem.txt', 'ssh/config', 'credentials.md'])(
    'is not %s',
    (name) => expect(isSecretFile(name)).toBe(false),
  );

  it('is in the docs', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../../docs/run.md'), 'utf8');
    for (const pattern of secretFiles) expect(docs).toContain(`\`${pattern}\``);
  });
});

describe('a command line', () => {
  it.each([
    [
      ['--password', 'p1'],
      ['--password', '***'],
    ],
    [['--password=p1'], ['--password=***']],
    [
      ['-token', 'p1', 'x'],
      ['-token', '***', 'x'],
    ],
    [
      ['API_KEY=p1', 'run'],
      ['API_KEY=***', 'run'],
    ],
    [
      ['sh', '-c', 'DB_PASSWORD="p 1" ./go --auth-token=p2 x'],
      ['sh', '-c', 'DB_PASSWORD=*** ./go --auth-token=*** x'],
    ],
    [
      ['-H', 'Authorization: Bearer abc.def'],
      ['-H', 'Authorization: Bearer ***'],
    ],
    [
      ['-H', 'x-api-key: abc'],
      ['-H', 'x-api-key: ***'],
    ],
    [['https://user:p1@host/path'], ['https://user:***@host/path']],
    [[`ghp_${'a'.repeat(36)}`], ['***']],
    [['AKIAIOSFODNN7EXAMPLE'], ['***']],
  ])('loses what looks like a secret: %j', (given, shown) => expect(withoutSecrets(given)).toEqual(shown));

  it.each([
    [['python3', 'report.py', '--month', '2026-10']],
    [['--token-limit-file', '--verbose']],
    [['https://host:8080/path', 'a=b', 'tokenizer']],
  ])('keeps what does not: %j', (given) => expect(withoutSecrets(given)).toEqual(given));
});
