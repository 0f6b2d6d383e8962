/** Settings of the service whose values need a look at others, or at a list of words. */
import { formatAddress, isLoopback } from '../domain/address.ts';
import type { LogFormat, ServeConfig, TlsPaths } from './config-shapes.ts';
import { SettingError, type Source } from './source.ts';

/** Returns the form of log lines. @throws SettingError. */
export function logFormatOf(source: Source): LogFormat {
  const format = source.text('logFormat') ?? 'auto';
  if (format === 'auto' || format === 'json' || format === 'text') return format;
  throw new SettingError(source.name('logFormat'), `must be auto, json or text, not ${format}`);
}

/** Returns whom downloads redirect, and from which size. @throws SettingError. */
export function redirectsOf(source: Source): ServeConfig['redirects'] {
  const whom = source.text('redirectDownloads') ?? 'off';
  const name = source.name('redirectDownloads');
  if (whom !== 'off' && whom !== 'clients' && whom !== 'links')
    throw new SettingError(name, `must be off, clients or links, not ${whom}`);
  const bytesMin = source.bytes('redirectBytesMin', 2 ** 50) ?? 8 * 1024 ** 2;
  if (whom === 'off') return undefined;
  if (source.bucket('blobs') === undefined)
    throw new SettingError(name, `must be off, or the contents must be in a bucket: give --blobs`);
  return { hasLinks: whom === 'links', bytesMin };
}

/** Returns the direct uploads that are allowed. Undefined: none. @throws SettingError. */
export function directUploadsOf(source: Source): ServeConfig['directUploads'] {
  const bytesMin = source.bytes('directUploadBytesMin', 2 ** 50);
  if (bytesMin === undefined) return undefined;
  const name = source.name('directUploadBytesMin');
  if (bytesMin === 0) throw new SettingError(name, 'must be at least 1');
  if (source.bucket('blobs') === undefined)
    throw new SettingError(name, 'must not be given, or the contents must be in a bucket: give --blobs');
  return { bytesMin };
}

/**
 * Returns the origin of previews. Undefined: that of the service.
 *
 * @throws SettingError for an origin that is not apart from that of the pages which show previews.
 */
export function previewOriginOf(source: Source): string | undefined {
  const origins = source.origins('previewOrigin', false);
  const [origin] = origins;
  if (origin === undefined) return undefined;
  const name = source.name('previewOrigin');
  if (origins.length > 1) throw new SettingError(name, 'must be one origin');
  const publicUrl = source.webRoot('publicUrl');
  if (publicUrl === undefined)
    throw new SettingError(name, 'needs --public-url, the address of the pages that show previews');
  if (new URL(publicUrl).hostname === new URL(origin).hostname)
    throw new SettingError(name, 'must have another host name than --public-url');
  return origin;
}

/**
 * Returns how the service shares its store with others. Undefined: it has the store for itself.
 *
 * @throws SettingError
 */
export function replicasOf(source: Source): ServeConfig['replicas'] {
  const listen = source.text('replicaListen') === 'none' ? undefined : source.address('replicaListen');
  const [address, secretFile] = [source.address('replicaAddress'), source.path('replicaSecretFile')];
  if (listen === undefined) {
    if (address !== undefined)
      throw new SettingError(source.name('replicaAddress'), 'needs --replica-listen');
    return undefined;
  }
  const name = source.name('replicaListen');
  if (source.flag('whileStdin')) throw new SettingError(name, 'cannot be given with --while-stdin');
  if (source.database('index') === undefined)
    throw new SettingError(
      name,
      'needs an index that several processes can share: give --index postgres://…',
    );
  if (source.bucket('blobs') === undefined)
    throw new SettingError(name, 'needs contents that several processes can share: give --blobs');
  if (secretFile === undefined)
    throw new SettingError(name, 'needs the secret of the replicas: give --replica-secret-file');
  const known = address ?? listen;
  const knownName = address === undefined ? name : source.name('replicaAddress');
  if (known.port === 0)
    throw new SettingError(knownName, 'must have a port that the other replicas know, not 0');
  if (known.host === '0.0.0.0' || known.host === '::')
    throw new SettingError(
      knownName,
      `must have a host that the other replicas reach, not ${known.host}: give --replica-address`,
    );
  const leaseMs = source.milliseconds('replicaLeaseSeconds', 300) ?? 10_000;
  if (leaseMs < 1_000)
    throw new SettingError(source.name('replicaLeaseSeconds'), 'must be at least 1 second');
  return { listen, address: formatAddress(known), secretFile, leaseSeconds: leaseMs / 1000 };
}

/** Returns the paths for TLS. @throws SettingError if only half of the required settings are given. */
export function tlsOf(source: Source): TlsPaths | undefined {
  const [cert, key, clientCa] = (['tlsCert', 'tlsKey', 'tlsClientCa'] as const).map((name) =>
    source.path(name),
  );
  const clientAuth = source.text('tlsClientAuth') ?? 'required';
  if (clientAuth !== 'required' && clientAuth !== 'optional')
    throw new SettingError(source.name('tlsClientAuth'), `must be required or optional, not ${clientAuth}`);
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  if (cert === undefined) throw new SettingError(source.name('tlsCert'), 'is required with the key');
  if (key === undefined) throw new SettingError(source.name('tlsKey'), 'is required with the certificate');
  return { cert, key, clientCa, isClientOptional: clientAuth === 'optional' };
}

/** Returns the URL for spans at a collector. */
export function tracesBelow(base: string | undefined): string | undefined {
  if (base === undefined) return undefined;
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}

/** Returns the warnings about listeners on the network. @param isLocal whether those for clients are on loopback. */
export function warningsOf(
  source: Source,
  {
    auth,
    tls,
    isLocal,
    admin,
    replicas,
  }: Pick<ServeConfig, 'auth' | 'tls' | 'admin' | 'replicas'> & { readonly isLocal: boolean },
): string[] {
  const warnings: string[] = [];
  if (auth && tls === undefined && !isLocal)
    warnings.push(
      'credentials cross the network without encryption: give --tls-cert and --tls-key, or let a proxy ' +
        'or a mesh encrypt',
    );
  // Probes and Prometheus come from other machines, and the listener shows no secrets.
  if (admin !== undefined && !isLoopback(admin.host))
    warnings.push(
      `${source.name('adminListen')}: other machines can reach ${admin.host}, and read /healthz, /readyz and /metrics there without ` +
        'credentials; if that is not wanted, use a loopback address or a firewall',
    );
  if (replicas !== undefined && tls === undefined && !isLoopback(replicas.listen.host))
    warnings.push(
      `${source.name('replicaListen')}: what replicas say to each other crosses the network without encryption: give ` +
        '--tls-cert and --tls-key, or let a mesh encrypt',
    );
  return warnings;
}
