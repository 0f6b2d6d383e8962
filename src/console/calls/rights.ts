/**
 * What the reader may do. No call tells that, so that each right is tried with a request that is refused for another
 * reason before it does anything: without the right, the guard refuses it first.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import { signal } from '@preact/signals';
import { artifacts, sessions } from './clients.ts';

/** The rights that decide which actions are shown. */
interface Rights {
  readonly canWrite: boolean;
  /** Undefined: not known yet. */
  readonly canShare: boolean | undefined;
}

const unknown: Rights = { canWrite: false, canShare: undefined };

/** The rights of the present credentials. None, until they are known. */
export const rights = signal<Rights>(unknown);

type Right = keyof Rights;

const asked = new Map<Right, Promise<void>>();

/** How each right is tried. The first names no session: INVALID_ARGUMENT for those who may. */
const tries: Readonly<Record<Right, () => Promise<unknown>>> = {
  canWrite: () => sessions.openSession({}),
  canShare: () => artifacts.listShareLinks({ pageSize: 1 }),
};

/** Learns a right, once for each credentials. */
export function learnRight(right: Right): Promise<void> {
  const known = asked.get(right) ?? learn(right);
  asked.set(right, known);
  return known;
}

/** Forgets the rights of the credentials before. */
export function forgetRights(): void {
  asked.clear();
  rights.value = unknown;
}

async function learn(right: Right): Promise<void> {
  const isAllowed = await allows(tries[right]());
  rights.value = { ...rights.peek(), [right]: isAllowed };
}

async function allows(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    return ConnectError.from(error).code === Code.InvalidArgument;
  }
}
