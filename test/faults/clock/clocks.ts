/** What is done to the clock of a service, and what must be so afterwards. */
import { setTimeout as delay } from 'node:timers/promises';
import { Clockwork, type Service } from './rig.ts';

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;
/** It takes five minutes of agreement, and a little. */
const agreementMs = 6 * minuteMs;

/** What was pushed in one run, and what of it must be there. */
class Pushed {
  readonly faults: string[] = [];
  private readonly made: { readonly name: string; readonly id: string; readonly createTime: number }[] = [];

  get count(): number {
    return this.made.length;
  }

  /** Pushes one, whose time must be so far from the real one, give or take. */
  async push(service: Service, name: string, aheadMs = 0, ttlMs?: number): Promise<void> {
    const { artifact } = await service.client.push(`content of ${name}`, {
      session: 'run',
      name,
      ...(ttlMs === undefined ? {} : { expiry: { ttlMs } }),
    });
    const { id } = artifact;
    const createTime = artifact.createTime!.getTime();
    const before = this.made.at(-1);
    const isLater = before === undefined || (before.id < id && before.createTime <= createTime);
    this.expect(isLater, `${name} has an id or a time before that of ${before?.name}`);
    this.near(`the time of ${name}`, createTime - Date.now(), aheadMs);
    if (ttlMs !== undefined)
      this.near(`the end of ${name}`, artifact.expireTime!.getTime() - createTime, ttlMs);
    this.made.push({ name, id, createTime });
  }

  near(what: string, foundMs: number, wantedMs: number): void {
    this.expect(Math.abs(foundMs - wantedMs) < minuteMs, `${what} is off by ${foundMs} ms, not ${wantedMs}`);
  }

  expect(isSo: boolean, fault: string): void {
    if (!isSo) this.faults.push(fault);
  }

  async expectStatus(service: Service, causes: readonly string[], aheadMs: number): Promise<void> {
    const status = await service.status();
    this.expect(
      status.causes.join() === causes.join(),
      `pauses are ${status.causes.join()}, not ${causes.join()}`,
    );
    this.near('the service’s time', status.aheadMs, aheadMs);
  }

  /** Everything that has not expired is there, in the order in which it was pushed. */
  async check(service: Service, expired: readonly string[] = []): Promise<void> {
    for (const { name, id } of this.made) {
      const read = await service.client.open(id).then(
        (download) => download.text(),
        (error: { reason?: string }) => String(error.reason),
      );
      const wanted = expired.includes(name) ? 'ARTIFACT_EXPIRED' : `content of ${name}`;
      this.expect(read === wanted, `${name}: ${read}`);
    }
    const order: string[] = [];
    for await (const event of service.client.sessions.watch('run')) {
      order.push(event.kind === 'committed' ? event.artifact.name : 'expired');
      if (order.length === this.made.length) break;
    }
    const wanted = this.made.map(({ name }) => (expired.includes(name) ? 'expired' : name)).join();
    this.expect(order.join() === wanted, `the session's order is ${order.join()}, not ${wanted}`);
  }
}

/**
 * Sets the clock under a running service: ahead, right again, back, confirmed; and over restarts.
 *
 * @param waits for the end of a suspicion, which takes five minutes; else an operator ends it.
 */
async function underService(clockwork: Clockwork, pushed: Pushed, waits: boolean): Promise<void> {
  {
    await using service = await clockwork.serve();
    await pushed.expectStatus(service, [], 0);
    await pushed.push(service, 'short', 0, 2_000);
    await pushed.push(service, 'an hour', 0, hourMs);
    await delay(2_500);
    clockwork.set('+30d');
    await pushed.push(service, 'in a month', 0, dayMs);
    await pushed.expectStatus(service, ['CLOCK_SUSPECT'], 0);
    await pushed.check(service, ['short']);
    clockwork.set('+0');
    await pushed.push(service, 'back again');
    await pushed.expectStatus(service, ['CLOCK_SUSPECT'], 0);
    if (waits) await service.until([], agreementMs);
    else await service.confirm();
    await pushed.expectStatus(service, [], 0);
    clockwork.set('-2h');
    await pushed.push(service, 'two hours ago', 0, dayMs);
    await pushed.expectStatus(service, ['CLOCK_SUSPECT'], 0);
    await pushed.check(service, ['short']);
    await service.confirm();
    // Time does not go back; it goes at half speed.
    await pushed.expectStatus(service, [], 0);
    await pushed.push(service, 'confirmed');
    await service.stop();
  }
  await using again = await clockwork.serve();
  await pushed.expectStatus(again, [], 0);
  await pushed.push(again, 'confirmed, and started again');
  await pushed.check(again, ['short']);
  await again.stop();
}

/** Starts the service with clocks that are wrong. */
async function atStart(clockwork: Clockwork, pushed: Pushed, waits: boolean): Promise<void> {
  const started = async (offset: string, work: (service: Service) => Promise<void>) => {
    clockwork.set(offset);
    await using service = await clockwork.serve();
    await work(service);
    await service.stop();
  };
  await started('+0', async (service) => {
    await pushed.expectStatus(service, [], 0);
    await pushed.push(service, 'at first', 0, dayMs);
  });
  await started('-10m', async (service) => {
    await pushed.expectStatus(service, ['CLOCK_SUSPECT'], 0);
    await pushed.push(service, 'ten minutes ago');
    clockwork.set('+0');
    if (waits) await service.until([], agreementMs);
    await pushed.push(service, 'right again');
  });
  await started('+0', async (service) => {
    await pushed.expectStatus(service, [], 0);
    await pushed.check(service);
  });
  await started('+30d', async (service) => {
    await pushed.expectStatus(service, ['LONG_GAP'], 30 * dayMs);
    if (waits) await service.until([], agreementMs);
  });
  await started('+30d', async (service) => {
    await pushed.expectStatus(service, [], 30 * dayMs);
    await pushed.push(service, 'a month later', 30 * dayMs);
    await pushed.check(service, ['at first']);
  });
  await started('+0', async (service) => {
    await pushed.expectStatus(service, ['CLOCK_SUSPECT'], 30 * dayMs);
    await service.confirm();
    await pushed.expectStatus(service, [], 30 * dayMs);
    await pushed.push(service, 'a month ago', 30 * dayMs);
    // It does not un-expire.
    await pushed.check(service, ['at first']);
  });
}

/** What a run came to. */
interface ClockReport {
  readonly faults: readonly string[];
  readonly said: string;
}

/** @param waits takes a quarter of an hour. */
export async function setClocks(waits: boolean): Promise<ClockReport> {
  const faults: string[] = [];
  let pushes = 0;
  for (const [name, play] of Object.entries({ 'while it runs': underService, 'at the start': atStart })) {
    const pushed = new Pushed();
    await using clockwork = await Clockwork.open();
    try {
      await play(clockwork, pushed, waits);
    } catch (error) {
      pushed.faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    pushes += pushed.count;
    faults.push(...pushed.faults.map((fault) => `${name}: ${fault}`));
  }
  return { faults, said: `${pushes} pushes under clocks that were wrong` };
}
