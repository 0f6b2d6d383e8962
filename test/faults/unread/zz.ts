import { mkdtempSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { attack } from './attack.ts';
import { residentOf, startService } from './service.ts';
const wantedCases = process.argv.slice(2); // protocol/kind/connections/streams
const dir = mkdtempSync('/tmp/w/unread-');
const s = await startService(dir, true, 'none');
for (const c of wantedCases) {
  const [protocol, kind, n, streams] = c.split('/') as [any, any, string, string];
  const l = s.listeners.find((x) => x.protocol === protocol.replace('HTTP1', 'HTTP/1.1').replace('HTTP2', 'HTTP/2'))!;
  const begun = await attack(l, { ...s.wanted, kind, headers: s.wanted.headers }, Number(n), Number(streams));
  let peak = 0; const until = performance.now() + 5000;
  while (performance.now() < until) { peak = Math.max(peak, residentOf(s.pid) ?? 0); await delay(100); }
  begun.end(); await delay(2000);
  console.log(c, 'peak', peak, 'after', residentOf(s.pid));
}
await delay(12000);
process.kill(s.pid, 'SIGUSR2'); await delay(2000);
await s[Symbol.asyncDispose](); rmSync(dir, { recursive: true }); process.exit(0);
