/** What a push and a pull of 1 GiB cost a client, against a bare program of its language, and what they cost the service. */
import { randomFillSync } from 'node:crypto';
import { closeSync, copyFileSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makingReady, type Program } from '../test/clients/programs.ts';
import { type Action, type Client, type Language, languages } from './clients/programs.ts';
import { type Cost, run } from './clients/running.ts';
import { GiB, MiB } from './harness/content.ts';
import type { ServerProcess } from './harness/processes.ts';
import { startArtifacta } from './harness/servers.ts';
import type { Context, Figure, Series, Target } from './harness/target.ts';

/** What each action compares with. */
const controlOf = { push: 'push', stream: 'push', pull: 'pull' } as const;
const actions = ['push', 'stream', 'pull'] as const;

/** Grows by no more than this, of a content of 1 GiB. */
const growthMiBMax = 128;

/** The costs of a program, by action, in the order of the runs. */
type Costs = ReadonlyMap<Action, readonly Cost[]>;

export const clients: Target = {
  name: 'clients',
  what: 'processor time of a push and a pull of 1 GiB by each client ÷ a bare program of its language',
  async measure(context) {
    const sizeBytes = context.quick ? 32 * MiB : GiB;
    const source = new Source(join(context.directory, 'source'), sizeBytes);
    const madeReady = makingReady();
    const entries = languages().map((language) => ({ language, missing: madeReady(language.bare) }));
    for (const { language, missing } of entries)
      if (missing !== undefined) context.say(`${language.bare.name} is left out: ${missing}`);
    const present = entries.filter(({ missing }) => missing === undefined).map(({ language }) => language);
    const costs = await measured(context, present, source);
    return entries.flatMap(({ language, missing }) => figuresOf(language, costs, sizeBytes, missing));
  },
};

/** The programs take turns, one way and the other. */
async function measured(
  context: Context,
  present: readonly Language[],
  source: Source,
): Promise<ReadonlyMap<Program, Costs>> {
  const costs = new Map<Program, Map<Action, Cost[]>>();
  const programs = present.flatMap(({ clients, bare }) => [
    ...clients.map((program) => ({ program, wanted: actions })),
    { program: bare, wanted: ['push', 'pull'] as const },
  ]);
  for (let at = 1; at <= context.runs; at++)
    for (const { program, wanted } of at % 2 === 1 ? programs : programs.toReversed()) {
      context.say(`${program.name}, run ${at} of ${context.runs}`);
      const known = costs.get(program) ?? new Map<Action, Cost[]>();
      costs.set(program, known);
      for (const [action, cost] of await once(context, program, wanted, source))
        known.set(action, [...(known.get(action) ?? []), cost]);
    }
  return costs;
}

