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
  readonly canShare: boolean;
}

/** The rights of the present credentials. None, until they are known. */
export const rights = signal<Rights>({ canWrite: false, canShare: false });

let asked: Promise<void> | undefined;

/** Learns the rights, once for each credentials. */
export function learnRights(): Promise<void> {
  asked ??= learn();
  return asked;
}

/** Forgets the rights of the credentials before. */
export function forgetRights(): void {
  asked = undefined;
  rights.value = { canWrite: false, canShare: false };
}

async function learn(): Promise<void> {
  const [canWrite, canShare] = await Promise.all([
    // Names no session: INVALID_ARGUMENT for those who may.
    isAllowed(sessions.openSession({})),
    isAllowed(artifacts.listShareLinks({ pageSize: 1 })),
  ]);
  rights.value = { canWrite, canShare };
}

async function isAllowed(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    return ConnectError.from(error).code === Code.InvalidArgument;
  }
}
