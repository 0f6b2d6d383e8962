/** P5c: the pushes of P5 against etcd, which keeps the same bytes and nothing beside them. */
import { RawClient } from './harness/raw-client.ts';
import { inTurns } from './harness/rounds.ts';
import { startArtifacta } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { etcdPromises, startEtcd } from './peers/etcd.ts';
import { type Heading, orMissing } from './peers/missing.ts';
import { cpuTimes, etcd, ourPromises, ours, pushTurn, rates } from './peers/pushing.ts';

const inFlight = 64;

const heading: Heading = {
  id: 'P5c',
  what: 'durable push of 4 KiB with 6 metadata keys, 64 in flight ÷ etcd Put of the same bytes',
  requirement: { bound: 'at least', value: 0.4, next: 0.5 },
};

export const p5c: Target = {
  name: 'p5c',
  what: heading.what,
  measure: (context) => orMissing([heading], async () => [await measure(context)]),
};

async function measure(context: Context): Promise<Figure> {
  const count = context.quick ? 500 : 20_000;
  await using peer = await startEtcd(context.directory);
  await using server = await startArtifacta(context);
  await using toPeer = await RawClient.connect(peer.address);
  await using toOurs = await RawClient.connect(server.address);
  const takers = { ours: ours(server, toOurs), etcd: etcd(peer, toPeer) };
  const turn = (name: keyof typeof takers, share: number) =>
    pushTurn(takers[name], { count: count * share, inFlight });
  context.say('warm-up');
  for (const name of ['ours', 'etcd'] as const) await turn(name, 0.2);
  const turns = await inTurns(context, { ours: () => turn('ours', 1), etcd: () => turn('etcd', 1) });
  return {
    ...heading,
    result: {
      label: 'ours ÷ etcd',
      unit: '',
      values: turns.ours.map(({ rate }, at) => rate / turns.etcd[at]!.rate),
    },
    ours: rates('pushes', turns.ours),
    control: rates('etcd Put', turns.etcd),
    serverCpu: cpuTimes('ours', turns.ours),
    controlCpu: cpuTimes('etcd', turns.etcd),
    others: [
      {
        label: 'processor time of a push, ours ÷ etcd',
        unit: '',
        values: turns.ours.map(({ cpuMs }, at) => cpuMs / turns.etcd[at]!.cpuMs),
      },
    ],
    notes: [
      `${count} pushes a run on one connection each; etcd gets the message of the push as a value, its session and name as the key`,
      ourPromises,
      etcdPromises,
    ],
  };
}
