/** Any of several processes over one store takes any call: it is decided by the owner of its namespace. */
import { createClient } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { Scope } from '../../../gen/artifacta/v1/api_key_pb.ts';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { parseNamespace } from '../../../src/domain/names.ts';
import { localOperator } from '../../../src/domain/principal.ts';
import { keys } from '../../../src/index/keys.ts';
import { openHttpTransport } from '../../server/http/listeners.ts';
import { byName, create, refusal } from '../../support/calls.ts';
import { openReplicaSet, type Replica, type ReplicaOptions } from '../../support/replica-servers.ts';
import { clientsOf } from '../../support/service.ts';

const { SUCCEEDED, FAILED } = SessionOutcome;

async function open(...options: ReplicaOptions[]) {
  const set = await openReplicaSet();
  onTestFinished(() => set[Symbol.asyncDispose]());
  const replicas: Replica[] = [];
  for (const one of options) replicas.push(await set.add(one));
  const [asked, owner, third] = replicas as [Replica, Replica, Replica];
  set.assignments.assign('default', owner.address);
  return { set, asked, owner, third };
}

const methodsOf = (calls: Replica['passed']) => calls.map(({ method }) => method.split('/')[1]);
const outcomesOf = (calls: Replica['passed']) => calls.map(({ outcome }) => outcome);

describe('a call about a namespace of another process', () => {
  it('is decided there, and a read is answered here', async () => {
    const { asked, owner } = await open({}, {});
    await asked.sessions.openSession({ session: 'run', labels: { a: 'b' } });
    await create(asked, { session: 'run', name: 'a' }, 'text');
    await asked.artifacts.updateArtifact({
      artifact: byName('run', 'a'),
      changes: { labels: { seen: 'yes' } },
    });
    const sealed = await asked.sessions.sealSession({ session: 'run', outcome: SUCCEEDED });
    expect(sealed.session).toMatchObject({ id: 'run', outcome: SUCCEEDED, labels: { a: 'b' } });
    const { artifact } = await asked.artifacts.getArtifact({ artifact: byName('run', 'a') });
    expect(artifact?.labels).toEqual({ seen: 'yes' });
    expect(methodsOf(owner.passed)).toEqual([
      'OpenSession',
      'CommitContent',
      'UpdateArtifact',
      'SealSession',
    ]);
    for (const call of owner.passed)
      expect(call).toMatchObject({
        transport: 'replica',
        namespace: 'default',
        subject: 'local',
        outcome: 'OK',
      });
    expect(outcomesOf(asked.calls)).toEqual(['OK', 'OK', 'OK', 'OK', 'OK']);
  });

  it('may come by HTTP', async () => {
    const { asked, owner } = await open({}, {});
    const { sessions } = clientsOf(openHttpTransport('Connect', `http://${asked.server.addresses.http}`));
    await sessions.openSession({ session: 'run' });
    const put = await fetch(`http://${asked.server.addresses.http}/v1/sessions/run/artifacts/a.txt`, {
      method: 'PUT',
      body: 'text',
    });
    expect(put.status).toBe(201);
    expect(methodsOf(owner.passed)).toEqual(['OpenSession', 'CommitContent']);
  });

  it('fails with the same error as there', async () => {
    const { asked, owner } = await open({}, {});
    await owner.sessions.sealSession({ session: 'none', outcome: SUCCEEDED }).catch(() => undefined);
    await create(owner, { session: 'run', name: 'held' }, 'text');
    await owner.artifacts.updateArtifact({ artifact: byName('run', 'held'), changes: { hold: true } });
    await owner.sessions.sealSession({ session: 'run', outcome: SUCCEEDED });
    const failing: ((of: Replica) => Promise<unknown>)[] = [
      ({ sessions }) => sessions.openSession({ session: '..' }),
      ({ sessions }) => sessions.sealSession({ session: 'none', outcome: SUCCEEDED }),
      ({ sessions }) => sessions.sealSession({ session: 'run', outcome: FAILED }),
      ({ sessions }) => sessions.deleteSession({ session: 'run' }),
      ({ artifacts }) => artifacts.deleteArtifact({ artifact: byName('run', 'held') }),
      ({ artifacts }) => artifacts.createShareLink({ artifact: byName('run', 'absent') }),
      (of) => create(of, { session: 'run', name: 'late' }, 'text'),
    ];
    for (const call of failing) expect(await refusal(call(asked))).toEqual(await refusal(call(owner)));
  });

  it('goes to the owner that a process names which is not the owner', async () => {
    const { set, asked, owner, third } = await open({}, {}, {});
    set.assignments.mislead(asked.address, 'default', third.address);
    await asked.sessions.openSession({ session: 'run' });
    expect(outcomesOf(third.passed)).toEqual(['NOT_OWNER']);
    expect(outcomesOf(owner.passed)).toEqual(['OK']);
    expect(asked.forgotten).toEqual(['default']);
  });

  it('is decided by the owner, although that remembers another one', async () => {
    const { set, asked, owner, third } = await open({}, {}, {});
    set.assignments.mislead(owner.address, 'default', third.address);
    await asked.sessions.openSession({ session: 'run' });
    expect(outcomesOf(owner.passed)).toEqual(['OK']);
    expect(third.passed).toEqual([]);
  });

  it('goes to the owner if this process has ceased to be the owner meanwhile', async () => {
    const { set, asked, owner } = await open({}, {});
    set.assignments.mislead(asked.address, 'default', asked.address);
    await asked.sessions.openSession({ session: 'run' });
    expect(methodsOf(owner.passed)).toEqual(['OpenSession']);
  });

  it('waits until the namespace of a dead process has another owner', async () => {
    const { set, asked, owner, third } = await open({}, {}, {});
    await owner.die();
    const opening = asked.sessions.openSession({ session: 'run' });
    const pushing = create(asked, { session: 'other', name: 'a' }, 'text');
    await expect.poll(() => asked.forgotten.length).toBeGreaterThan(3);
    set.assignments.assign('default', third.address);
    await Promise.all([opening, pushing]);
    expect(methodsOf(third.passed).sort()).toEqual(['CommitContent', 'OpenSession']);
  });

  it('is refused before its deadline if no owner is found', async () => {
    const { asked, owner } = await open({}, {});
    await owner.die();
    const refused = await refusal(asked.sessions.openSession({ session: 'run' }, { timeoutMs: 1_000 }));
    expect(refused).toMatchObject({
      code: 'Unavailable',
      reason: 'NOT_OWNER',
      message:
        'the replica that decides about the namespace default was not found in time; nothing was done: try again',
      metadata: {},
    });
  });

  it('ends at its deadline while the owner works, and when the caller gives it up', async () => {
    const stalled = Promise.withResolvers<void>();
    let isStalled = false;
    const stalling = { beforeTransaction: () => (isStalled ? stalled.promise : undefined) };
    const { asked, owner } = await open({}, stalling);
    isStalled = true;
    await refusal(asked.sessions.openSession({ session: 'run' }, { timeoutMs: 300 }));
    const stop = new AbortController();
    const call = asked.sessions.openSession({ session: 'run' }, { signal: stop.signal });
    setImmediate(() => stop.abort());
    await expect(call).rejects.toThrow();
    await expect.poll(() => asked.calls.length).toBe(2);
    await expect.poll(() => owner.passed.length).toBeGreaterThan(0);
    // Who ends a call first, at its deadline, is not determined.
    for (const outcome of outcomesOf([...asked.calls, ...owner.passed]))
      expect(outcome).toMatch(/^(CANCELLED|DEADLINE_EXCEEDED)$/);
    stalled.resolve();
  });
});

