/** Settings of the service whose values need a look at others, or at a list of words. */
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
