/** docker-registry as Debian has it, with its files in a directory of the benchmark. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freeAddress } from '../../scripts/free-port.ts';
import { programAt } from './missing.ts';
import { PeerProcess } from './peer-process.ts';

/** What is durable and hashed where docker-registry is measured, for the notes of a figure. */
export const registryPromises =
  'docker-registry: the file is synced, its directory is not; the digest is computed and compared, by Go 1.19, which does not use the SHA instructions of processors';

/** @throws PeerMissing. */
export async function startRegistry(directory: string): Promise<PeerProcess> {
  const program = programAt({ name: 'docker-registry', from: 'Debian has it in docker-registry' });
  const address = await freeAddress();
  const own = join(directory, 'registry');
  mkdirSync(own);
  const config = join(own, 'config.yml');
  const settings = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(own, 'data') } },
    http: { addr: address },
  };
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(settings));
  return await PeerProcess.start({
    command: [program, 'serve', config],
    address,
    answers: async () => (await fetch(`http://${address}/v2/`)).ok,
  });
}
