import type { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { invalid } from '../../domain/errors.ts';
import type { ExportPlace, Exports } from '../../store/custody/exports.ts';
import type { StoreHost } from '../../store/custody/host.ts';
import type { Quarantined } from '../../store/queries/quarantined.ts';
import type { UsageScan } from '../../store/queries/usage-scan.ts';
import type { Policies } from '../../store/retention/policies.ts';
import type { ApiKeys } from '../../store/tenants/api-keys.ts';
import type { Namespaces } from '../../store/tenants/namespaces.ts';
import type { Handlers } from '../handlers.ts';
import { apiKeyHandlers } from './api-keys.ts';
import { exportIndex, importIndex } from './index-transfer.ts';
import { namespaceHandlers } from './namespaces.ts';
import { policyHandlers } from './policies.ts';
import { listQuarantined } from './quarantined.ts';
import { toStatusMessage } from './store-status.ts';
import { type Minting, mintToken } from './tokens.ts';
import { getUsage } from './usage.ts';
import { verify } from './verification.ts';

/** The parts of a store that AdminService uses. */
interface AdminParts {
  readonly namespaces: Namespaces;
  readonly apiKeys: ApiKeys;
  readonly usage: UsageScan;
  readonly policies: Policies;
  readonly quarantined: Quarantined;
}

/**
 * Returns the methods of AdminService that need an open store.
 *
 * @param minting the maker of tokens for agents.
 */
export function adminHandlers(
  { namespaces, apiKeys, usage, policies, quarantined }: AdminParts,
  minting: Minting,
): Handlers<typeof AdminService> {
  return {
    ...namespaceHandlers(namespaces),
    ...apiKeyHandlers(apiKeys, namespaces, minting.now),
    ...policyHandlers(policies),
    mintToken: (request, { principal }) => mintToken(minting, namespaces, request, principal),
    getUsage: (request, { principal }) => getUsage(usage, namespaces, request, principal),
    listQuarantined: (request, { principal }) => listQuarantined(quarantined, request, principal),
  };
}

/** Returns the methods of AdminService for the store as a whole, which work in recovery too. */
export function custodyHandlers(
  host: StoreHost,
  version: string,
  exports?: Exports,
  place?: ExportPlace,
): Handlers<typeof AdminService> {
  const status = async () => ({
    status: toStatusMessage(await host.status(), await exports?.lastTime()),
  });
  return {
    getStoreStatus: status,
    resumeMaintenance: async ({ pauseId }) => {
      if (pauseId === '') throw invalid('pause_id', 'is required');
      await host.resume(pauseId);
      return await status();
    },
    exportIndex: () => exportIndex(host, version),
    importIndex: async (requests, call) => {
      const { rows, source } = await importIndex(host, place, requests, call);
      return { rowCount: BigInt(rows), source, ...(await status()) };
    },
    verify: (request, call) => verify(host, request, call),
    acceptLoss: async ({ lossId }) => {
      if (lossId === '') throw invalid('loss_id', 'is required');
      await host.acceptLoss(lossId);
      return await status();
    },
  };
}
