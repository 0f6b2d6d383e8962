/** The right that a caller needs for each method: the one table, which the guard checks before any handler runs. */
import type { DescMethod } from '@bufbuild/protobuf';
import { Failure } from '../domain/errors.ts';
import type { Principal, Scope } from '../domain/principal.ts';

/** The right that a method needs. `anybody`: every known caller has it. */
export type Need = Scope | 'operator' | 'anybody';

const artifactNeeds: Readonly<Record<string, Need>> = {
  UploadArtifact: 'write',
  CreateArtifact: 'write',
  BeginDirectUpload: 'write',
  FinishDirectUpload: 'write',
  DownloadArtifact: 'read',
  ReadArtifact: 'read',
  GetArtifact: 'read',
  BatchGetArtifacts: 'read',
  ListArtifacts: 'read',
  ListFieldValues: 'read',
  ListLineage: 'read',
  UpdateArtifact: 'write',
  DeleteArtifact: 'write',
  CreateShareLink: 'share',
  ListShareLinks: 'share',
  RevokeShareLinks: 'share',
};

const sessionNeeds: Readonly<Record<string, Need>> = {
  OpenSession: 'write',
  GetSession: 'read',
  ListSessions: 'read',
  UpdateSession: 'write',
  SealSession: 'write',
  AmendOutcome: 'write',
  DeleteSession: 'write',
  WatchSession: 'read',
  CompareSessions: 'read',
  DownloadManifest: 'read',
  DownloadArchive: 'read',
};

/** Returns the right that a method needs. @throws RangeError for a method that is not in the table. */
export function needOf(method: DescMethod): Need {
  const need = needs(method.parent.name, method.name);
  if (need === undefined) throw new RangeError(`no right is listed for ${method.parent.name}/${method.name}`);
  return need;
}

function needs(service: string, method: string): Need | undefined {
  switch (service) {
    case 'ArtifactService':
      return artifactNeeds[method];
    case 'SessionService':
      return sessionNeeds[method];
    case 'AdminService':
      return method === 'MintToken' ? 'anybody' : 'operator';
    case 'MaintenanceService':
      return 'operator';
    case 'InfoService':
      return 'anybody';
    case 'TicketService':
      // The handler checks the right for the kind of the ticket.
      return 'anybody';
    case 'ReplicasService':
      return 'write';
    default:
      return undefined;
  }
}

/** Checks that the principal has the right. @throws Failure PERMISSION_DENIED. */
export function requireNeeded(principal: Principal, need: Need): void {
  if (need === 'anybody' || principal.operator) return;
  if (need === 'operator')
    throw new Failure(
      'PERMISSION_DENIED',
      'only operators may do this: use the key of an operator, or the local socket',
    );
  if (!principal.scopes.has(need))
    throw new Failure(
      'PERMISSION_DENIED',
      `these credentials lack the scope "${need}"; use a key or token that has it`,
      { metadata: { scope: need } },
    );
}