/** All actions of a program, each in a process of its own, against a service that is new and empty. */
async function once(
  { directory, say }: Context,
  program: Program,
  wanted: readonly Action[],
  source: Source,
): Promise<readonly (readonly [Action, Cost])[]> {
  const dataDir = join(directory, 'data');
  try {
    await using server = await startArtifacta({ directory }, { dataDir });
    const transfer = async (action: Action) => {
      if (action === 'pull') return await pull(program, server, join(directory, 'pulled'), source);
      source.renew();
      return await run(program, action, { server, name: action, path: source.path });
    };
    const costs: (readonly [Action, Cost])[] = [];
    for (const action of wanted) {
      const cost = await transfer(action);
      const { cpuSeconds, serverCpuSeconds, peakBytes } = cost;
      const [own, service] = [cpuSeconds.toFixed(2), serverCpuSeconds.toFixed(2)];
      say(`${action}: ${own} s, service ${service} s, ${(peakBytes / MiB).toFixed()} MiB`);
      costs.push([action, cost]);
    }
    return costs;
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Pulls what was pushed before. @throws Error if the file has another size. */
async function pull(
  program: Program,
  server: ServerProcess,
  path: string,
  { path: sourcePath, sizeBytes }: Source,
): Promise<Cost> {
  // Pages that the system has not used yet cost the first program that writes to a file in them much more than the next.
  copyFileSync(sourcePath, path);
  rmSync(path);
  const cost = await run(program, 'pull', { server, name: 'push', path });
  const { size } = statSync(path);
  if (size !== sizeBytes) throw new Error(`${program.name} pulled ${size} bytes instead of ${sizeBytes}`);
  rmSync(path);
  return cost;
}

/** A file of random bytes, which never has the same digest twice. */
class Source {
  readonly path: string;
  readonly sizeBytes: number;

  constructor(path: string, sizeBytes: number) {
    this.path = path;
    this.sizeBytes = sizeBytes;
    const file = openSync(path, 'w');
    const block = randomFillSync(Buffer.alloc(MiB));
    for (let at = 0; at < sizeBytes; at += MiB) {
      block.writeUInt32BE(at / MiB, 0);
      writeSync(file, block);
    }
    closeSync(file);
  }

  renew(): void {
    const file = openSync(this.path, 'r+');
    writeSync(file, randomFillSync(Buffer.alloc(32)), 0, 32, 0);
    closeSync(file);
  }
}

function figuresOf(
  { clients, bare }: Language,
  costs: ReadonlyMap<Program, Costs>,
  sizeBytes: number,
  missing: string | undefined,
): Figure[] {
  const of = (program: Program, action: Action) => costs.get(program)?.get(action) ?? [];
  const figures = clients.flatMap((client) =>
    actions.map((action) =>
      compared(client, bare, action, of(client, action), of(bare, controlOf[action]), sizeBytes),
    ),
  );
  if (clients.length === 0)
    figures.push(
      ...(['push', 'pull'] as const).map((action) => alone(bare, action, of(bare, action), sizeBytes)),
    );
  figures.push(...clients.map((client) => growth(client, costs.get(client) ?? new Map())));
  return missing === undefined ? figures : figures.map((figure) => ({ ...figure, missing }));
}

function compared(
  client: Program,
  bare: Program,
  action: Action,
  ours: readonly Cost[],
  control: readonly Cost[],
  sizeBytes: number,
): Figure {
  const ratios = ours.map(({ cpuSeconds }, at) => cpuSeconds / control[at]!.cpuSeconds);
  return {
    id: `${client.name} ${action}`,
    what: `${client.name}, ${action} of ${sizeBytes / MiB} MiB: processor time of the client ÷ ${bare.name}`,
    result: { label: `÷ ${bare.name}`, unit: '', values: ratios },
    requirement: { bound: 'at most', value: 2 },
    ours: perGB('client', ours, 'cpuSeconds', sizeBytes),
    control: perGB(bare.name, control, 'cpuSeconds', sizeBytes),
    serverCpu: perGB('service', ours, 'serverCpuSeconds', sizeBytes),
    others: [...memory(client.name, ours), memory(bare.name, control)[0]!],
    notes: action === 'push' ? ['the client reads the file twice: for its digest first, and to send it'] : [],
  };
}

function alone(bare: Program, action: Action, costs: readonly Cost[], sizeBytes: number): Figure {
  return {
    id: `${bare.name} ${action}`,
    what: `${bare.name}, ${action} of ${sizeBytes / MiB} MiB by a bare program: processor time`,
    result: perGB('program', costs, 'cpuSeconds', sizeBytes),
    serverCpu: perGB('service', costs, 'serverCpuSeconds', sizeBytes),
    others: memory(bare.name, costs),
    notes: [],
  };
}

/** The most by which any action made a client's memory grow. */
function growth(client: Client, costs: Costs): Figure {
  const runs = costs.get('push')?.length ?? 0;
  const grown = (at: number) =>
    Math.max(
      ...actions.map((action) => costs.get(action)![at]!).map((cost) => cost.peakBytes - cost.loadedBytes),
    );
  const values = Array.from({ length: runs }, (_, at) => grown(at) / MiB);
  return {
    id: `${client.name} memory`,
    what: `${client.name}: most resident memory during an action − resident when it was loaded`,
    result: { label: 'growth', unit: 'MiB', values },
    requirement: { bound: 'at most', value: growthMiBMax },
    others: [],
    notes: [`bounded by ${client.boundBy}`],
  };
}

function perGB(
  label: string,
  costs: readonly Cost[],
  of: 'cpuSeconds' | 'serverCpuSeconds',
  sizeBytes: number,
): Series {
  return { label, unit: 'CPU-s/GB', values: costs.map((cost) => (cost[of] / sizeBytes) * 1e9) };
}

function memory(name: string, costs: readonly Cost[]): Series[] {
  const series = (label: string, of: 'peakBytes' | 'serverPeakBytes') => ({
    label,
    unit: 'MiB',
    values: costs.map((cost) => cost[of] / MiB),
  });
  return [series(`${name}: most resident`, 'peakBytes'), series('service: most resident', 'serverPeakBytes')];
}
