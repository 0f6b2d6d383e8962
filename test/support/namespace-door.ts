/** The memory door as it is called from another namespace than the default one. */
import { createRouterTransport } from '@connectrpc/connect';
import { limits } from '../../src/domain/limits.ts';
import { parseNamespace } from '../../src/domain/names.ts';
import { clientsOf, type Door, type OpenDoor, openMemoryDoor, testRoutes } from './door.ts';

/** The same store; calls that name no namespace act in this one. */
export function inNamespace(door: Door, namespace: string): Door {
  const transport = createRouterTransport(testRoutes(door.store, door.calls), {
    router: { readMaxBytes: limits.messageBytesMax },
    transport: {
      interceptors: [
        (next) => (request) => {
          const { header } = request;
          if (!header.has('artifacta-namespace')) header.set('artifacta-namespace', namespace);
          return next(request);
        },
      ],
    },
  });
  return { ...door, ...clientsOf(transport), transport };
}

export async function makeNamespace(door: Door, namespace: string): Promise<void> {
  await door.store.namespaces.ensure(parseNamespace('namespace', namespace));
}

/** Into a namespace of its own. */
export const openNamespaceDoor: OpenDoor = async (options) => {
  const door = await openMemoryDoor(options);
  await makeNamespace(door, 'team-1');
  return inNamespace(door, 'team-1');
};
