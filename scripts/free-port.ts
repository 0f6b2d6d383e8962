/** A free port for a program that must be told its own. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Linux gives ports from 32,768 on to those who ask for any, as many tests do at the same time. */
const portMin = 20_000;
const portMax = 32_767;

/** Returns a port of 127.0.0.1 at which nothing listens. What asks for any port does not get it meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(portMin, portMax + 1);
    if (await isFree(port)) return port;
  }
}

/** Returns an address with such a port: `127.0.0.1:PORT`. */
export async function freeAddress(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}
