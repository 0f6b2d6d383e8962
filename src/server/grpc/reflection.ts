/**
 * Server reflection (gRPC's `doc/server-reflection.md`, v1 and v1alpha). `grpcurl` and `buf curl` use it, so that they
 * need no copy of the protocol. The descriptors are those of the generated code.
 */
import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import { type DescFile, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { MethodImplSpec } from '@connectrpc/connect';
import type { Server, ServerDuplexStream } from '@grpc/grpc-js';
import { file_google_rpc_error_details } from '../../../gen/google/rpc/error_details_pb.ts';
import { file_google_rpc_status } from '../../../gen/google/rpc/status_pb.ts';
import { admitName } from '../../api/bounds/message.ts';
import { unlessAborted } from '../../api/timer.ts';
import type { Admit } from '../admit.ts';
import { callValues } from '../call-values.ts';
import { Inflation } from '../messages/inflation.ts';
import { cancelled, isSendable, malformedMessages, refusal, unexpected } from '../refusals.ts';
import type { CallOptions } from './calls.ts';
import { openMessage } from './decoding.ts';
import { socketOf, streamOf } from './internals.ts';
import { headersOf } from './metadata.ts';
import { countAnswer } from './sliced-writes.ts';
import { statusOf } from './status.ts';

const versions = ['grpc.reflection.v1', 'grpc.reflection.v1alpha'] as const;
const pathOf = (version: string) => `/${version}.ServerReflection/ServerReflectionInfo`;

/** One version of reflection, as the library defines it. */
interface Implementation {
  readonly deserialize: (bytes: Buffer) => object;
  readonly serialize: (message: object) => Buffer;
  /** Answers the requests that are emitted as `data`, until `end`. */
  readonly handle: (stream: object) => void;
}

interface ReflectionOptions extends CallOptions {
  /** The methods whose descriptors are shown. */
  readonly methods: readonly MethodImplSpec[];
  /** Decides who may see them. */
  readonly admit: Admit;
}

/** Adds both versions to a server. The code that answers is loaded at the first request. */
export function serveReflection(server: Server, options: ReflectionOptions): void {
  const same = (bytes: Buffer) => bytes;
  let loading: Promise<ReadonlyMap<string, Implementation>> | undefined;
  for (const version of versions) {
    const handle = (call: ServerDuplexStream<Buffer, Buffer>) => {
      loading ??= load(options.methods);
      const work = answer(call, version, loading, options);
      options.calls.track(work.catch((error) => options.onUnexpectedError(error, pathOf(version))));
    };
    server.register(pathOf(version), handle, same, same, 'bidi');
  }
}

async function answer(
  call: ServerDuplexStream<Buffer, Buffer>,
  version: string,
  loading: Promise<ReadonlyMap<string, Implementation>>,
  options: ReflectionOptions,
): Promise<void> {
  const { admit, transport, stop, answers } = options;
  const onStop = () => (call as Readable).destroy();
  stop.addEventListener('abort', onStop, { once: true });
  try {
    const http2Stream = streamOf(call);
    const gone = new AbortController();
    http2Stream.once('close', () => gone.abort(cancelled()));
    const unsent = countAnswer(http2Stream, answers, gone);
    using inflation = new Inflation({ ...options.inflation, answer: unsent, signal: gone.signal });
    await admit(headersOf(call.metadata), callValues(transport, socketOf(http2Stream), unsent));
    const { deserialize, serialize, handle } = (await loading).get(version)!;
    let written = Promise.resolve();
    const stream = Object.assign(new EventEmitter(), {
      write: (message: object) => {
        written = new Promise((resolve) => call.write(serialize(message), () => resolve()));
      },
      end: () => call.end(),
    });
    handle(stream);
    for await (const bytes of call as AsyncIterable<Buffer>) {
      await unsent.room(0, gone.signal)?.catch(() => {
        throw refusal(
          'OVERLOADED',
          'the call was refused, because answers that are not yet sent fill the memory reserved for them; try ' +
            'again in a moment',
        );
      });
      stream.emit('data', decoded(deserialize, await openMessage(call, bytes, inflation), version));
      inflation.release();
      await unlessAborted(gone.signal, written);
    }
    stream.emit('end');
  } catch (error) {
    if (call.cancelled || stop.aborted) return;
    call.emit('error', statusOf(isSendable(error) ? error : unexpected()));
    if (!isSendable(error)) throw error;
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}

function decoded(deserialize: Implementation['deserialize'], bytes: Buffer, version: string): object {
  admitName(bytes);
  try {
    return deserialize(bytes);
  } catch {
    throw malformedMessages(
      `must be a message of ${version}.ServerReflectionRequest in protobuf’s binary format`,
    );
  }
}

async function load(methods: readonly MethodImplSpec[]): Promise<ReadonlyMap<string, Implementation>> {
  const { ReflectionService } = await import('@grpc/reflection');
  const files = new Map<string, Buffer>();
  for (const { method } of methods) addFile(files, method.parent.file);
  // No file of a service imports the details of its errors. Without them a tool shows bytes.
  for (const file of [file_google_rpc_error_details, file_google_rpc_status]) addFile(files, file);
  const definition = { fileDescriptorProtos: [...files.values()] };
  const found = new Map<string, Implementation>();
  // The library uses only the descriptors of a package: see its ReflectionV1Implementation.
  const root = { artifacta: definition } as unknown as ConstructorParameters<typeof ReflectionService>[0];
  new ReflectionService(root, {
    services: [...new Set(methods.map(({ method }) => method.parent.typeName))],
  }).addToServer({
    addService: (service, handlers) => {
      const { ServerReflectionInfo: info } = service;
      const version = versions.find((one) => pathOf(one) === info?.path);
      if (info === undefined || version === undefined)
        throw new Error('the reflection library offers another service');
      found.set(version, {
        deserialize: info.requestDeserialize as Implementation['deserialize'],
        serialize: info.responseSerialize as Implementation['serialize'],
        handle: handlers.ServerReflectionInfo as unknown as Implementation['handle'],
      });
    },
  });
  return found;
}

/** Adds a file and all files that it imports. */
function addFile(files: Map<string, Buffer>, file: DescFile): void {
  if (files.has(file.name)) return;
  files.set(file.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  for (const imported of file.dependencies) addFile(files, imported);
}
