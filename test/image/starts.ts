/** How it starts and stops: how long that takes, and whether it hears what it is told. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePorts } from '../../scripts/free-ports.ts';
import { removeDirectory } from '../support/directories.ts';
import type { Attempt, Rig } from './attempts.ts';
import { hasLoaded, processorMs } from './containers.ts';

interface Start {
  readonly wallMs: number;
  readonly processorMs: number;
}

async function startInside(rig: Rig): Promise<Start> {
  await using service = rig.serve();
  const pid = service.pid();
  await service.ready;
  const wallMs = performance.now() - service.beganMs;
  return { wallMs, processorMs: await processorMs(await pid) };
}

/** The same service, from the checkout. */
async function startOutside({ root }: Rig): Promise<Start> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-outside-'));
  const beganMs = performance.now();
  const args = ['serve', '--data-dir', join(directory, 'data'), ...freePorts];
  const child = spawn(join(root, 'bin/artifacta'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.includes('"msg":"ready"')) continue;
      return { wallMs: performance.now() - beganMs, processorMs: await processorMs(child.pid!) };
    }
    throw new Error('the service outside was not ready');
  } finally {
    child.kill('SIGTERM');
    await closed;
    await removeDirectory(directory);
  }
}

const messagesOf = (lines: readonly { readonly msg: string }[]) => lines.map(({ msg }) => msg);

export const starts: readonly Attempt[] = [
  {
    name: 'until it is ready it takes at most 1.5 times the processor time of the same service outside',
    run: async (rig) => {
      const inside: Start[] = [];
      const outside: Start[] = [];
      // The first of each pays for what is not in memory yet. Of the others the least counts: a busy machine only adds.
      for (let round = 0; round < 6; round++) {
        const pair = [await startOutside(rig), await startInside(rig)] as const;
        if (round === 0) continue;
        outside.push(pair[0]);
        inside.push(pair[1]);
      }
      const least = (each: readonly Start[], figure: keyof Start) =>
        Math.min(...each.map((start) => start[figure]));
      const processor = [least(inside, 'processorMs'), least(outside, 'processorMs')] as const;
      const ratio = processor[0] / processor[1];
      const wall = [inside, outside].map((each) => least(each, 'wallMs').toFixed(0));
      const said = `${processor[0]} ms ÷ ${processor[1]} ms = ${ratio.toFixed(2)}; ready after ${wall[0]} ms, outside after ${wall[1]} ms`;
      assert.ok(ratio <= 1.5, said);
      return said;
    },
  },
  ...[
    { args: [], boundMs: 5_000, name: 'idle, it stops within the grace of 5 s' },
    {
      args: ['--grace-seconds', '0'],
      boundMs: 1_000,
      name: 'idle and without a grace, it stops within a second',
    },
  ].map(
    ({ name, args, boundMs }): Attempt => ({
      name,
      run: async (rig) => {
        await using service = rig.serve({ args });
        await service.ready;
        const { ms, code } = await service.stop();
        assert.equal(code, 0);
        assert.deepEqual(messagesOf(service.lines).slice(-2), ['drained', 'stopped']);
        assert.ok(ms <= boundMs, `it took ${ms.toFixed(0)} ms`);
        return `${ms.toFixed(0)} ms`;
      },
    }),
  ),
  {
    name: 'told to stop while it still loads, it leaves before it is ready',
    run: async (rig) => {
      await using service = rig.serve();
      const pid = await service.pid();
      while (!(await hasLoaded(pid, 'classic-level'))) await new Promise((resolve) => setTimeout(resolve, 1));
      const { ms, code } = await service.stopProcess(pid);
      assert.equal(code, 0);
      assert.deepEqual(
        messagesOf(service.lines).filter((msg) => msg === 'ready' || msg === 'stopped'),
        ['stopped'],
      );
      return `left after ${ms.toFixed(0)} ms`;
    },
  },
];
