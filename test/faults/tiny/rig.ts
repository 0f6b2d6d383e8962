/**
 * A real service that is sent messages as small as they come, and as many bytes in large ones, while somebody else in a
 * process of their own goes on. What that costs them is compared.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { startCanary, type WorkedSteadily } from '../canary.ts';
import type { Outcome } from '../outcome.ts';
import { startService } from '../service.ts';
import { type Form, forms, type Sender, type Target } from './attack.ts';
import { fieldForms } from './fields.ts';

/** The 99th percentile beside tiny messages, by that beside large ones, at most. */
const ratioMax = 3;
/** Below so many milliseconds the machine says more than the service. */
const p99Floor = 40;
const paceMs = 5;

async function behave(target: Target, ms: number): Promise<WorkedSteadily> {
  using canary = await startCanary(`http://${target.http}`, target.key);
  await delay(ms);
  return await canary.end();
}

async function beside(target: Target, begin: Form['tiny'], ms: number, count: number) {
  const senders: Sender[] = [];
  for (let at = 0; at < count; at++) senders.push(await begin(target));
  await delay(paceMs);
  const behaved = await behave(target, ms);
  const sent = senders.reduce((sum, sender) => sum + sender.sent(), 0);
  for (const sender of senders) sender.end();
  await delay(500);
  return { ...behaved, sent };
}

/** Each form after another, each on a service of its own. @param seconds of each half. */
export async function* sendTiny(seconds: number): AsyncGenerator<Outcome> {
  for (const form of [...forms, ...fieldForms]) {
    const first = await compare(form, seconds);
    // Two slow calls of two hundred may be the machine's: only twice in turn they are the service's.
    const isSlowAlone = first.slow.length > 0 && first.failed.length === 0;
    const { failed, slow, said } = isSlowAlone ? await compare(form, seconds) : first;
    const before = isSlowAlone ? ` (at first ${first.slow.join()})` : '';
    yield { name: form.name, faults: [...failed, ...slow], said: said + before };
  }
}

/** One form, on a service of its own. @param seconds of each half. */
async function compare({ tiny, large }: Form, seconds: number) {
  await using service = await startService('tiny');
  const usual = await beside(service, large, seconds * 1_000, 2);
  const attacked = await beside(service, tiny, seconds * 1_000, 2);
  const allowed = Math.max(p99Floor, usual.p99 * ratioMax);
  return {
    failed: [
      ...(attacked.calls === 0 ? ['nobody else was served'] : []),
      ...attacked.failures.slice(0, 3).map((failure) => `another client was failed: ${failure}`),
    ],
    slow: attacked.p99 > allowed ? [`p99 ${attacked.p99} ms, beside large messages ${usual.p99} ms`] : [],
    said:
      `p50 ${attacked.p50}, p99 ${attacked.p99} ms of ${attacked.calls} beside ${mebibytes(attacked.sent)} MiB tiny; ` +
      `p50 ${usual.p50}, p99 ${usual.p99} ms of ${usual.calls} beside ${mebibytes(usual.sent)} MiB large`,
  };
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}
