/** The settings of a service that shares its store with others, as data. */
import type { Setting } from './setting.ts';

/** A part of all settings. */
export const replicaSettings = {
  replicaListen: {
    flag: 'replica-listen',
    value: 'HOST:PORT',
    env: 'ARTIFACTA_REPLICA_LISTEN',
    default: 'none (no other process serves the store)',
    description:
      'address for the other replicas of the store (docs/scale.md); with --index postgres://… and --blobs only',
  },
  replicaAddress: {
    flag: 'replica-address',
    value: 'HOST:PORT',
    env: 'ARTIFACTA_REPLICA_ADDRESS',
    default: 'the address of --replica-listen',
    description: 'address at which the other replicas reach --replica-listen',
  },
  replicaSecretFile: {
    flag: 'replica-secret-file',
    value: 'FILE',
    env: 'ARTIFACTA_REPLICA_SECRET_FILE',
    default: 'none',
    description: 'file with the secret that all replicas of the store share: at least 32 bytes',
  },
  replicaLeaseSeconds: {
    flag: 'replica-lease-seconds',
    value: 'SECONDS',
    env: 'ARTIFACTA_REPLICA_LEASE_SECONDS',
    default: '10',
    description:
      'how long the namespaces of a replica that has ended without a word are left to it, 1 to 300; the same for all ' +
      'replicas',
  },
} as const satisfies Record<string, Setting>;
