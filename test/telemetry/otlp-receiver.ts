/** An OpenTelemetry collector as far as tests need one: takes spans by OTLP over HTTP and shows them. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { onTestFinished } from 'vitest';

interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string>>;
  /** 2 is an error. */
  readonly statusCode: number;
}

interface Receiver {
  /** Without a path. */
  readonly url: string;
  readonly requests: {
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
    readonly body: Buffer;
  }[];
  readonly spans: () => ReceivedSpan[];
}

/** @param status what every request is answered with. */
export async function startReceiver(status = 200): Promise<Receiver> {
  const requests: { path: string; headers: IncomingHttpHeaders; body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    requests.push({ path: request.url!, headers: request.headers, body });
    response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans: () => requests.flatMap(({ body }) => spansIn(body)),
  };
}

type Fields = Map<number, (Uint8Array | number)[]>;

/** The fields of a message: bytes, or numbers as far as they are small. */
function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const values = fields.get(field) ?? [];
    fields.set(field, values);
    if (wireType === WireType.LengthDelimited) values.push(reader.bytes());
    else if (wireType === WireType.Varint) values.push(Number(reader.uint64()));
    else reader.skip(wireType);
  }
  return fields;
}

/** The messages in a field. */
function within(messages: readonly Fields[], field: number): Fields[] {
  return messages.flatMap((message) =>
    (message.get(field) ?? []).map((value) => fieldsOf(value as Uint8Array)),
  );
}

// ExportTraceServiceRequest.resource_spans.scope_spans.spans
function spansIn(body: Uint8Array): ReceivedSpan[] {
  return within(within(within([fieldsOf(body)], 1), 2), 2).map((span) => {
    const bytes = (field: number) => Buffer.from((span.get(field)?.[0] as Uint8Array | undefined) ?? []);
    const attributes = within([span], 9).map((attribute): [string, string] => {
      const text = (message: Fields | undefined) => Buffer.from((message?.get(1)?.[0] as Uint8Array) ?? []);
      return [text(attribute).toString(), text(within([attribute], 2)[0]).toString()];
    });
    return {
      traceId: bytes(1).toString('hex'),
      spanId: bytes(2).toString('hex'),
      traceState: bytes(3).toString(),
      parentSpanId: bytes(4).toString('hex'),
      name: bytes(5).toString(),
      kind: Number(span.get(6)?.[0]),
      attributes: Object.fromEntries(attributes),
      statusCode: Number(within([span], 15)[0]?.get(3)?.[0] ?? 0),
    };
  });
}
