/** The programs whose cost is measured. */
import { join } from 'node:path';
import { findPrograms, type Program } from '../../test/clients/programs.ts';

const folder = join(import.meta.dirname, 'node');

/** `stream` pushes what the program itself reads from the file, so that the client cannot read it twice. */
export type Action = 'push' | 'stream' | 'pull';

/** A client, and what bounds the bytes that it keeps in memory. */
export interface Client extends Program {
  readonly boundBy: string;
}

/** Programs of one language, which take turns. */
export interface Language {
  /** Without clients, the cost of the bare program is shown alone. */
  readonly clients: readonly Client[];
  readonly bare: Program;
}

/** All of them. */
export function languages(): readonly Language[] {
  return [
    python('Python', 'grpcio', '', 'two messages that wait to be sent'),
    python('Python with asyncio', 'grpcio with asyncio', ' --aio', 'one message at a time'),
    node(),
    go(),
    fetch(),
  ];
}

/** The scenario's program of this name: this one needs the same preparation. */
function like(name: string): Program {
  const found = findPrograms().find((program) => program.name === name);
  if (found === undefined) throw new Error(`there is no program ${name} in the folder clients`);
  return found;
}

/** Becomes the program itself, so that what is measured is not the shell. */
function shell(command: string): readonly string[] {
  return ['sh', '-c', `exec ${command} "$@"`, 'sh'];
}

/** The client and the bare program, both blocking or both with asyncio. */
function python(name: string, bare: string, flag: string, waiting: string): Language {
  const newest = like('python-7');
  const interpreter = `"$SCENARIO_CACHE/protobuf-${newest.prepare?.at(-2)}/bin/python"`;
  const script = (file: string) => `${interpreter} "$SCENARIO_ROOT/bench/clients/python/${file}"${flag}`;
  const boundBy = `${waiting}, and the windows of gRPC's core`;
  return {
    clients: [{ ...newest, name, run: shell(`env PYTHONPATH=src ${script('client.py')}`), boundBy }],
    bare: { ...newest, name: bare, run: shell(script('bare.py')) },
  };
}

function nodeProgram(name: string, script: string): Program {
  return { name, folder, run: [process.execPath, script] };
}

function node(): Language {
  const windows =
    'one message at a time, the windows of HTTP/2 (4 MiB a download), and what V8 has not yet collected';
  return {
    clients: [{ ...nodeProgram('TypeScript', 'client.ts'), boundBy: windows }],
    bare: nodeProgram('connect-node', 'bare.ts'),
  };
}

function fetch(): Language {
  return { clients: [], bare: nodeProgram('fetch', 'fetch.ts') };
}

function go(): Language {
  const scenario = like('grpc-go');
  const source = '"$SCENARIO_ROOT/bench/clients/go/main.go"';
  const steps = [
    `sh ${scenario.prepare?.at(-1)}`,
    'cd "$SCENARIO_CACHE/src"',
    `mkdir -p bench && cp ${source} bench/`,
    'GOFLAGS=-mod=mod go build -o "$SCENARIO_CACHE/bin/bench" ./bench',
  ];
  const prepare = ['sh', '-c', steps.join(' && ')];
  return {
    clients: [],
    bare: { ...scenario, name: 'grpc-go', prepare, run: shell('"$SCENARIO_CACHE/bin/bench"') },
  };
}
