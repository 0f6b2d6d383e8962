import { expect, it } from 'vitest';
import { reachableUrl } from '../../src/domain/address.ts';

it.each([
  ['127.0.0.1', 'http://127.0.0.1:80'],
  ['0.0.0.0', 'http://127.0.0.1:80'],
  ['::', 'http://[::1]:80'],
  ['::1', 'http://[::1]:80'],
  ['artifacts.example.org', 'http://artifacts.example.org:80'],
  ['fe80::1%eth0', undefined],
])('what listens on %s is reached at %s', (host, url) => {
  expect(reachableUrl('http', { host, port: 80 })).toBe(url);
});
