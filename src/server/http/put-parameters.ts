/** The facts that a PUT gives about the artifact in addition to its bytes: path, query and headers. */
import type { IncomingHttpHeaders } from 'node:http';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { ArtifactSpec, ArtifactSpecSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { whyNoForm } from '../../api/forms.ts';
import { parseSpan } from '../../domain/quantities.ts';
import { parseContentDigest } from './content/content-digest.ts';
import { badField, refusedField } from './errors.ts';
import { decodeText, parseQuery } from './request-target.ts';

/** The description of an artifact to store. */
export type Spec = MessageInitShape<typeof ArtifactSpecSchema>;

/** The session and the name in the path, not decoded. */
export interface PutPath {
  readonly session: string;
  readonly name: string;
}

/**
 * Returns everything except the length as the message that the service takes. The service checks the values.
 *
 * @throws HttpError 400 for parameters that do not exist, occur twice or cannot be decoded, and for headers that ask
 * for what is not offered.
 */
export function parsePut(path: PutPath, query: string, headers: IncomingHttpHeaders): Spec {
  refuseUnsupported(headers);
  const name = decodeText('name', path.name);
  const contentType = headers['content-type'] ?? '';
  const whyNot = whyNoForm(name, contentType);
  if (whyNot !== undefined) throw refusedField(415, 'INVALID_ARGUMENT', 'Content-Type', whyNot);
  return {
    session: decodeText('session', path.session),
    name,
    contentType,
    requestId: single(headers['idempotency-key']) ?? '',
    sha256: parseContentDigest(single(headers['content-digest'])) ?? '',
    ...parseParameters(query),
  };
}

/**
 * Returns the description in a ticket with what the headers add to it: the type and the digest, where the ticket leaves
 * them open.
 *
 * @throws HttpError 400 for headers that contradict the ticket, or ask for what is not offered.
 */
export function parseTicketPut(spec: ArtifactSpec, headers: IncomingHttpHeaders): Spec {
  refuseUnsupported(headers);
  if (headers['idempotency-key'] !== undefined)
    throw badField('Idempotency-Key', 'must be left out: the ticket is the key');
  const sha256 = parseContentDigest(single(headers['content-digest'])) ?? '';
  const wanted = spec.sha256.toLowerCase();
  if (sha256 !== '' && wanted !== '' && sha256 !== wanted)
    throw badField('Content-Digest', `must be that of the ticket: ${wanted}`);
  if (spec.contentType !== '') return { ...spec, sha256: wanted || sha256 };
  const contentType = headers['content-type'] ?? '';
  const whyNot = whyNoForm(spec.name, contentType);
  if (whyNot !== undefined) throw refusedField(415, 'INVALID_ARGUMENT', 'Content-Type', whyNot);
  return { ...spec, contentType, sha256: wanted || sha256 };
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}

/** Refuses headers that, if ignored, would cause something other than intended to be stored. */
function refuseUnsupported(headers: IncomingHttpHeaders): void {
  for (const name of ['if-match', 'if-none-match', 'if-unmodified-since'] as const) {
    if (headers[name] !== undefined)
      throw badField(
        name,
        'must be left out: a PUT makes a new version, or returns the existing artifact if the bytes are the same',
      );
  }
  if (headers['content-range'] !== undefined)
    throw badField('content-range', 'must be left out: send all bytes of the artifact in one PUT');
  // An empty list of codings says the same as none.
  const codings = (headers['content-encoding'] ?? '').split(',').map((coding) => coding.trim().toLowerCase());
  if (codings.some((coding) => coding !== '' && coding !== 'identity'))
    throw refusedField(
      415,
      'INVALID_ARGUMENT',
      'content-encoding',
      'must be left out: compressed bytes would be stored compressed; send the bytes themselves',
    );
}

function parseParameters(query: string): Spec {
  const maps = { meta: new Map<string, string>(), label: new Map<string, string>() };
  const inputs: string[] = [];
  let ttl: string | undefined;
  for (const [key, value] of parseQuery(query)) {
    const [, map, name] = /^(meta|label)\.(.+)$/s.exec(key) ?? [];
    const target = map === undefined ? undefined : maps[map as keyof typeof maps];
    if (key === 'input') inputs.push(value);
    else if (target?.has(name!) || (key === 'ttl' && ttl !== undefined))
      throw badField(shown(key), 'must be given only once');
    else if (target !== undefined) target.set(name!, value);
    else if (key === 'ttl') ttl = value;
    else throw badField(shown(key), 'must be a parameter: meta.KEY, label.KEY, input or ttl');
  }
  return {
    // These objects have own properties only: a key may be any name that an object knows.
    metadata: Object.fromEntries(maps.meta),
    labels: Object.fromEntries(maps.label),
    inputs,
    ...(ttl === undefined ? {} : { expiry: { case: 'ttl', value: durationFromMs(parseTtl(ttl)) } }),
  };
}

/** Returns the beginning of a key for an error message: its sender knows a long key by its beginning. */
function shown(key: string): string {
  return key.slice(0, 64);
}

/** Parses a time to live into milliseconds, in the same form as on the command line. */
function parseTtl(text: string): number {
  const ms = parseSpan(text);
  if (ms === undefined || !Number.isSafeInteger(ms) || ms <= 0)
    throw badField('ttl', 'must be a number and a unit (s, m, h, d, w), e.g. 7d');
  return ms;
}
