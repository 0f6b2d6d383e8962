/** All that one replica serves to the others. */
import type { ConnectRouter } from '@connectrpc/connect';
import { ReplicasService } from '../../../gen/artifacta/internal/v1/replicas_service_pb.ts';
import { guard } from '../guard.ts';
import { madeOf } from '../handlers.ts';
import { type RoutesOptions, routes } from '../routes.ts';
import { replicaHandlers } from './commit-content.ts';
import type { Entrance } from './entrance.ts';

/** The method of replicas, for the figures about calls. */
export const replicaMethods: readonly string[] = ReplicasService.methods.map(
  ({ name }) => `${ReplicasService.typeName}/${name}`,
);

/** Registers every service with a router, for calls that other replicas pass on. */
export function replicaRoutes(
  options: RoutesOptions & { readonly deciding: Entrance },
): (router: Pick<ConnectRouter, 'service'>) => void {
  const all = routes(options);
  const replicas = madeOf(options.store, ({ commits }) => replicaHandlers(commits));
  return (router) => {
    all(router);
    router.service(ReplicasService, guard(ReplicasService, replicas, options));
  };
}
