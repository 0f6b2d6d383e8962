/** Plain HTTP by hand: what fetch would normalise, refuse or repair. */
import { connect, type Socket } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** A socket to `http://HOST:PORT`, destroyed when the test ends. */
export async function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
}

/** The lines of a request head; `Host` is there unless it is among them. */
export function head(url: string, ...lines: readonly string[]): string {
  const hasHost = lines.some((line) => /^host:/i.test(line));
  const host = hasHost ? [] : [`Host: ${new URL(url).host}`];
  return [lines[0], ...host, ...lines.slice(1), '', ''].join('\r\n');
}

/** Sends bytes as they are and reads until the server closes; `Connection: close` is for the caller to say. */
export async function exchangeRaw(
  url: string,
  ...parts: readonly (string | Uint8Array)[]
): Promise<RawAnswer> {
  const socket = await openSocket(url);
  for (const part of parts) socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
  return parseAnswer(await textOf(socket));
}

/** Interim answers are skipped. */
export function parseAnswer(received: string): RawAnswer {
  const end = received.indexOf('\r\n\r\n');
  const [first = '', ...lines] = received.slice(0, end).split('\r\n');
  const status = Number(first.split(' ')[1]);
  const body = received.slice(end + 4);
  if (status >= 100 && status < 200) return parseAnswer(body);
  const pairs = lines.map((line): [string, string] => {
    const at = line.indexOf(':');
    return [line.slice(0, at), line.slice(at + 1).trim()];
  });
  return { status, headers: new Headers(pairs), body };
}

/** What an error answer says. */
interface ErrorJson {
  readonly code: string;
  readonly message: string;
  readonly reason: string;
  readonly fields: readonly string[];
}

/** @throws if it is not the JSON of an error. */
export function parseError(body: string): ErrorJson {
  const { code, message, details } = JSON.parse(body) as {
    code: string;
    message: string;
    details: { type: string; debug: Record<string, unknown> }[];
  };
  const debugOf = (type: string) => details.find((detail) => detail.type === type)?.debug;
  const violations = debugOf('google.rpc.BadRequest')?.fieldViolations as { field: string }[] | undefined;
  return {
    code,
    message,
    reason: String(debugOf('google.rpc.ErrorInfo')?.reason),
    fields: violations?.map(({ field }) => field) ?? [],
  };
}
