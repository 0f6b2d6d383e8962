/** Passes calls on to the processes that decide about their namespaces. */
import { type DescMethod, type DescMethodUnary, isMessage, type Message } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { Failure, failedWith } from '../../domain/errors.ts';
import { type Namespace, parseNamespace } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Owners } from '../../index/owners.ts';
import type { Call } from '../handlers.ts';
import type { Deciding, Guarded } from './deciding.ts';
import { decidedAt, isCustody, type Named } from './decisions.ts';
import type { OwnerCalls } from './owner-calls.ts';
import type { ReplicaCaller } from './replica-caller.ts';

/** The parts of an open store that say who decides about what. */
export interface Deciders {
  readonly owners: Owners;
  readonly apiKeys: Named;
  readonly namespaces: { require(name: Namespace): Promise<unknown> };
}

interface PassingOptions {
  /** Returns the open store. @throws Failure SHUTTING_DOWN, STORE_IN_RECOVERY if none is. */
  readonly store: () => Deciders;
  readonly calls: OwnerCalls;
  readonly caller: ReplicaCaller;
}

/** The listeners of a replica for clients: any of them takes any call. */
export class Passing implements Deciding {
  private readonly options: PassingOptions;

  constructor(options: PassingOptions) {
    this.options = options;
  }

  requireOffered(method: DescMethod, request: unknown): void {
    if (!isCustody(method, request)) return;
    throw new Failure(
      'NOT_IMPLEMENTED',
      `${method.name} is not offered while several replicas serve the store: stop all of them, and serve the store with ` +
        'one process without --replica-listen',
      { metadata: { method: `${method.parent.typeName}/${method.name}` } },
    );
  }

  async decide<T>(
    { method, context }: Guarded,
    request: unknown,
    call: Call,
    here: () => Promise<T>,
  ): Promise<T> {
    const { store, calls, caller } = this.options;
    const deciders = store();
    const { principal, signal, remainingMs } = call;
    const ns = await namespaceOf(deciders, method, request, principal);
    if (ns === undefined) return await here();
    const there = async (address: string): Promise<T> => {
      const asked = { principal, timeoutMs: remainingMs(), headers: traceOf(context.requestHeader), signal };
      // The decision of a unary method comes here, with a request and an answer of its types.
      return (await caller.ask(address, method as DescMethodUnary, request as Message, asked)) as T;
    };
    return await calls.run(deciders.owners, ns, {
      here,
      there,
      mayRepeat: mayRepeat(method, request),
      remainingMs,
      signal,
    });
  }
}

/**
 * Returns the namespace whose owner decides about a call; undefined if this process answers it: it decides nothing, or
 * the handler refuses it.
 *
 * @throws Failure STORE_UNAVAILABLE if the store cannot be read.
 */
export async function namespaceOf(
  { apiKeys, namespaces }: Deciders,
  method: DescMethod,
  request: unknown,
  principal: Principal,
): Promise<string | undefined> {
  const decided = decidedAt(method);
  if (decided === 'caller') {
    // A namespace that does not exist gets no owner: anybody may name one.
    return (await exists(namespaces, principal.namespace)) ? principal.namespace : undefined;
  }
  if (typeof decided !== 'function') return undefined;
  const ns = await decided(request as never, apiKeys);
  return ns === '' || isNamespace(ns) ? ns : undefined;
}

async function exists(namespaces: Deciders['namespaces'], name: Namespace): Promise<boolean> {
  try {
    await namespaces.require(name);
    return true;
  } catch (error) {
    if (failedWith(error, 'NAMESPACE_NOT_FOUND')) return false;
    throw error;
  }
}

function isNamespace(text: string): boolean {
  try {
    parseNamespace('namespace', text);
    return true;
  } catch {
    return false;
  }
}

/** Whether a call may be made again if it may have been done: as for clients, if it says so or has a request id. */
function mayRepeat({ idempotency }: DescMethod, request: unknown): boolean {
  if (idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN) return true;
  const { spec } = request as { spec?: { requestId?: string } };
  return isMessage(spec) && spec.requestId !== undefined && spec.requestId !== '';
}

/** Returns the trace context of a request. */
function traceOf(from: Headers): Headers {
  const headers = new Headers();
  for (const name of ['traceparent', 'tracestate']) {
    const value = from.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}
