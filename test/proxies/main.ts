/**
 * A real nginx in front of a service, with its defaults and as docs/proxies.md says:
 *
 *     node test/proxies/main.ts
 *
 * One line an attempt. Ends with 0 if all came out as they must, or if there can be no nginx here.
 */
import assert from 'node:assert/strict';
import { inTime } from '../faults/server-process.ts';
import { startService } from '../faults/service.ts';
import { type Attempt, attempts, type Through, through } from './attempts.ts';
import { nginxObstacle, startNginx } from './nginx.ts';

const obstacle = nginxObstacle();
if (obstacle === undefined) process.exitCode = (await tryAll()) === 0 ? 0 : 1;
else console.log(`skipped: ${obstacle}`);

/** @returns how many attempts failed. */
async function tryAll(): Promise<number> {
  await using service = await startService('proxies');
  await using nginx = await startNginx(service);
  await using clients = new AsyncDisposableStack();
  const ways: Through[] = [];
  for (const way of nginx.ways) ways.push(clients.use(await through(way, service)));
  let failed = 0;
  for (const attempt of attempts) {
    const chosen = ways.filter(({ way }) => attempt.isFor?.(way) !== false);
    // The silent ones would take half a minute each.
    const atOnce = attempt.isSilent === true ? chosen.length : 1;
    for (let from = 0; from < chosen.length; from += atOnce) {
      const tried = chosen.slice(from, from + atOnce).map((on) => isRight(attempt, on));
      for (const right of await Promise.all(tried)) if (!right) failed++;
    }
  }
  console.log(failed === 0 ? 'behind nginx: all is well' : `behind nginx: ${failed} failed`);
  return failed;
}

async function isRight({ name, run }: Attempt, on: Through): Promise<boolean> {
  try {
    await inTime(run(on), 'no end within 90 seconds', 90_000);
    assert.deepEqual(on.repeated, [], 'calls were repeated');
    console.log(`ok: ${on.way.name}: ${name}`);
    return true;
  } catch (error) {
    console.log(`FAILED: ${on.way.name}: ${name}: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}
