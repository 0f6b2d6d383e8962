/** A real nginx in front of a service: with its defaults, and as docs/proxies.md says. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../../scripts/free-port.ts';
import { removeDirectory } from '../support/directories.ts';

const page = resolve(import.meta.dirname, '../../docs/proxies.md');
/** Longer than two heartbeats of a watch are apart, shorter than a silence that is tried. The default is a minute. */
const readSeconds = 20;

/** One way through the proxy. */
export interface Way {
  readonly name: string;
  readonly protocol: 'http' | 'grpc';
  /** As docs/proxies.md says; otherwise only what nginx cannot do without. */
  readonly isTuned: boolean;
  readonly port: number;
}

/** A running nginx. */
interface Proxy extends AsyncDisposable {
  readonly ways: readonly Way[];
}

/** Why there is no nginx, after an attempt to install it; undefined if there is one. */
export function nginxObstacle(): string | undefined {
  const isThere = () => spawnSync('nginx', ['-v']).status === 0;
  if (isThere()) return undefined;
  if (spawnSync('apt-get', ['--version']).error !== undefined) return 'there is no nginx, and no apt-get';
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', 'nginx-light']]) {
    const { status, stderr } = spawnSync('apt-get', args, { encoding: 'utf8', timeout: 300_000 });
    if (status !== 0) return `there is no nginx, and apt-get ${args[0]} fails: ${stderr.trim().slice(-200)}`;
  }
  return isThere() ? undefined : 'nginx was installed and does not run';
}

/** Starts nginx on free ports; both addresses are `host:port`. */
export async function startNginx(service: { readonly http: string; readonly grpc: string }): Promise<Proxy> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-nginx-'));
  const ways: Way[] = [];
  const servers: string[] = [];
  for (const protocol of ['http', 'grpc'] as const)
    for (const isTuned of [false, true]) {
      const port = await freePort();
      const pass = `${protocol === 'http' ? 'proxy' : 'grpc'}_pass`;
      ways.push({ name: `${pass}, ${isTuned ? 'tuned' : 'default'}`, protocol, isTuned, port });
      const target = service[protocol];
      servers.push(isTuned ? await tuned(protocol, port, target) : plain(protocol, port, target));
    }
  const file = join(directory, 'nginx.conf');
  await writeFile(file, configuration(directory, servers));
  execFileSync('nginx', ['-t', '-q', '-c', file, '-e', join(directory, 'error.log')], { stdio: 'inherit' });
  const nginx = spawn('nginx', ['-c', file, '-e', join(directory, 'error.log')], { stdio: 'inherit' });
  for (const { port } of ways) await listening(port, nginx);
  return {
    ways,
    [Symbol.asyncDispose]: async () => {
      if (nginx.exitCode === null) {
        nginx.kill('SIGTERM');
        await once(nginx, 'close');
      }
      removeDirectory(directory);
    },
  };
}

function configuration(directory: string, servers: readonly string[]): string {
  const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  // Its worker would otherwise be another user, who may not write here.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `daemon off;
${user}
pid ${directory}/nginx.pid;
worker_processes 1;
events {}
http {
  access_log off;
${kept.map((name) => `  ${name}_temp_path ${directory}/${name};`).join('\n')}
${servers.join('\n')}
}
`;
}

function plain(protocol: Way['protocol'], port: number, target: string): string {
  return protocol === 'http'
    ? `server { listen 127.0.0.1:${port}; proxy_read_timeout ${readSeconds}s;
  location / { proxy_pass http://${target}; } }`
    : `server { listen 127.0.0.1:${port} http2; grpc_read_timeout ${readSeconds}s;
  location / { grpc_pass grpc://${target}; } }`;
}

/** The server of the page, with the ports, and the time to wait, of the test. */
async function tuned(protocol: Way['protocol'], port: number, target: string): Promise<string> {
  const blocks = [...(await readFile(page, 'utf8')).matchAll(/^```nginx\n(.*?)^```/gms)].map(
    ([, text]) => text!,
  );
  const pass = protocol === 'http' ? 'proxy_pass http' : 'grpc_pass grpc';
  const found = blocks.filter((text) => text.includes(pass));
  if (found.length !== 1) throw new Error(`docs/proxies.md: must have one server with ${pass}`);
  const replaced: [RegExp, string][] = [
    [/(?<=^ *listen )\d+/m, `127.0.0.1:${port}`],
    [/(?<=_pass \w+:\/\/)[^;]+/, target],
    [/(?<=_read_timeout )\w+/, `${readSeconds}s`],
  ];
  return replaced.reduce((text, [from, to]) => {
    if (!from.test(text)) throw new Error(`docs/proxies.md: must match ${from}`);
    return text.replace(from, to);
  }, found[0]!);
}

async function listening(port: number, nginx: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (nginx.exitCode !== null) throw new Error(`nginx ended with ${nginx.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`nginx does not listen on ${port}`);
}
