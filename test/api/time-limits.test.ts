/** How long calls may take, and how much uploads may hold: limits that no client can talk its way out of. */
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { Admission } from '../../src/api/admission.ts';
import { type CallRecord, guard } from '../../src/api/guard.ts';
import type { Handlers } from '../../src/api/handlers.ts';
import { routes } from '../../src/api/routes.ts';
import { Failure } from '../../src/domain/errors.ts';
import { limits } from '../../src/domain/limits.ts';
import { refusal, type UploadMessage } from '../support/calls.ts';
import { clientsOf, openTestStore } from '../support/service.ts';
import { TestTimers } from '../support/timers.ts';

function serve(handlers: Handlers<typeof ArtifactService>) {
  const timers = new TestTimers();
  const calls: CallRecord[] = [];
  const { elapsed, after } = timers;
  const options = { onCall: (record: CallRecord) => calls.push(record), elapsed, after };
  const transport = createRouterTransport((router) => {
    router.service(
      ArtifactService,
      guard(ArtifactService, () => handlers, options),
    );
  });
  return { timers, calls, artifacts: createClient(ArtifactService, transport) };
}

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 1, timeout: 5_000 }).toBe(true);
}

describe('a unary call', () => {
  it('whose client sets no deadline ends after the usual time, also if its handler does not', async () => {
    let signal: AbortSignal | undefined;
    const { artifacts, timers, calls } = serve({
      getArtifact: async (_request, call) => {
        signal = call.signal;
        return await new Promise<never>(() => undefined);
      },
    });
    const call = refusal(artifacts.getArtifact({}));
    await until(() => signal !== undefined);
    timers.advance(limits.deadlineSecondsDefault * 1000 - 1);
    expect(calls).toEqual([]);
    timers.advance(1);
    expect(await call).toMatchObject({ code: 'DeadlineExceeded', reason: 'DEADLINE_EXCEEDED' });
    expect(signal?.aborted).toBe(true);
    expect(timers.count).toBe(0);
  });

  it('leaves no timer behind', async () => {
    const { artifacts, timers } = serve({ getArtifact: async () => ({}) });
    await artifacts.getArtifact({});
    expect(timers.count).toBe(0);
  });
});

describe('a reader that takes nothing', () => {
  it('is given up after a while, and what it read from is closed', async () => {
    let isClosed = false;
    const handler = async function* () {
      try {
        for (;;) yield { part: { case: 'chunk' as const, value: new Uint8Array(1) } };
      } finally {
        isClosed = true;
      }
    };
    const { artifacts, timers } = serve({ downloadArtifact: handler });
    const answers = artifacts.downloadArtifact({})[Symbol.asyncIterator]();
    await answers.next();
    await until(() => timers.count > 0);
    timers.advance(limits.stalledReaderSecondsMax * 1000);
    await until(() => isClosed);
    const drained = async () => {
      for (let next = await answers.next(); next.done !== true; next = await answers.next());
    };
    expect(await refusal(drained())).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
  });
});