describe('a call whose answer was lost', () => {
  async function losing() {
    const stalled = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    let isStalled = false;
    const stalling: ReplicaOptions = {
      beforeTransaction: () => {
        if (!isStalled) return undefined;
        begun.resolve();
        return stalled.promise;
      },
    };
    const opened = await open({}, stalling, {});
    isStalled = true;
    onTestFinished(() => stalled.resolve());
    /** Ends the owner when it has begun. */
    const lose = async () => {
      await begun.promise;
      await opened.owner.die();
      opened.set.assignments.assign('default', opened.third.address);
    };
    return { ...opened, lose };
  }

  it('is made again if it may be', async () => {
    const { asked, third, lose } = await losing();
    const opening = asked.sessions.openSession({ session: 'run' });
    await lose();
    await opening;
    expect(methodsOf(third.passed)).toEqual(['OpenSession']);
  });

  it('is made again if it has a request id', async () => {
    const { asked, third, lose } = await losing();
    const pushing = create(asked, { session: 'run', name: 'a', requestId: 'r' }, 'text');
    await lose();
    expect((await pushing).artifact?.version).toBe(1n);
    expect(methodsOf(third.passed)).toEqual(['CommitContent']);
  });

  it('has an unknown outcome if not', async () => {
    const { asked, third, lose } = await losing();
    const pushing = refusal(create(asked, { session: 'run', name: 'a' }, 'text'));
    await lose();
    expect(await pushing).toMatchObject({
      code: 'Unavailable',
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/^the outcome is unknown: /),
    });
    expect(third.passed).toEqual([]);
  });
});

describe('a call of an operator', () => {
  const operator = { authenticate: async () => localOperator(parseNamespace('namespace', 'default')) };
  const admin = ({ transport }: Replica) => createClient(AdminService, transport);

  it('is decided by the owner of what it names', async () => {
    const { set, asked, owner, third } = await open(operator, operator, operator);
    set.assignments.assign('team', third.address);
    const { createNamespace, createApiKey, revokeApiKey, setRetentionPolicy } = admin(asked);
    await createNamespace({ namespace: 'team' });
    await setRetentionPolicy({ namespace: 'team' });
    const made = await createApiKey({ namespace: 'team', scopes: [Scope.READ] });
    await revokeApiKey({ apiKeyId: made.apiKey!.id });
    const ofOperator = await createApiKey({ isOperator: true });
    await revokeApiKey({ apiKeyId: ofOperator.apiKey!.id });
    const four = ['CreateNamespace', 'SetRetentionPolicy', 'CreateApiKey', 'RevokeApiKey'];
    expect(methodsOf(third.passed)).toEqual(four);
    expect(methodsOf(owner.passed)).toEqual(['CreateApiKey', 'RevokeApiKey']);
    expect(await refusal(revokeApiKey({ apiKeyId: `key_${'a'.repeat(16)}` }))).toMatchObject({
      reason: 'API_KEY_NOT_FOUND',
    });
    const record = await set.index.get(keys.credentials.apiKey.key(made.apiKey!.id));
    expect(record && keys.credentials.apiKey.decode(record).revokeTime).toBeDefined();
  });

  it('is refused if it concerns the whole index', async () => {
    const { asked } = await open(operator, operator);
    const { acceptLoss, verify } = admin(asked);
    const refused = await refusal(acceptLoss({ lossId: 'x' }));
    expect(refused).toMatchObject({ reason: 'NOT_IMPLEMENTED' });
    expect(refused.message).toMatch(
      /^AcceptLoss is not offered while several replicas serve the store: stop /,
    );
    const repairing = async () => {
      for await (const _event of verify({ repairReportId: 'x' }));
    };
    expect((await refusal(repairing)).message).toMatch(/^Verify is not offered/);
  });
});
