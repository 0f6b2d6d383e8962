/** What the reader may do: it decides which actions are shown. */
import { createClient } from '@connectrpc/connect';
import { signal } from '@preact/signals';
import { InfoService } from '../../../gen/artifacta/v1/info_service_pb.ts';
import { transport } from './clients.ts';
import { type Rights, rightsOf } from './rights-of.ts';

const unknown: Rights = { canWrite: false, canWriteSessions: false, canShare: undefined };

/** The rights of the present credentials. None, until they are known. */
export const rights = signal<Rights>(unknown);

const info = createClient(InfoService, transport);
let asked: Promise<void> | undefined;

/** Learns the rights, once for each credentials. A call that fails is made again by the next screen. */
export function learnRights(): Promise<void> {
  asked ??= learn();
  return asked;
}

/** Forgets the rights of the credentials before. */
export function forgetRights(): void {
  asked = undefined;
  rights.value = unknown;
}

async function learn(): Promise<void> {
  try {
    const { caller } = await info.getCaller({});
    rights.value = rightsOf(caller!);
  } catch {
    asked = undefined;
    rights.value = { ...unknown, canShare: false };
  }
}
