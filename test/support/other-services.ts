/** Services of other versions: this code, without what came later, or with more. */
import { create, type DescService } from '@bufbuild/protobuf';
import { createClient, createRouterTransport, type ServiceImpl } from '@connectrpc/connect';
import { InfoService } from '../../gen/artifacta/v1/info_service_pb.ts';
import { type ServerInfo, ServerInfoSchema } from '../../gen/artifacta/v1/server_info_pb.ts';
import type { CallRecord } from '../../src/api/guard.ts';
import { routes } from '../../src/api/routes.ts';
import type { Authenticate } from '../../src/identity/authentication.ts';
import type { Routes } from '../../src/server/grpc/grpc.ts';
import type { Store } from '../../src/store/open.ts';

interface OtherService {
  /** What it says that it is. Default: it has no GetServerInfo. */
  readonly info?: ServerInfo | undefined;
  /** Names of methods that it does not have. Default: it has all. */
  readonly without?: readonly string[];
  /** Gets every call that ended. Default: nothing is told. */
  readonly calls?: CallRecord[];
  /** Default: as without authentication. */
  readonly authenticate?: Authenticate;
}

/** The routes of a service of another version over a store. */
export function otherRoutes(
  store: Store,
  { info, without = [], calls = [], ...guarded }: OtherService,
): Routes {
  const present = routes({
    ...guarded,
    store: () => store,
    onCall: (call) => calls.push(call),
    elapsed: () => performance.now(),
  });
  return (router) => {
    const service = <S extends DescService>(described: S, implementation: Partial<ServiceImpl<S>>) => {
      if (described.typeName !== InfoService.typeName) {
        const methods = described.methods.filter(({ name }) => !without.includes(name));
        router.service({ ...described, methods } as S, implementation);
      } else if (info !== undefined) {
        const { getServerInfo } = implementation as ServiceImpl<typeof InfoService>;
        router.service(InfoService, {
          // The guard of before is asked, so that the call is told like any other.
          getServerInfo: async (request, context) => {
            await getServerInfo(request, context);
            return { serverInfo: info };
          },
        });
      }
      return router;
    };
    present({ service } as typeof router);
  };
}

/** What this code says that it is, with changes. */
export async function infoOf(
  store: Store,
  { without = [], ...changes }: Partial<Omit<ServerInfo, '$typeName'>> & Pick<OtherService, 'without'>,
): Promise<ServerInfo> {
  const present = routes({ store: () => store, onCall: () => undefined, elapsed: () => 0 });
  const { serverInfo } = await createClient(InfoService, createRouterTransport(present)).getServerInfo({});
  const methods = serverInfo!.methods.filter((name) => !without.some((gone) => name.endsWith(`/${gone}`)));
  return create(ServerInfoSchema, { ...serverInfo!, methods, ...changes });
}
