/** The settings of a service that shares its store. */
import { expect, it } from 'vitest';
import { readServeConfig } from '../../src/settings/config.ts';

const home = { HOME: '/home/me' };
const shared = ['--index', 'postgres://localhost/a', '--blobs', 'gs://bucket/store'];
const secret = ['--replica-secret-file', '/secret'];
const listening = ['--replica-listen', '127.0.0.1:7070'];
const configOf = (...args: string[]) => readServeConfig(args, home);

it('say where it listens, where it is reached, and what all of them know', () => {
  expect(configOf(...shared).replicas).toBeUndefined();
  expect(configOf(...shared, ...secret, '--replica-listen', 'none').replicas).toBeUndefined();
  const listen = { host: '127.0.0.1', port: 7_070 };
  expect(configOf(...shared, ...secret, '--replica-listen', '127.0.0.1:7070').replicas).toEqual({
    listen,
    address: '127.0.0.1:7070',
    secretFile: '/secret',
    leaseSeconds: 10,
  });
  const elsewhere = ['--replica-listen', '0.0.0.0:7070', '--replica-address', '[fd00::1]:7071'];
  expect(configOf(...shared, ...secret, ...elsewhere).replicas).toEqual({
    listen: { ...listen, host: '0.0.0.0' },
    address: '[fd00::1]:7071',
    secretFile: '/secret',
    leaseSeconds: 10,
  });
  const short = [...shared, ...secret, ...listening, '--replica-lease-seconds', '2.5'];
  expect(configOf(...short).replicas?.leaseSeconds).toBe(2.5);
  const atHome = ['--replica-secret-file', '~/secret', '--replica-listen', 'a.example:7070'];
  expect(configOf(...shared, ...atHome).replicas?.secretFile).toBe('/home/me/secret');
});

it('warn of what crosses the network without encryption', () => {
  const warned = (...args: string[]) => configOf(...shared, ...secret, ...args).warnings.join();
  const open = ['--replica-listen', '10.0.0.1:7070'];
  expect(warned(...open)).toContain('--replica-listen: what replicas say to each other crosses the network');
  expect(warned(...open, '--tls-cert', '/c', '--tls-key', '/k')).not.toContain('--replica-listen');
  expect(warned('--replica-listen', '127.0.0.1:7070')).not.toContain('--replica-listen');
});

it.each<[readonly string[], string]>([
  [['--replica-address', '10.0.0.1:7070'], '--replica-address: needs --replica-listen'],
  [listening, '--replica-listen: needs an index that several processes can share: give --index postgres://…'],
  [
    [...listening, '--index', 'postgres://localhost/a'],
    '--replica-listen: needs contents that several processes can share: give --blobs',
  ],
  [
    [...listening, ...shared],
    '--replica-listen: needs the secret of the replicas: give --replica-secret-file',
  ],
  [
    [...shared, ...secret, '--replica-listen', '127.0.0.1:0'],
    '--replica-listen: must have a port that the other replicas know, not 0',
  ],
  [
    [...shared, ...secret, '--replica-listen', '0.0.0.0:7070'],
    '--replica-listen: must have a host that the other replicas reach, not 0.0.0.0: give --replica-address',
  ],
  [
    [...shared, ...secret, ...listening, '--replica-address', '[::]:7070'],
    '--replica-address: must have a host that the other replicas reach, not ::',
  ],
  [
    [...shared, ...secret, ...listening, '--while-stdin'],
    '--replica-listen: cannot be given with --while-stdin',
  ],
  [
    [...shared, ...secret, ...listening, '--replica-lease-seconds', '0.5'],
    '--replica-lease-seconds: must be at least 1 second',
  ],
  [[...shared, ...secret, '--replica-listen', '7070'], '--replica-listen: must be HOST:PORT'],
])('that cannot be used are named with the reason: %j', (args, expected) => {
  expect(() => configOf(...args)).toThrow(expected);
});
