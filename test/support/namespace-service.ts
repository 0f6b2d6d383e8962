/** The memory transport as it is called from another namespace than the default one. */
import { createRouterTransport } from '@connectrpc/connect';
import { limits } from '../../src/domain/limits.ts';
import { parseNamespace } from '../../src/domain/names.ts';
import { clientsOf, type OpenService, openMemoryService, type Service, testRoutes } from './service.ts';

/** The same store; calls that name no namespace act in this one. */
export function inNamespace(service: Service, namespace: string): Service {
  const transport = createRouterTransport(testRoutes(service.store, service.calls), {
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
  return { ...service, ...clientsOf(transport), transport };
}

export async function makeNamespace(service: Service, namespace: string): Promise<void> {
  await service.store.namespaces.ensure(parseNamespace('namespace', namespace));
}

/** Into a namespace of its own. */
export const openNamespaceService: OpenService = async (options) => {
  const service = await openMemoryService(options);
  await makeNamespace(service, 'team-1');
  return inNamespace(service, 'team-1');
};
