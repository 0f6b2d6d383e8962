/** The settings and where they come from. */
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { formatAddress, isLoopback, parseAddress } from '../../src/domain/address.ts';
import { limits } from '../../src/domain/limits.ts';
import {
  keptSettingsPath,
  openCompileCacheDir,
  readClientConfig,
  readReapConfig,
  readServeConfig,
} from '../../src/settings/config.ts';
import { serveHelp } from '../../src/settings/help.ts';
import type { Setting } from '../../src/settings/setting.ts';
import { settings } from '../../src/settings/settings.ts';
import { SettingError } from '../../src/settings/source.ts';
import { newDirectory } from '../support/command.ts';

const home = { HOME: '/home/me' };

async function keptFile(configDir: string): Promise<string> {
  await mkdir(join(configDir, 'artifacta'));
  return join(configDir, 'artifacta', 'config.json');
}

function problem(args: readonly string[], env: Record<string, string> = home): string {
  try {
    readServeConfig(args, env);
  } catch (error) {
    if (error instanceof SettingError) return error.message;
    throw error;
  }
  throw new Error('accepted');
}

describe('a leading ~/', () => {
  const paths = (Object.keys(settings) as (keyof typeof settings)[])
    .filter((name) => ['DIR', 'FILE', 'PATH'].includes((settings[name] as Setting).value ?? ''))
    .filter((name) => name !== 'replicaSecretFile'); // It needs others: see `replicas.test.ts`.
  /** Settings of paths that have no flag. */
  const bare = ['clientTlsCa', 'clientTlsCert', 'clientTlsKey'] as const;
  const needed: Record<string, string> = { ARTIFACTA_TLS_CERT: '/c', ARTIFACTA_TLS_KEY: '/k' };
  Object.assign(needed, { ARTIFACTA_TLS_CLIENT_CERT: '/c', ARTIFACTA_TLS_CLIENT_KEY: '/k' });

  it.each([...paths, ...bare])('is the directory of the user: %s', (name) => {
    const { flag, env, serve } = settings[name] as Setting;
    const text = (given: string) => JSON.stringify(readServeConfig([], { ...home, ...needed, [env]: given }));
    expect(text('~/some/where')).toContain('"/home/me/some/where');
    expect(text('~')).toMatch(/"\/home\/me["/]/);
    expect(text('./~/x')).not.toContain('"/home/me/x');
    expect(() => text('~me/x')).toThrow(
      new SettingError(env, 'must not begin with ~me: write the path in full, or begin it with ~/'),
    );
    if (flag === undefined || serve === false) return;
    const flagged = readServeConfig([`--${flag}=~/some/where`], { ...home, ...needed });
    expect(JSON.stringify(flagged)).toContain('"/home/me/some/where');
  });

  it('is that for flags of the command line, for sockets in URLs, and where XDG says that things are', () => {
    const config = readClientConfig({ dataDir: '~/d', tokenFile: '~/t' }, home);
    expect(config).toMatchObject({ dataDir: '/home/me/d', tokenFile: '/home/me/t' });
    expect(readClientConfig({ url: 'unix:~/d/run/sock' }, home).url).toBe('unix:/home/me/d/run/sock');
    expect(readClientConfig({}, { ...home, XDG_DATA_HOME: '~/x' }).dataDir).toBe('/home/me/x/artifacta');
  });
});

