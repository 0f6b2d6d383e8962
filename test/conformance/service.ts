/** The service of the Connect conformance suite: it answers what the request says, and tells what it saw of that. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
} from '@bufbuild/protobuf';
import { type Any, anyPack, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import type { Routes } from '../../src/server/grpc/grpc.ts';

const packageName = 'connectrpc.conformance.v1';

/** The suite's messages and its service. */
interface Protocol {
  readonly service: DescService;
  message(name: string): DescMessage;
  create(name: string, init: object): Message;
}

/** @param image what `buf build` writes */
export function openProtocol(image: Uint8Array): Protocol {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  const message = (name: string) => registry.getMessage(`${packageName}.${name}`)!;
  return {
    service: registry.getService(`${packageName}.ConformanceService`)!,
    message,
    create: (name, init) => create(message(name), init as never),
  };
}

interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

interface ErrorDefinition {
  readonly code: number;
  readonly message?: string;
  readonly details: readonly Any[];
}

/** What every answer is defined by. */
interface Definition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
}

type UnaryDefinition = Definition & {
  readonly response:
    | { readonly case: 'responseData'; readonly value: Uint8Array }
    | { readonly case: 'error'; readonly value: ErrorDefinition }
    | { readonly case: undefined };
};

type StreamDefinition = Definition & {
  readonly responseData: readonly Uint8Array[];
  readonly error?: ErrorDefinition;
};

type Request<D> = Message & { readonly responseDefinition?: D };

/** Registers all of the service but the method that streams both ways, which no service here does. */
export function serviceRoutes(protocol: Protocol): Routes {
  return (router) => {
    const { method } = protocol.service;
    for (const one of [method.unary!, method.idempotentUnary!])
      router.rpc(one, ((request: Request<UnaryDefinition>, context: HandlerContext) =>
        answer(protocol, one, [request], context)) as never);
    const many = method.clientStream!;
    router.rpc(
      many,
      (async (requests: AsyncIterable<Request<UnaryDefinition>>, context: HandlerContext) =>
        await answer(protocol, many, await Array.fromAsync(requests), context)) as never,
    );
    router.rpc(method.serverStream!, ((request: Request<StreamDefinition>, context: HandlerContext) =>
      answers(protocol, request, context)) as never);
    router.rpc(method.unimplemented!, (() => {
      throw new ConnectError('the suite wants no such method', Code.Unimplemented);
    }) as never);
  };
}

async function answer(
  protocol: Protocol,
  method: DescMethod,
  requests: readonly Request<UnaryDefinition>[],
  context: HandlerContext,
): Promise<Message> {
  const definition = requests[0]?.responseDefinition;
  const requestInfo = requestInfoOf(protocol, method, requests, context);
  setHeaders(definition, context);
  await wait(definition, context);
  const response = definition?.response;
  if (response?.case === 'error')
    throw errorOf(response.value, anyPack(protocol.message('ConformancePayload.RequestInfo'), requestInfo));
  return create(method.output, {
    payload: protocol.create('ConformancePayload', {
      requestInfo,
      ...(response?.case === 'responseData' ? { data: response.value } : {}),
    }),
  } as never);
}

async function* answers(
  protocol: Protocol,
  request: Request<StreamDefinition>,
  context: HandlerContext,
): AsyncGenerator<Message> {
  const method = protocol.service.method.serverStream!;
  const definition = request.responseDefinition;
  const requestInfo = requestInfoOf(protocol, method, [request], context);
  setHeaders(definition, context);
  const data = definition?.responseData ?? [];
  for (const [index, bytes] of data.entries()) {
    await wait(definition, context);
    yield create(method.output, {
      payload: protocol.create('ConformancePayload', {
        data: bytes,
        ...(index === 0 ? { requestInfo } : {}),
      }),
    } as never);
  }
  if (definition?.error === undefined) return;
  const info = anyPack(protocol.message('ConformancePayload.RequestInfo'), requestInfo);
  throw errorOf(definition.error, ...(data.length === 0 ? [info] : []));
}

function requestInfoOf(
  protocol: Protocol,
  method: DescMethod,
  requests: readonly Message[],
  { requestHeader, requestMethod, timeoutMs, url }: HandlerContext,
): Message {
  const left = timeoutMs();
  return protocol.create('ConformancePayload.RequestInfo', {
    requestHeaders: [...requestHeader].map(([name, value]) =>
      protocol.create('Header', { name, value: value.split(/\s*,\s*/) }),
    ),
    ...(left === undefined ? {} : { timeoutMs: BigInt(Math.trunc(left)) }),
    requests: requests.map((request) => anyPack(method.input, request)),
    ...(requestMethod === 'GET' ? { connectGetInfo: getInfo(protocol, url) } : {}),
  });
}

function getInfo(protocol: Protocol, url: string): Message {
  const { searchParams } = new URL(url, 'http://localhost');
  return protocol.create('ConformancePayload.ConnectGetInfo', {
    queryParams: [...searchParams].map(([name, value]) =>
      protocol.create('Header', { name, value: [value] }),
    ),
  });
}

function setHeaders(definition: Definition | undefined, context: HandlerContext): void {
  for (const { name, value } of definition?.responseHeaders ?? [])
    for (const each of value) context.responseHeader.append(name, each);
  for (const { name, value } of definition?.responseTrailers ?? [])
    for (const each of value) context.responseTrailer.append(name, each);
}

async function wait(definition: Definition | undefined, { signal }: HandlerContext): Promise<void> {
  if (definition?.responseDelayMs) {
    await delay(definition.responseDelayMs, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

function errorOf({ code, message, details }: ErrorDefinition, ...more: readonly Any[]): ConnectError {
  const error = new ConnectError(message ?? '', code);
  for (const { typeUrl, value } of [...details, ...more])
    error.details.push({ type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1), value });
  return error;
}
