/**
 * Serves Connect services over grpc-js: a collector here takes the same registration function as a ConnectRouter.
 * Handlers get raw bytes and decode them themselves, so that a malformed message is the caller's error and not ours.
 */
import type { Buffer } from 'node:buffer';
import type { DescService } from '@bufbuild/protobuf';
import {
  type ConnectRouter,
  createMethodImplSpec,
  createServiceImplSpec,
  type MethodImplSpec,
} from '@connectrpc/connect';
import type { Server } from '@grpc/grpc-js';
import { type CallOptions, clientStreaming, serverStreaming } from './calls.ts';
import type { Encoded } from './codec.ts';

/** Registers services with a router. `src/api/routes.ts` makes one. */
export type Routes = (router: ConnectRouter) => void;

interface CollectedServices {
  /** The fully qualified names in the order of registration, e.g. `artifacta.v1.ArtifactService`. */
  readonly names: readonly string[];
  readonly methods: readonly MethodImplSpec[];
}

/** Collects the services that `routes` registers. */
export function collect(routes: Routes): CollectedServices {
  const names = new Set<string>();
  const methods: MethodImplSpec[] = [];
  const router: ConnectRouter = {
    handlers: [],
    service(service: DescService, implementation) {
      names.add(service.typeName);
      methods.push(...Object.values(createServiceImplSpec(service, implementation).methods));
      return router;
    },
    rpc(method, implementation) {
      names.add(method.parent.typeName);
      methods.push(createMethodImplSpec(method, implementation));
      return router;
    },
  };
  routes(router);
  return { names: [...names], methods };
}

/**
 * Adds the methods that have a stream to a grpc-js server.
 *
 * @throws Error if a method streams both ways, which no service here does, or occurs twice.
 */
export function serve(server: Server, methods: readonly MethodImplSpec[], options: CallOptions): void {
  for (const spec of methods) {
    // They are taken before grpc-js sees them.
    if (spec.kind === 'unary') continue;
    const path = `/${spec.method.parent.typeName}/${spec.method.name}`;
    const { type, handle } = handlerOf(spec, options);
    // Of an encoded message grpc-js needs only the members of `Encoded`.
    if (
      !server.register(
        path,
        handle,
        (message: Encoded) => message as Buffer,
        (bytes: Buffer) => bytes,
        type,
      )
    )
      throw new Error(`${path} is registered twice`);
  }
}

function handlerOf(spec: Exclude<MethodImplSpec, { kind: 'unary' }>, options: CallOptions) {
  switch (spec.kind) {
    case 'client_streaming':
      return { type: 'clientStream', handle: clientStreaming(spec, options) };
    case 'server_streaming':
      return { type: 'serverStream', handle: serverStreaming(spec, options) };
    case 'bidi_streaming':
      throw new Error(`${spec.method.name} streams both ways, which the gRPC listener does not offer`);
  }
}