describe('the directory for compiled code', () => {
  const within = (directory: string, path: string) => `${path}/`.startsWith(`${directory}/`);
  /** A home with nothing in it, what is opened there, and whether that was made. */
  async function openedWith(args: readonly string[], env: (home: string) => Record<string, string>) {
    const directory = await newDirectory();
    const opened = openCompileCacheDir(args, within, { HOME: directory, ...env(directory) });
    return { opened, made: await readdir(directory), directory };
  }

  it('is made in the cache of the user', async () => {
    const { opened, directory } = await openedWith([], () => ({}));
    expect(opened).toBe(join(directory, '.cache/artifacta/compiled'));
    expect((await stat(opened!)).mode & 0o777).toBe(0o700);
    const elsewhere = await openedWith(['--data-dir', '/none'], (home) => ({ XDG_CACHE_HOME: `${home}/c` }));
    expect(elsewhere.opened).toBe(join(elsewhere.directory, 'c/artifacta/compiled'));
  });

  it.each<[what: string, args: (home: string) => string[], env: (home: string) => Record<string, string>]>([
    ['--data-dir HOME', (home) => ['serve', '--data-dir', home], () => ({})],
    ['--data-dir=HOME', (home) => ['reap', `--data-dir=${home}/`], () => ({})],
    ['--data-dir=~', () => ['push', '--data-dir=~', 'x'], () => ({})],
    ['the environment', () => ['ls'], (home) => ({ ARTIFACTA_DATA_DIR: home })],
    ['the cache itself', () => ['ls'], (home) => ({ ARTIFACTA_DATA_DIR: `${home}/.cache` })],
    ['the defaults', () => [], (home) => ({ XDG_DATA_HOME: home, XDG_CACHE_HOME: `${home}/artifacta/c` })],
    ['a cache of Node', () => [], () => ({ NODE_COMPILE_CACHE: '/opt/compiled' })],
    ['no cache of Node', () => [], () => ({ NODE_DISABLE_COMPILE_CACHE: '1' })],
  ])('is not made with %s', async (_what, args, env) => {
    const directory = await newDirectory();
    const opened = openCompileCacheDir(args(directory), within, { HOME: directory, ...env(directory) });
    expect([opened, await readdir(directory)]).toEqual([undefined, []]);
  });

  it('is not made where the data directory that is kept would hold it', async () => {
    const directory = await newDirectory();
    const env = { HOME: '/none', XDG_CONFIG_HOME: directory, XDG_CACHE_HOME: join(directory, 'd/c') };
    await mkdir(join(directory, 'artifacta'));
    await writeFile(
      join(directory, 'artifacta/config.json'),
      JSON.stringify({ 'data-dir': join(directory, 'd') }),
    );
    expect(openCompileCacheDir([], within, env)).toBeUndefined();
    expect(await readdir(directory)).toEqual(['artifacta']);
  });

  it.each(['/proc/none', '/dev/null'])('is none where the home is %s', (HOME) => {
    expect(openCompileCacheDir([], within, { HOME })).toBeUndefined();
  });
});

