/** The directories that a host names as those in which its agent works: its roots. */
import { fileURLToPath } from 'node:url';
import type { Server } from '@modelcontextprotocol/server';
import type { LocalFiles } from './local-files.ts';

/**
 * Allows the roots of the host, and others when it reports a change. Only the era of the handshake has roots. They come
 * from the host itself, which a model cannot make say something else.
 *
 * @param warn called if the host gives no list of roots.
 */
export function followRoots(server: Server, files: LocalFiles, warn: (message: string) => void): void {
  const ask = () => {
    if (server.getClientCapabilities()?.roots === undefined) return;
    const named = rootsOf(server).catch((error: Error) => {
      warn(`the host's roots are not allowed: ${error.message}`);
      return [];
    });
    files.allow(named);
  };
  server.oninitialized = ask;
  server.setNotificationHandler('notifications/roots/list_changed', ask);
}

async function rootsOf(server: Server): Promise<string[]> {
  const { roots } = await server.listRoots();
  return roots.flatMap(({ uri }) => {
    try {
      return [fileURLToPath(uri)];
    } catch {
      // It is on another machine.
      return [];
    }
  });
}
