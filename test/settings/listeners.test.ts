/** Where the service listens, and where it does not. */
import { describe, expect, it } from 'vitest';
import { readServeConfig } from '../../src/settings/config.ts';

const home = { HOME: '/home/me' };

describe('the settings', () => {
  it('of the gRPC listener are an address, or none', () => {
    expect(readServeConfig(['--grpc-listen', 'none'], home)).toMatchObject({ grpc: undefined, graceMs: 0 });
    expect(() => readServeConfig(['--grpc-listen', 'nowhere'], home)).toThrow(
      /^--grpc-listen: must be HOST:PORT/,
    );
  });

  it('of a service for as long as there is an input name no transport, or say none', () => {
    const none = ['--while-stdin', '--http-listen', 'none'];
    expect(readServeConfig(none, home)).toMatchObject({ grpc: undefined, http: undefined, admin: undefined });
    const env = { ...home, ARTIFACTA_ADMIN_LISTEN: '127.0.0.1:1' };
    expect(() => readServeConfig(none, env)).toThrow(/^ARTIFACTA_ADMIN_LISTEN: cannot be given/);
  });
});
