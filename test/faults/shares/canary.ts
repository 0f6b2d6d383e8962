/**
 * A client that only works, in a process of its own: `node canary.ts LISTENER KEY`, of which the first is JSON. Each time it
 * connects anew, until it is told to end (SIGTERM), and then prints how that went. An empty line before says that it
 * has begun.
 */
import type { Listener } from '../unread/attack.ts';
import { workAnew } from './other.ts';

const [where = '', key = ''] = process.argv.slice(2);
const listener = JSON.parse(where) as Listener;
// Operators alone may call on the socket, and they show nothing.
const headers: Record<string, string> = key === '' ? {} : { authorization: `Bearer ${key}` };
const failures: string[] = [];
let calls = 0;
let longestMs = 0;
let isOver = false;

process.once('SIGTERM', () => {
  isOver = true;
});

process.stdout.write('\n');
while (!isOver) {
  const began = performance.now();
  try {
    await workAnew(listener, headers);
    calls++;
  } catch (error) {
    failures.push(String(error));
  }
  longestMs = Math.max(longestMs, performance.now() - began);
}
process.stdout.write(JSON.stringify({ calls, failures, longestMs: Math.round(longestMs) }));
