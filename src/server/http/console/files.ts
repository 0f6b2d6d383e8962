/** The files of the web console, as the build leaves them next to the program. */
import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A file of the console. */
interface ConsoleFile {
  readonly contentType: string;
  readonly content: Buffer;
  /** The same, compressed with gzip. Undefined: only as it is. */
  readonly compressed: Buffer | undefined;
  /** With quotes. */
  readonly etag: string;
}

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
};

/** The page. All other files have a hash of their content in their names. */
export const page = 'index.html';

/**
 * The console, read from a directory at the first request. From then on it is in memory, so that a page never meets
 * scripts of another build.
 */
export class ConsoleFiles {
  private readonly directory: string;
  private reading: Promise<ReadonlyMap<string, ConsoleFile>> | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Returns a file. Undefined: the console has no such file, or was not built. @param name without a directory. */
  async get(name: string): Promise<ConsoleFile | undefined> {
    this.reading ??= readAll(this.directory);
    const files = await this.reading;
    // A checkout may be built while the service runs.
    if (files.size === 0) this.reading = undefined;
    return files.get(name);
  }
}

async function readAll(directory: string): Promise<ReadonlyMap<string, ConsoleFile>> {
  const names = await readdir(directory).catch(() => []);
  const contents = new Map<string, Buffer>();
  for (const name of names) contents.set(name, await readFile(join(directory, name)));
  const files = new Map<string, ConsoleFile>();
  for (const [name, content] of contents) {
    const contentType = types[name.slice(name.lastIndexOf('.') + 1)];
    if (contentType === undefined) continue;
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
    files.set(name, { contentType, content, compressed: contents.get(`${name}.gz`), etag });
  }
  return files.has(page) ? files : new Map();
}
