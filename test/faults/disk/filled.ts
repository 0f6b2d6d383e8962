/**
 * Somebody else fills the disk of a whole service: `artifacta serve` with its reaper. Whatever is then deleted or ended,
 * reads, the status and readiness go on and agree, through a restart as well, and pushes when there is room again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { toArtifactaError } from '../../../src/client/wire/to-error.ts';
import { removeDirectory } from '../../support/directories.ts';
import type { Outcome, Scenario } from './scenario.ts';
import { look, push, pushInTime, serve, sizes } from './service.ts';
import { SmallDisk, whyNoSmallDisk } from './small-disk.ts';

const diskBytes = 96 * 1024 ** 2;

interface Kind {
  readonly isDeleted: boolean;
  readonly hasBallast: boolean;
}

async function play({ isDeleted, hasBallast }: Kind): Promise<Outcome> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-filled-'));
  const faults: string[] = [];
  const states = new Set<string>();
  let deleted = 0;
  const disk = new SmallDisk(join(home, 'small'), diskBytes);
  const dataDir = join(disk.path, 'data');
  const fill = async () => {
    if (!hasBallast) await rm(join(dataDir, 'index', 'ballast'), { force: true });
    disk.fill(0);
  };
  try {
    {
      await using service = await serve(dataDir);
      for (const [seed] of sizes.entries()) {
        await push(service.client, 'kept', seed);
        await push(service.client, isDeleted ? 'deleted' : 'ends', seed + 4);
      }
      await fill();
      for (let round = 0; round < 8; round++) {
        if (isDeleted)
          await service.client.delete({ session: 'deleted', name: String(4 + (round % 4)) }).then(
            () => deleted++,
            (error: unknown) => {
              const { reason } = toArtifactaError(error);
              if (reason !== 'STORE_UNAVAILABLE' && reason !== 'ARTIFACT_DELETED')
                faults.push(`a deletion was refused with ${reason}`);
            },
          );
        else await delay(500);
        states.add(await look(service, faults, `round ${round}`));
      }
    }
    if (isDeleted && hasBallast && deleted < 4) faults.push(`only ${deleted} were deleted`);
    await fill();
    await using again = await serve(dataDir);
    states.add(await look(again, faults, 'after a start'));
    disk.free();
    await pushInTime(again.client);
    states.add(await look(again, faults, 'with room again'));
  } catch (error) {
    faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    disk[Symbol.dispose]();
    removeDirectory(home);
  }
  return { faults, said: `${deleted} deleted, states ${[...states].join(', ')}` };
}

const kinds: readonly Kind[] = [
  { isDeleted: true, hasBallast: true },
  { isDeleted: true, hasBallast: false },
  { isDeleted: false, hasBallast: true },
  { isDeleted: false, hasBallast: false },
];

export const filled: readonly Scenario[] = kinds.map((kind) => ({
  name: `somebody else fills the disk, and ${kind.isDeleted ? 'things are deleted' : 'the reaper is alone'}, with ${kind.hasBallast ? 'what is kept back' : 'nothing kept back'}`,
  obstacle: whyNoSmallDisk,
  play: () => play(kind),
}));