describe('settings', () => {
  it('have the defaults that their table says', () => {
    expect(readServeConfig([], home)).toEqual({
      dataDir: '/home/me/.local/share/artifacta',
      socket: '/home/me/.local/share/artifacta/run/sock',
      url: undefined,
      token: undefined,
      tokenFile: undefined,
      namespace: undefined,
      artifactBytesMax: Number(settings.artifactBytesMax.default),
      inlineBytesMax: Number(settings.inlineBytesMax.default),
      reserveBytes: undefined,
      rowCacheBytes: Number(settings.rowCacheBytes.default),
      lockWaitMs: Number(settings.lockWaitSeconds.default) * 1_000,
      logLevel: settings.logLevel.default,
      grpc: parseAddress(settings.grpcListen.default),
      http: parseAddress(settings.httpListen.default),
      redirects: undefined,
      shipsSeals: false,
      httpHosts: [],
      hasConsole: true,
      mcpConsented: [],
      previewOrigin: undefined,
      corsOrigins: [],
      auth: false,
      authConfig: undefined,
      tls: undefined,
      clientTls: {},
      admin: parseAddress(settings.adminListen.default),
      otlpTracesUrl: undefined,
      graceMs: 0,
      drainMs: Number(settings.drainSeconds.default) * 1_000,
      whileStdin: false,
      withReaper: false,
      logFormat: settings.logFormat.default,
      publicUrl: undefined,
      warnings: [],
    });
    expect(Number(settings.artifactBytesMax.default)).toBe(limits.artifactBytesMaxDefault);
    expect(Number(settings.inlineBytesMax.default)).toBe(limits.inlineContentBytesMaxDefault);
    expect(Number(settings.drainSeconds.default) * 1_000).toBe(limits.drainMillisecondsDefault);
  });

  it('of the user and of XDG count if they are absolute, and none is where the command runs', () => {
    const { homedir } = userInfo();
    const nowhere = { XDG_DATA_HOME: '', XDG_CONFIG_HOME: '', XDG_CACHE_HOME: '', XDG_RUNTIME_DIR: '' };
    for (const HOME of [undefined, '', '.', 'relative', './x'])
      for (const xdg of [
        {},
        nowhere,
        { XDG_DATA_HOME: 'a', XDG_CONFIG_HOME: './b', XDG_RUNTIME_DIR: '..' },
      ]) {
        const env = HOME === undefined ? xdg : { ...xdg, HOME };
        expect(readServeConfig([], env).dataDir).toBe(join(homedir, '.local/share/artifacta'));
        expect(keptSettingsPath(env)).toBe(join(homedir, '.config/artifacta/config.json'));
        const { socket } = readServeConfig(['--data-dir', `/${'x'.repeat(200)}`], env);
        expect(socket).toMatch(new RegExp(`^${tmpdir()}/artifacta-`));
      }
    expect(readServeConfig([], { HOME: '/home/me', ...nowhere }).dataDir).toBe(
      '/home/me/.local/share/artifacta',
    );
  });

  it('come from flags before the environment before XDG', () => {
    const env = { ...home, XDG_DATA_HOME: '/xdg' };
    expect(readServeConfig([], env).dataDir).toBe('/xdg/artifacta');
    expect(readServeConfig([], { ...env, ARTIFACTA_DATA_DIR: '/env' }).dataDir).toBe('/env');
    const flags = ['--data-dir', '/flag'];
    expect(readServeConfig(flags, { ...env, ARTIFACTA_DATA_DIR: '/env' }).dataDir).toBe('/flag');
    expect(readServeConfig([], { ...env, ARTIFACTA_DATA_DIR: '' }).dataDir).toBe('/xdg/artifacta');
  });

  it('of the command line: a named directory outranks a URL that was not named', () => {
    const env = { ...home, ARTIFACTA_URL: 'grpc://x:1', ARTIFACTA_TOKEN: 't' };
    expect(readClientConfig({}, env)).toMatchObject({ url: 'grpc://x:1', token: 't' });
    expect(readClientConfig({ url: 'unix:/s' }, env).url).toBe('unix:/s');
    expect(readClientConfig({ dataDir: '/d' }, env)).toMatchObject({ url: undefined, dataDir: '/d' });
  });

  it('of the command line: what is named in a stronger way counts', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'artifacta-config-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const env = { XDG_CONFIG_HOME: directory, HOME: '/home/me' };
    const kept = { url: 'grpc://kept:1', 'token-file': '/kept', 'data-dir': '/kept-data', namespace: 'kept' };
    await writeFile(await keptFile(directory), JSON.stringify(kept));
    expect(readClientConfig({}, env)).toMatchObject({
      url: 'grpc://kept:1',
      token: undefined,
      tokenFile: '/kept',
      dataDir: '/kept-data',
      namespace: 'kept',
    });
    expect(readClientConfig({}, { ...env, ARTIFACTA_DATA_DIR: '/e' })).toMatchObject({
      url: undefined,
      dataDir: '/e',
    });
    expect(readClientConfig({}, { ...env, ARTIFACTA_TOKEN: 't' })).toMatchObject({
      token: 't',
      tokenFile: undefined,
    });
    const both = { ...env, ARTIFACTA_TOKEN: 't', ARTIFACTA_NAMESPACE: 'e', ARTIFACTA_URL: 'grpc://e:1' };
    expect(readClientConfig({ tokenFile: '/f', namespace: 'f' }, both)).toMatchObject({
      url: 'grpc://e:1',
      token: undefined,
      tokenFile: '/f',
      namespace: 'f',
    });
    expect(() => readClientConfig({}, { ...both, ARTIFACTA_TOKEN_FILE: '/e' })).toThrow(
      'ARTIFACTA_TOKEN_FILE: cannot be given with ARTIFACTA_TOKEN; give one of them',
    );
  });

  it.each([
    ['{', /config\.json: must be JSON/],
    ['[]', /config\.json: must be one JSON object/],
    ['{"token": "secret"}', /config\.json: "token" is not a setting/],
    ['{"url": 7}', /config\.json: url must be a string/],
    ['{"url": "ftp://x"}', /config\.json: url: must be a grpc/],
    ['{"namespace": "../x"}', /config\.json: namespace: must be 1 to 63/],
  ])('of the command line: a file that holds %s is refused', async (text, why) => {
    const directory = await mkdtemp(join(tmpdir(), 'artifacta-config-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(await keptFile(directory), text);
    expect(() => readClientConfig({}, { XDG_CONFIG_HOME: directory })).toThrow(why);
  });

  it.each<[string, RegExp | undefined]>([
    ['grpc://h:1', undefined],
    ['grpc://h', undefined],
    ['grpcs://h:1/', undefined],
    ['http://[::1]:8080', undefined],
    ['https://h', undefined],
    ['unix:/run/sock', undefined],
    ['unix:///run/sock', undefined],
    ['unix:sock', undefined],
    ['unix:', /must name the path/],
    ['unix://run/sock', /must name the path/],
    ['grpc://u:secret@h:1', /must not contain credentials/],
    ['http://secret@h', /must not contain credentials/],
    ['grpc://h:1/path', /must not contain a path/],
    ['https://h/prefix/', /must not contain a path/],
    ['http://h?token=secret', /must end after/],
    ['http://h#x', /must end after/],
    ['grpc://', /must name a host|must be a grpc/],
    ['h:50051', /must be a grpc/],
    ['127.0.0.1:50051', /must be a grpc/],
  ])('of the command line: the URL %s', (url, why) => {
    const read = () => readClientConfig({ url }, home).url;
    if (why === undefined) expect(read()).toBe(url);
    else {
      expect(read).toThrow(why);
      expect(read).not.toThrow(/secret/);
    }
  });

  it('put the socket somewhere shorter where its path would be too long', () => {
    const dataDir = `/${'x'.repeat(100)}`;
    const { socket } = readServeConfig(['--data-dir', dataDir], { ...home, XDG_RUNTIME_DIR: '/run/user/7' });
    expect(socket).toMatch(/^\/run\/user\/7\/artifacta\/[0-9a-f]{32}$/);
    const other = readServeConfig(['--data-dir', `${dataDir}y`], { ...home, XDG_RUNTIME_DIR: '/run/user/7' });
    expect(other.socket).not.toBe(socket);
  });

  it.each<[string[], Record<string, string>, RegExp]>([
    [['--grpc-listen', 'nonsense'], {}, /^--grpc-listen: must be HOST:PORT/],
    [['--grpc-listen', '127.0.0.1:65536'], {}, /^--grpc-listen: must be HOST:PORT/],
    [[], { ARTIFACTA_GRPC_LISTEN: '::1:5' }, /^ARTIFACTA_GRPC_LISTEN: must be HOST:PORT/],
    [['--http-listen', ':8080'], {}, /^--http-listen: must be HOST:PORT/],
    [[], { ARTIFACTA_HTTP_HOSTS: 'a,b:8080' }, /^ARTIFACTA_HTTP_HOSTS: must be host names.*b:8080/],
    [['--cors-origin', '*'], {}, /^--cors-origin: .*--auth/],
    [['--tls-cert', '/c'], {}, /^ARTIFACTA_TLS_KEY: is required with the certificate/],
    [[], { ARTIFACTA_TLS_CLIENT_CA: '/c' }, /^ARTIFACTA_TLS_CERT: is required with the key/],
    [['--tls-client-auth', 'maybe'], {}, /^--tls-client-auth: must be required or optional/],
    [[], { ARTIFACTA_TLS_CLIENT_CERT: '/c' }, /^ARTIFACTA_TLS_CLIENT_KEY: is required: certificate and key/],
    [['--cors-origin', 'null'], {}, /^--cors-origin: must be origins.*null/],
    [[], { ARTIFACTA_CORS_ORIGINS: 'https://a.example/' }, /^ARTIFACTA_CORS_ORIGINS: must be origins/],
    [['--admin-listen', 'nowhere'], {}, /^--admin-listen: must be HOST:PORT/],
    [['--inline-bytes-max', '-1'], {}, /inline-bytes-max/],
    [['--inline-bytes-max=1e3'], {}, /^--inline-bytes-max: must be a number of bytes from 0 to 1048576/],
    [['--inline-bytes-max=2MiB'], {}, /^--inline-bytes-max: must be a number of bytes from 0 to 1048576/],
    [[], { ARTIFACTA_RESERVE_BYTES: '5G' }, /^ARTIFACTA_RESERVE_BYTES: must be a number of bytes/],
    [['--drain-seconds', '9999999'], {}, /^--drain-seconds: must be from 0 to 3600 seconds/],
    [['--drain-seconds', '1.5w'], {}, /^--drain-seconds: must be from 0 to 3600 seconds/],
    [['--grace-seconds=-1'], {}, /^--grace-seconds: must be from 0 to 3600 seconds/],
    [['--data-dir='], {}, /^--data-dir: must not be empty/],
    [[], { ARTIFACTA_LOG_LEVEL: 'loud' }, /^ARTIFACTA_LOG_LEVEL: must be trace, .* or silent, not loud/],
    [[], { ARTIFACTA_INSECURE: 'maybe' }, /^ARTIFACTA_INSECURE: must be true or false/],
    [[], { ARTIFACTA_URL: 'ftp://x' }, /^ARTIFACTA_URL: must be/],
    [['--nonsense'], {}, /nonsense/],
    [['stray'], {}, /stray/],
  ])('that cannot be used are named with the reason: %j %j', (args, env, expected) => {
    expect(problem(args, { ...home, ...env })).toMatch(expected);
  });

  it('take times and sizes with units, and without: seconds and bytes', () => {
    const sizes = `--artifact-bytes-max 1.5GiB --inline-bytes-max 64KiB --reserve-bytes 0 --row-cache-bytes 0`;
    const times = ['--grace-seconds', '1.5m', '--drain-seconds', '2.5', '--lock-wait-seconds', '0.5h'];
    expect(readServeConfig([...sizes.split(' '), ...times], home)).toMatchObject({
      artifactBytesMax: 1.5 * 1024 ** 3,
      inlineBytesMax: 65_536,
      reserveBytes: 0,
      rowCacheBytes: 0,
      graceMs: 90_000,
      drainMs: 2_500,
      lockWaitMs: 1_800_000,
    });
    const reaping = ['--interval-seconds', '2m', '--scrub-bytes-per-second', '1MB'];
    expect(readReapConfig(reaping, home)).toMatchObject({ intervalMs: 120_000, scrubBytesPerSecond: 1e6 });
  });

  it('refuse addresses that others reach, unless told not to', () => {
    for (const host of ['0.0.0.0', '[::]', '192.168.1.1', 'example.org']) {
      for (const flag of ['--grpc-listen', '--http-listen'])
        expect(problem([flag, `${host}:1`])).toMatch(new RegExp(`^${flag}: .*--auth.*--insecure`));
    }
    const open = readServeConfig(['--grpc-listen', '0.0.0.0:1', '--insecure'], home);
    expect(open).toMatchObject({ grpc: { host: '0.0.0.0', port: 1 }, graceMs: 5_000 });
    expect(readServeConfig(['--http-listen', '0.0.0.0:1', '--insecure'], home).graceMs).toBe(5_000);
    expect(readServeConfig(['--http-listen', '0.0.0.0:1', '--auth'], home).auth).toBe(true);
    expect(readServeConfig(['--http-listen', '0.0.0.0:1', '--auth-config', '/f'], home).auth).toBe(true);
    expect(readServeConfig(['--cors-origin', '*', '--auth'], home).corsOrigins).toEqual(['*']);
    const shown = readServeConfig(['--http-listen', '0.0.0.0:1', '--auth'], home).warnings;
    expect(shown).toEqual([expect.stringMatching(/without encryption/)]);
    const files = ['--tls-cert', '/c', '--tls-key', '/k'];
    expect(readServeConfig(['--http-listen', '0.0.0.0:1', '--auth', ...files], home).warnings).toEqual([]);
    expect(readServeConfig(['--grpc-listen', '[::1]:1'], home).grpc?.host).toBe('::1');
  });

  it('of the HTTP listener are lists, and none of it', () => {
    const flags = ['--http-listen', 'none', '--http-hosts', 'artifacta, store.internal'];
    const env = { ...home, ARTIFACTA_CORS_ORIGINS: 'https://a.example,http://localhost:3000,' };
    expect(readServeConfig(flags, env)).toMatchObject({
      http: undefined,
      httpHosts: ['artifacta', 'store.internal'],
      corsOrigins: ['https://a.example', 'http://localhost:3000'],
    });
  });

  it('put the admin listener where they say, or nowhere, and warn if others reach it', () => {
    expect(readServeConfig(['--admin-listen', 'none'], home).admin).toBeUndefined();
    expect(readServeConfig([], { ...home, ARTIFACTA_ADMIN_LISTEN: 'none' }).admin).toBeUndefined();
    const { admin, warnings } = readServeConfig([], { ...home, ARTIFACTA_ADMIN_LISTEN: '0.0.0.0:2' });
    expect(admin).toEqual({ host: '0.0.0.0', port: 2 });
    expect(warnings).toEqual([
      expect.stringMatching(/^ARTIFACTA_ADMIN_LISTEN: other machines can reach 0\.0\.0\.0/),
    ]);
  });

  it('name the collector of spans as OpenTelemetry does', () => {
    const url = (env: Record<string, string>, ...args: string[]) =>
      readServeConfig(args, { ...home, ...env }).otlpTracesUrl;
    expect(url({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' })).toBe('http://c:4318/v1/traces');
    expect(url({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c/otel/' })).toBe('http://c/otel/v1/traces');
    expect(url({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/x' })).toBe('https://c/x');
    expect(url({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' }, '--otlp-traces-endpoint', 'http://d/t')).toBe(
      'http://d/t',
    );
    expect(problem([], { ...home, OTEL_EXPORTER_OTLP_ENDPOINT: 'grpc://me:secret@c' })).toBe(
      'OTEL_EXPORTER_OTLP_ENDPOINT: must be an http:// or https:// URL',
    );
  });

  it('are all in the help, and those of clients are not', () => {
    const help = serveHelp();
    for (const { flag, env, serve } of Object.values<Setting>(settings)) {
      expect(help.includes(env)).toBe(serve !== false);
      if (flag !== undefined) expect(help.includes(`--${flag} `)).toBe(serve !== false);
    }
  });
});

describe('addresses', () => {
  it.each(['127.0.0.1:0', '[::1]:65535', 'localhost:50051'])('%s is read and written', (text) => {
    expect(formatAddress(parseAddress(text)!)).toBe(text);
  });

  it('are on loopback or not', () => {
    expect(['127.0.0.1', '127.9.9.9', 'localhost', '::1'].filter(isLoopback)).toHaveLength(4);
    expect(['0.0.0.0', '::', '10.0.0.1', '127.evil.example', 'localhost.evil'].filter(isLoopback)).toEqual(
      [],
    );
  });
});
