/** `push --from-command`: real commands, of which nothing is stored unless they end well. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startCommand } from '../../../src/cli/files/from-command.ts';
import { startServe } from '../../e2e/serve-process.ts';
import { ended, Home } from '../program.ts';

let home: Home;
beforeEach(async () => {
  home = await Home.make();
  // Runs after whatever the test itself leaves to its end, such as stopping a service in this directory.
  onTestFinished(() => home[Symbol.asyncDispose]());
});

const flags = ['push', '--from-command', '--session', 'run', '--name', 'out', '--json', '--'];
const node = (program: string) => [...flags, process.execPath, '-e', program];
const mebibyte = 1024 * 1024;

async function isStored(): Promise<boolean> {
  const { code } = await home.run(['show', 'run/out']);
  expect([0, 3]).toContain(code);
  return code === 0;
}

function isThere(name: string): Promise<boolean> {
  return stat(home.at(name)).then(Boolean, () => false);
}

/** Writes 20 MiB, more than is read ahead, and then runs this. */
const large = (then: string) =>
  `const piece = Buffer.alloc(${mebibyte}, 7); let left = 20;
   const more = () => left-- > 0 ? process.stdout.write(piece, more) : (() => { ${then} })(); more();`;

describe('push --from-command', { timeout: 60_000 }, () => {
  it('stores what a command writes, given its arguments as they are', async () => {
    const pushed = await home.run([...flags, 'printf', '%s|', 'a b', '$HOME', ';', '--', '-x']);
    expect(pushed).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(pushed.stdout)).toMatchObject({ name: 'out', version: 1 });
    expect((await home.run(['cat', 'run/out'])).stdout).toBe('a b|$HOME|;|--|-x|');
  });

  it('stores nothing of nothing but an empty artifact', async () => {
    expect(JSON.parse((await home.run([...flags, 'true'])).stdout)).toMatchObject({ size_bytes: 0 });
  });

  it('gives it the standard input and error', async () => {
    const child = home.start([...flags, 'sh', '-c', 'cat; echo careful >&2']);
    child.stdin!.end('through it');
    expect(await ended(child)).toMatchObject({ code: 0, stderr: 'careful\n' });
    expect((await home.run(['cat', 'run/out'])).stdout).toBe('through it');
  });

  it('stores more than it reads ahead', async () => {
    const server = startServe(home.at('.local/share/artifacta'));
    await server.ready;
    const pushed = await home.run(node(large('')));
    expect(pushed).toMatchObject({ code: 0, stderr: '' });
    const hash = createHash('sha256');
    for (let at = 0; at < 20; at++) hash.update(Buffer.alloc(mebibyte, 7));
    expect(JSON.parse(pushed.stdout)).toMatchObject({
      size_bytes: 20 * mebibyte,
      sha256: hash.digest('hex'),
    });
  });

  it('takes no more from a command than it goes on with', async () => {
    const written = home.at('written');
    const program = large(`require('fs').writeFileSync(${JSON.stringify(written)}, '')`);
    const command = await startCommand([process.execPath, '-e', program]);
    const pieces = command.content.open()[Symbol.asyncIterator]();
    let bytes = (await pieces.next()).value!.byteLength;
    // Longer than the rest would take.
    for (let at = 0; at < 3; at++) await home.runProcess(['--version']);
    expect(await isThere('written')).toBe(false);
    for (let next = await pieces.next(); !next.done; next = await pieces.next())
      bytes += next.value.byteLength;
    expect(bytes).toBe(20 * mebibyte);
    expect(await isThere('written')).toBe(true);
    await command.stop();
  });

  it('waits for the end of a command that has closed its output', async () => {
    const child = home.start([...flags, 'sh', '-c', 'exec >&-; echo closed >&2; cat >/dev/null; exit 4']);
    const isEnded = ended(child);
    await once(child.stderr!, 'data');
    // Longer than a push of nothing takes that does not wait.
    for (let at = 0; at < 3; at++) await home.runProcess(['--version']);
    expect(child.exitCode).toBeNull();
    child.stdin!.end();
    const pushed = await isEnded;
    expect(pushed.code).toBe(6);
    expect(pushed.stderr).toContain('exited with status 4; nothing was stored');
    expect(await isStored()).toBe(false);
  });

  it.each([
    ['false', ['false'], 'artifacta: false: exited with status 1; nothing was stored\n'],
    [
      'output before',
      ['sh', '-c', 'echo x; exit 7'],
      'artifacta: sh: exited with status 7; nothing was stored\n',
    ],
    [
      'a signal',
      ['sh', '-c', 'echo x; kill -9 $$'],
      'artifacta: sh: was ended by SIGKILL; nothing was stored\n',
    ],
    [
      'no program',
      ['no-such-program'],
      'artifacta: no-such-program: cannot be started: the program does not exist\n',
    ],
    ['a directory', ['/'], 'artifacta: /: cannot be started: it cannot be executed\n'],
  ])('stores nothing of a command that fails: %s', async (_what, command, stderr) => {
    expect(await home.run([...flags.filter((flag) => flag !== '--json'), ...command])).toMatchObject({
      code: 6,
      stdout: '',
      stderr,
    });
    expect(await isStored()).toBe(false);
  });

  it.each([
    ['over gRPC', 'grpc', 'grpc://'],
    ['over HTTP', 'http', 'http://'],
  ])(
    'stores nothing of a command that fails when much of it was sent, %s',
    async (_what, service, scheme) => {
      const server = startServe(home.at('.local/share/artifacta'));
      const url = `${scheme}${String((await server.ready)[service])}`;
      const pushed = await home.run(node(large('process.exit(3)')), { ARTIFACTA_URL: url });
      expect(pushed).toMatchObject({ code: 6, stdout: '' });
      expect(pushed.stderr).toContain('exited with status 3; nothing was stored');
      expect(await isStored()).toBe(false);
    },
  );

  it('interrupts the command when it is interrupted, and stores nothing though that ends well', async () => {
    const program = `process.stdout.write('half');
      process.on('SIGINT', () => { require('fs').writeFileSync('told', 'SIGINT'); process.exit(0); });
      require('fs').writeFileSync('ready', ''); setInterval(() => {}, 1000)`;
    const child = home.start(node(program));
    const done = ended(child);
    await expect.poll(() => isThere('ready'), { timeout: 20_000 }).toBe(true);
    child.kill('SIGINT');
    expect(await done).toMatchObject({ code: 130, stderr: '', stdout: '' });
    expect(await readFile(home.at('told'), 'utf8')).toBe('SIGINT');
    expect(await isStored()).toBe(false);
  });

  it('ends a command whose output is refused, and says why', async () => {
    await home.run(['session', 'open', 'run']);
    await home.run(['session', 'seal', 'run']);
    const program = large(`setInterval(() => {}, 1000)`);
    // As a process, whose standard error is that of the command.
    const pushed = await home.runProcess(
      node(
        `require('fs').writeFileSync('pid', String(process.pid)); ${program}`.replace(
          'left = 20',
          'left = 2000',
        ),
      ),
    );
    expect(pushed.code).toBe(1);
    expect(pushed.stderr).toContain('SESSION_SEALED');
    const pid = Number(await readFile(home.at('pid'), 'utf8'));
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  it('does not run the command again when the connection is lost', async () => {
    const server = startServe(home.at('.local/share/artifacta'));
    const url = `grpc://${String((await server.ready).grpc)}`;
    await writeFile(home.at('runs'), '');
    const begin = `require('fs').appendFileSync('runs', 'x');`;
    const program = `${begin} ${large(`require('fs').writeFileSync('sent', ''); process.stdin.resume()`)}`;
    const child = home.start(node(program), { ARTIFACTA_URL: url });
    const done = ended(child);
    await expect.poll(() => isThere('sent'), { timeout: 20_000 }).toBe(true);
    server.child.kill('SIGKILL');
    await once(server.child, 'exit');
    expect(await done).toMatchObject({ code: 4, stdout: '' });
    expect(await readFile(home.at('runs'), 'utf8')).toBe('x');
    child.stdin!.destroy();
  });

  it.each([
    [['push', '--from-command', '--name', 'x'], /needs a command/],
    [['push', '--from-command', '--', 'true'], /needs a name/],
  ])('%j is a mistake', async (argv, why) => {
    const ran = await home.run(argv);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(why);
  });
});
