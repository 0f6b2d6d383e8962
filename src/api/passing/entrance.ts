/** The listener of a replica for the other replicas. */
import type { DescMethod } from '@bufbuild/protobuf';
import { createContextKey } from '@connectrpc/connect';
import { Failure } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import { notOwner, type Owner, type Owners } from '../../index/owners.ts';
import type { Call } from '../handlers.ts';
import { messageKey } from '../transport.ts';
import type { Deciding, Guarded } from './deciding.ts';
import { decidedAt } from './decisions.ts';
import { type Deciders, namespaceOf } from './passing.ts';
import type { Progress, ReplicaSecret } from './proofs.ts';

interface EntranceOptions {
  /** Returns the open store. @throws Failure SHUTTING_DOWN, STORE_IN_RECOVERY if none is. */
  readonly store: () => Deciders;
  readonly secret: ReplicaSecret;
  /** The address of this process, as other replicas know it. */
  readonly address: string;
  /** The wall clock, in milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** The trailer for the answer to a call. */
type Answer = (progress: Progress) => readonly [name: string, value: string];

const answerKey = createContextKey<Answer | undefined>(undefined, {
  description: 'the proof for the answer to a replica',
});

/**
 * Takes calls that other replicas pass on, and decides them here: a call is passed on once. Each answer proves that this
 * replica gave it, and says whether the call had begun.
 */
export class Entrance implements Deciding {
  private readonly options: EntranceOptions;

  constructor(options: EntranceOptions) {
    this.options = options;
  }

  readonly identify = ({ method, context }: Guarded): Principal => {
    const { secret, address, now } = this.options;
    const message = context.values.get(messageKey);
    context.values.delete(messageKey);
    const proven = { method: `${method.parent.typeName}/${method.name}`, address, time: now(), message };
    const { principal, answer } = secret.check(context.requestHeader, proven);
    context.values.set(answerKey, answer);
    context.responseTrailer.set(...answer('refused'));
    return principal;
  };

  requireOffered(method: DescMethod): void {
    const decided = decidedAt(method);
    if (method.methodKind === 'unary' && (decided === 'caller' || typeof decided === 'function')) return;
    throw new Failure('NOT_IMPLEMENTED', `replicas do not pass ${method.name} on to each other`, {
      metadata: { method: `${method.parent.typeName}/${method.name}` },
    });
  }

  async decide<T>(
    { method, context }: Guarded,
    request: unknown,
    call: Call,
    here: () => Promise<T>,
  ): Promise<T> {
    const deciders = this.options.store();
    const ns = await namespaceOf(deciders, method, request, call.principal);
    const owner = ns === undefined ? undefined : await presentOwner(deciders.owners, ns);
    if (ns !== undefined && owner?.isHere === false) throw notOwner(ns, owner.address);
    const answer = context.values.get(answerKey);
    if (answer !== undefined) context.responseTrailer.set(...answer('begun'));
    return await here();
  }
}

/** The caller believes that this process decides: what this one remembers of another owner is looked up again. */
async function presentOwner(owners: Owners, ns: string): Promise<Owner> {
  const remembered = await owners.ownerOf(ns);
  if (remembered.isHere) return remembered;
  owners.forget(ns);
  return await owners.ownerOf(ns);
}
