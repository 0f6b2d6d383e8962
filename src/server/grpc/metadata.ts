/** grpc-js's Metadata, and the Headers that handlers see. Values of `-bin` keys are base64 text in Headers. */
import { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http2';
import { Metadata } from '@grpc/grpc-js';

/** Metadata to send: base64 has no padding, as gRPC asks of senders. */
class SentMetadata extends Metadata {
  override toHttp2Headers(): ReturnType<Metadata['toHttp2Headers']> {
    const headers = super.toHttp2Headers();
    for (const [key, value] of Object.entries(headers)) {
      if (key.endsWith('-bin'))
        headers[key] = Array.isArray(value) ? value.map(unpadded) : unpadded(String(value));
    }
    return headers;
  }

  /** grpc-js sends a copy of trailers. */
  override clone(): SentMetadata {
    const copy = new SentMetadata(this.getOptions());
    copy.merge(this);
    return copy;
  }
}

function unpadded(base64: string): string {
  return base64.replace(/=+$/, '');
}

/** Returns metadata as Headers. */
export function headersOf(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const [key, values] of Object.entries(metadata.toJSON())) {
    for (const value of values)
      headers.append(key, typeof value === 'string' ? value : value.toString('base64'));
  }
  return headers;
}

/** The headers that are the transport's, not the caller's. */
const ownHeaders = [
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'accept-encoding',
  'te',
  'content-type',
];

/** Returns the metadata in the headers of a request, as grpc-js hands it to handlers. */
export function metadataIn(headers: IncomingHttpHeaders): Metadata {
  const metadata = Metadata.fromHttp2Headers(headers);
  for (const name of ownHeaders) metadata.remove(name);
  return metadata;
}

/** Returns one header as it is in the Headers of the same metadata; undefined if it is not there. */
export function headerIn(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && !name.endsWith('-bin'))
    return isPrintable(value) ? value.trim() : undefined;
  return headersOf(metadataIn(headers)).get(name) ?? undefined;
}

/** Returns headers as Metadata. Values that gRPC cannot carry (anything but printable ASCII) are percent-encoded. */
export function metadataOf(...sources: readonly Headers[]): Metadata {
  const metadata = new SentMetadata();
  for (const headers of sources) {
    for (const [key, value] of headers) addTo(metadata, key, value);
  }
  return metadata;
}

function addTo(metadata: Metadata, key: string, value: string): void {
  if (!key.endsWith('-bin')) {
    metadata.add(key, printable(value));
    return;
  }
  for (const part of value.split(',')) metadata.add(key, Buffer.from(part.trim(), 'base64'));
}

/** Returns true if nothing is to be sent, which saves a frame. */
export function isEmpty(headers: Headers): boolean {
  return headers.keys().next().done === true;
}

/** Returns text that a header can carry: everything but printable ASCII is percent-encoded. */
function printable(text: string): string {
  return isPrintable(text) ? text : encodeURI(text.toWellFormed());
}

function isPrintable(text: string): boolean {
  return /^[ -~]*$/.test(text);
}