/** A stream that sends what it is given, and says nothing else. */
function stream() {
  const queued: UploadMessage[] = [];
  let wake = () => {};
  let taken = 0;
  let hasEnded = false;
  async function* iterate(): AsyncGenerator<UploadMessage> {
    for (;;) {
      const next = queued.shift();
      if (next !== undefined) {
        taken++;
        yield next;
      } else if (hasEnded) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  return {
    messages: iterate(),
    taken: () => taken,
    end: () => {
      hasEnded = true;
      wake();
    },
    send: (...parts: NonNullable<UploadMessage['part']>[]) => {
      queued.push(...parts.map((part) => ({ part })));
      wake();
    },
  };
}

async function openUploads(admissionLimits: { uploadsMax?: number } = {}) {
  const opened = await openTestStore();
  const timers = new TestTimers();
  const { elapsed, after } = timers;
  const admission = new Admission({ elapsed, after, ...admissionLimits });
  const calls: CallRecord[] = [];
  const onCall = (record: CallRecord) => calls.push(record);
  const transport = createRouterTransport(
    routes({ store: () => opened.store, onCall, elapsed, after, admission }),
  );
  return { ...opened, ...clientsOf(transport), timers, admission, calls };
}

const start = (name: string) => ({ case: 'start' as const, value: { spec: { session: 's', name } } });
const chunk = (bytes: number) => ({ case: 'chunk' as const, value: new Uint8Array(bytes) });

describe('an upload that says nothing', () => {
  it.each([
    ['at all', 0, limits.idleSecondsMax],
    ['after its start', 1, limits.idleSecondsMax],
    ['after a large chunk, with the time that another one may take', 2, limits.idleSecondsMax + 64],
  ])('%s ends, and leaves nothing', async (_what, sent, seconds) => {
    await using service = await openUploads();
    const { messages, send, taken } = stream();
    const call = refusal(service.artifacts.uploadArtifact(messages));
    send(...[start('a'), chunk(1024 * 1024)].slice(0, sent));
    await until(() => taken() === sent && service.admission.uploadCount === 1 && service.timers.count === 1);
    service.timers.advance(seconds * 1000 - 1);
    expect(service.admission.uploadCount).toBe(1);
    service.timers.advance(1);
    expect(await call).toMatchObject({ code: 'DeadlineExceeded', reason: 'DEADLINE_EXCEEDED' });
    await until(() => service.blobs.stagedCount === 0 && service.admission.uploadCount === 0);
    expect(service.admission.unwrittenBytes).toBe(0);
    expect(service.timers.count).toBe(0);
  });
});

describe('too many uploads', () => {
  it('are told to come back, unless a slow one can make room', async () => {
    await using service = await openUploads({ uploadsMax: 2 });
    const open = () => {
      const { messages, ...rest } = stream();
      const ended = service.artifacts.uploadArtifact(messages).then(
        () => 'OK',
        async (error) => (await refusal(Promise.reject(error))).reason,
      );
      return { ...rest, ended };
    };
    const [slow, slower] = [open(), open()];
    slow.send(start('slow'), chunk(2_000));
    slower.send(start('slower'), chunk(1_000));
    await until(() => slow.taken() === 2 && slower.taken() === 2 && service.timers.count === 2);
    expect(await open().ended).toBe('OVERLOADED');
    service.timers.advance(limits.uploadRateSecondsGrace * 1000);
    const late = open();
    expect(await slower.ended).toBe('OVERLOADED');
    late.send(start('late'), chunk(10), { case: 'finish', value: { sizeBytes: 10n } });
    late.end();
    expect(await late.ended).toBe('OK');
    service.timers.advance(60_000);
    expect(await slow.ended).toBe('DEADLINE_EXCEEDED');
  });
});

it('a compressed upload is as slow as what comes of it, whatever that holds', () => {
  const timers = new TestTimers();
  const admission = new Admission({ elapsed: timers.elapsed, after: timers.after });
  const by = { namespace: 'default', payer: { group: 'default', name: 'key' } };
  let received = 0;
  using packed = admission.begin({ ...by, receivedBytes: () => received }, () => undefined);
  using plain = admission.begin(by, () => undefined);
  const seconds = limits.uploadRateSecondsGrace;
  for (const upload of [packed, plain])
    void upload.writing(seconds * limits.uploadRateBytesMin, async () => {});
  received = seconds * limits.uploadRateBytesMin - 1;
  timers.advance(seconds * 1000);
  expect([packed.isSlow, plain.isSlow]).toEqual([true, false]);
  received++;
  expect(packed.isSlow).toBe(false);
});

describe('places for uploads', () => {
  function places(uploadsMax: number) {
    const { elapsed, after } = new TestTimers();
    const admission = new Admission({ elapsed, after, uploadsMax });
    const cut: string[] = [];
    const begin = (group: string, name: string) =>
      admission.begin({ namespace: group, payer: { group, name } }, ({ reason, message }) => {
        cut.push(`${group}/${name}: ${reason} ${message}`);
      });
    return { admission, begin, cut };
  }

  it('go to one who asks, at once, from whoever has more than a share', () => {
    const { admission, begin, cut } = places(8);
    for (let at = 0; at < 8; at++) begin('a', `token-${at % 2}`);
    expect(() => begin('a', 'token-0')).toThrow(/too many uploads/);
    for (let at = 0; at < 4; at++) begin('b', 'k');
    expect(cut).toHaveLength(4);
    for (const said of cut)
      expect(said).toMatch(/^a\/token-\d: OVERLOADED this upload was ended: these credentials have too many/);
    // Half each: from here on each has its own.
    expect(() => begin('b', 'k')).toThrow(/too many uploads/);
    expect(() => begin('a', 'token-1')).toThrow(/too many uploads/);
    expect(admission.uploadCount).toBe(8);
  });

  it('a credential of the same namespace gets its part, too', () => {
    const { begin, cut } = places(6);
    for (let at = 0; at < 6; at++) begin('a', 'loud');
    begin('a', 'quiet');
    expect(cut).toHaveLength(1);
    expect(cut[0]).toMatch(/^a\/loud/);
  });
});

describe('what was received and is not yet written', () => {
  function admitted(options: { unwrittenBytesMax: number; namespaceUnwrittenBytesMax: number }) {
    const timers = new TestTimers();
    const { elapsed, after } = timers;
    const admission = new Admission({ elapsed, after, ...options });
    const upload = (namespace: string) =>
      admission.begin({ namespace, payer: { group: namespace, name: 'k' } }, () => undefined);
    const write = (namespace: string, bytes: number) => {
      const disk = Promise.withResolvers<void>();
      let began = false;
      const done = upload(namespace)
        .writing(bytes, async () => {
          began = true;
          await disk.promise;
        })
        .then(
          () => 'written',
          (error: Failure) => error.reason,
        );
      return { done, began: () => began, finish: disk.resolve };
    };
    return { timers, admission, write };
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  it('is bounded in all and for each namespace, and one that waits does not hold up another', async () => {
    const { admission, write } = admitted({ unwrittenBytesMax: 100, namespaceUnwrittenBytesMax: 60 });
    const first = write('a', 50);
    const waits = write('a', 20);
    const other = write('b', 40);
    const last = write('c', 20);
    await settle();
    expect([first, waits, other, last].map(({ began }) => began())).toEqual([true, false, true, false]);
    expect(admission.unwrittenBytes).toBe(90);
    other.finish();
    await settle();
    expect([waits, last].map(({ began }) => began())).toEqual([false, true]);
    first.finish();
    await settle();
    expect(waits.began()).toBe(true);
    for (const one of [waits, last]) one.finish();
    expect(await Promise.all([first, waits, other, last].map(({ done }) => done))).toEqual(
      Array(4).fill('written'),
    );
    expect(admission.unwrittenBytes).toBe(0);
  });

  it('goes on with whoever has least under way', async () => {
    const { write } = admitted({ unwrittenBytesMax: 100, namespaceUnwrittenBytesMax: 100 });
    const [first, second] = [write('a', 60), write('a', 40)];
    const [greedy, modest] = [write('a', 40), write('b', 40)];
    await settle();
    expect([greedy, modest].map(({ began }) => began())).toEqual([false, false]);
    second.finish();
    await settle();
    expect([greedy, modest].map(({ began }) => began())).toEqual([false, true]);
    for (const one of [first, modest, greedy]) one.finish();
    await settle();
    expect(await Promise.all([greedy, modest].map(({ done }) => done))).toEqual(['written', 'written']);
  });

  it('makes others wait for so long, and then come back', async () => {
    const { timers, admission, write } = admitted({
      unwrittenBytesMax: 100,
      namespaceUnwrittenBytesMax: 100,
    });
    const first = write('a', 100);
    const second = write('a', 1);
    await settle();
    timers.advance(limits.admissionSecondsMax * 1000);
    expect(await second.done).toBe('OVERLOADED');
    expect(second.began()).toBe(false);
    first.finish();
    expect(await first.done).toBe('written');
    expect(admission.unwrittenBytes).toBe(0);
    expect(timers.count).toBe(0);
  });

  it('is let go of by a write that fails', async () => {
    const { admission } = admitted({ unwrittenBytesMax: 10, namespaceUnwrittenBytesMax: 10 });
    using upload = admission.begin({ namespace: 'a', payer: { group: 'a', name: 'k' } }, () => undefined);
    const failing = upload.writing(10, async () => {
      throw new Failure('STORAGE_FULL', 'full');
    });
    await expect(failing).rejects.toThrow('full');
    expect(admission.unwrittenBytes).toBe(0);
  });
});
