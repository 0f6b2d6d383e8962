/**
 * A session of many files: pushed, listed, sealed, pulled and compared by the command line, while somebody in another
 * namespace pushes small contents all the time. Then the server is killed with SIGKILL, and the next start is timed.
 *
 *     node test/faults/large/main.ts [--files N]
 *
 * 100,000 files unless told otherwise. Exits with 1 if anything is missing or different, if the other's pushes became
 * more than five times as slow (the 99th percentile, against the same pushes alone), or if the start took two seconds.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePorts } from '../../../scripts/free-ports.ts';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';

const { values } = parseArgs({ options: { files: { type: 'string', default: '100000' } } });
const files = Number(values.files);
if (!Number.isSafeInteger(files) || files < 1) {
  process.stderr.write(`--files: not a number of files: ${values.files}\n`);
  process.exit(2);
}

const launcher = resolve(import.meta.dirname, '../../../bin/artifacta');
const home = await mkdtemp(join(tmpdir(), 'artifacta-large-'));
const dataDir = join(home, 'data');
const socket = join(home, 'sock');
const url = `unix:${socket}`;
const faults: string[] = [];
let server: ChildProcess | undefined;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Every file's path below the directory, with the SHA-256 of its bytes. */
async function digests(directory: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(
      relative(directory, path),
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    );
  }
  return found;
}

async function makeFiles(directory: string): Promise<void> {
  for (let at = 0; at < files; at++) {
    const folder = join(directory, `part-${String(Math.floor(at / 1_000)).padStart(4, '0')}`);
    if (at % 1_000 === 0) await mkdir(folder, { recursive: true });
    // Some alike, most of their own, a few that are files in the store.
    const content =
      at % 50 === 0 ? `same ${at % 7}` : `file ${at}\n`.repeat(at % 1_000 === 1 ? 6_000 : (at % 20) + 1);
    await writeFile(join(folder, `file-${at}.txt`), content);
  }
}

/** Runs a command to its end and says how long that took. @returns its standard output. */
async function artifacta(...args: string[]): Promise<string> {
  const beganMs = performance.now();
  const child = spawn(launcher, [...args, '--url', url], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = await once(child, 'close');
  say(`  artifacta ${args[0]} ${args[1] ?? ''}: ${((performance.now() - beganMs) / 1_000).toFixed(1)} s`);
  if (code !== 0) faults.push(`artifacta ${args.join(' ')} ended with ${code}`);
  return Buffer.concat(chunks).toString();
}

/** Small pushes one after another, until told to stop. @returns how long each took, in milliseconds. */
async function pushSmall(client: ArtifactaClient, isOver: () => boolean): Promise<number[]> {
  const took: number[] = [];
  for (let at = 0; !isOver(); at++) {
    const beganMs = performance.now();
    await client.push(Buffer.from(`content ${at} ${Math.random()}`), {
      session: `o-${at % 10}`,
      name: `n-${at}`,
    });
    took.push(performance.now() - beganMs);
    await delay(5);
  }
  return took;
}

function percentile(took: readonly number[], share: number): number {
  const sorted = [...took].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function startServer(): Promise<void> {
  server = spawn(process.execPath, [join(import.meta.dirname, 'server.ts'), dataDir, socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(createInterface({ input: server.stdout! }), 'line');
}

/** Under load one step after another, with the others' pushes timed all the while. */
async function withOthers(
  client: ArtifactaClient,
  what: string,
  idleP99: number,
  work: () => Promise<unknown>,
): Promise<void> {
  let isOver = false;
  const pushing = pushSmall(client, () => isOver);
  await work();
  isOver = true;
  const took = await pushing;
  const [median, p99] = [percentile(took, 0.5), percentile(took, 0.99)];
  const ratio = p99 / idleP99;
  say(
    `  another namespace meanwhile: ${took.length} pushes, median ${median.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${ratio.toFixed(2)} times the idle one`,
  );
  if (ratio >= 5)
    faults.push(`p99 of another namespace was ${ratio.toFixed(2)} times the idle one during ${what}`);
}

async function timeStart(): Promise<void> {
  const beganMs = performance.now();
  const child = spawn(launcher, ['serve', '--data-dir', dataDir, ...freePorts], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('"ready"')) break;
  const ms = performance.now() - beganMs;
  say(
    `start after SIGKILL: ${(ms / 1_000).toFixed(2)} s until it serves, of which a start of Node is a part`,
  );
  if (ms >= 2_000) faults.push(`the start took ${ms.toFixed(0)} ms`);
  child.kill('SIGKILL');
  await once(child, 'close');
}

try {
  const source = join(home, 'source');
  await makeFiles(source);
  await startServer();
  await using other = await connect(url, { namespace: 'other' });
  await using client = await connect(url);
  // What is done for the first time takes longer.
  const warmEndMs = performance.now() + 5_000;
  await pushSmall(other, () => performance.now() > warmEndMs);
  const idleEndMs = performance.now() + 15_000;
  const idle = await pushSmall(other, () => performance.now() > idleEndMs);
  const idleP99 = percentile(idle, 0.99);
  say(
    `another namespace alone: ${idle.length} pushes, median ${percentile(idle, 0.5).toFixed(1)} ms, p99 ${idleP99.toFixed(1)} ms`,
  );
  say(`${files} files:`);
  await withOthers(other, 'the push', idleP99, () =>
    artifacta('push', source, '--session', 'large', '--quiet'),
  );
  await withOthers(other, 'the listing', idleP99, async () => {
    const listed = (await artifacta('ls', 'large', '--json')).split('\n').filter((line) => line !== '');
    if (listed.length !== files) faults.push(`${listed.length} of ${files} are listed`);
  });
  await withOthers(other, 'the seal', idleP99, () => artifacta('session', 'seal', 'large'));
  const { artifactCount } = await client.sessions.get('large');
  if (artifactCount !== files) faults.push(`the session says it has ${artifactCount}`);
  const target = join(home, 'pulled');
  await withOthers(other, 'the pull', idleP99, () => artifacta('pull', 'large', '--to', target, '--quiet'));
  const [sent, pulled] = [await digests(source), await digests(target)];
  let different = 0;
  for (const [path, sha256] of sent)
    if (pulled.get(path) !== sha256 && pulled.get(join('source', path)) !== sha256) different++;
  say(`  compared: ${pulled.size} files, ${different} different`);
  if (different > 0 || pulled.size !== files)
    faults.push(`${different} files differ, ${pulled.size} were pulled`);
  server!.kill('SIGKILL');
  await once(server!, 'close');
  const { stdout } = spawnSync('du', ['-sh', join(dataDir, 'index')], { encoding: 'utf8' });
  say(`the index has ${stdout.split('\t')[0]}`);
  for (let start = 0; start < 3; start++) await timeStart();
} finally {
  server?.kill('SIGKILL');
  await rm(home, { recursive: true, force: true });
}
for (const fault of faults) say(`FAULT ${fault}`);
say(`${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
